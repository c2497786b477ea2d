package membership

import (
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// adapter reads one written-down form of a membership into claims. A further
// form is a further adapter: the legacy array and the Dart SDK's
// com.famedly.call.member need one for message.FormLegacy; sticky events need
// their own list in Facts beside State.
type adapter struct {
	form message.Form
	// read hands what the event claims, or why it cannot, to the room. The
	// sender is joined and owns the state key.
	read func(r *room, e *Event, content *message.MemberContent)
}

// adapters are all forms that count. What has left needs none.
var adapters = [...]adapter{
	{form: message.FormCalls, read: readCalls},
	{form: message.FormSession, read: readSession},
}

// claim is the normal form that every adapter reads into: one device says it
// is in one slot or conference. The rules that all forms share work on claims.
type claim struct {
	event  *Event
	confID string
	member Member
	// expired is the rule that refuses the claim once its time has come.
	expired Rule
}

// endsAt is the first instant at which the claim does not count. Clocks
// differ, so it is a little later than the member said.
func (c *claim) endsAt() time.Time { return c.member.ExpiresAt.Add(message.ExpirySlack) }

// newer orders claims of one device in one session: by the time of the event,
// then by its ID.
func (c *claim) newer(d *claim) bool {
	if !c.event.SentAt.Equal(d.event.SentAt) {
		return c.event.SentAt.After(d.event.SentAt)
	}
	if c.event.EventID != d.event.EventID {
		return c.event.EventID > d.event.EventID
	}
	if c.event.StateKey != d.event.StateKey {
		return c.event.StateKey > d.event.StateKey
	}
	return c.event.Type > d.event.Type
}

// read takes up the claims of a member event, after the rules that hold for
// all forms.
func (r *room) read(e *Event) {
	content, err := message.ParseMember(e.Content)
	if content.Form == message.FormLeft && err == nil {
		return
	}
	switch {
	case err != nil:
		r.refuse(e, "", RuleReadable, err.Error())
	case !ownsKey(e.StateKey, e.Sender):
		r.refuse(e, "", RuleKeyOwner, "state key "+e.StateKey)
	case !r.facts.Joined[e.Sender]:
		r.refuse(e, "", RuleJoined, "")
	default:
		for i := range adapters {
			if adapters[i].form == content.Form {
				adapters[i].read(r, e, &content)
				return
			}
		}
		r.refuse(e, "", RuleForm, content.Form.String())
	}
}

// ownsKey reports whether a state key names no other user than the sender.
// Seen in rooms are "<user>", "<user>_<anything>" and "_<user>_<anything>";
// the seed of MSC4143 has a JSON list of user and device. A key in which no
// user stands claims nothing, since identity never comes from the key.
func ownsKey(key, sender string) bool {
	at := strings.IndexByte(key, '@')
	if at < 0 {
		return true
	}
	rest, ok := strings.CutPrefix(key[at:], sender)
	return ok && (rest == "" || rest[0] == '_' || rest[0] == '"')
}
