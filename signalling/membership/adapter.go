package membership

import (
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// adapter reads one written-down form of a state membership into claims. A
// further form is a further adapter. Sticky memberships have their own way in,
// since they have a map instead of a state key: see readSticky.
type adapter struct {
	form message.Form
	// read hands what the event claims, or why it cannot, to the room. The
	// sender is joined and owns the state key.
	read func(r *room, e *Event, content *message.MemberContent)
}

// adapters are all state forms that count. What has left needs none.
var adapters = [...]adapter{
	{form: message.FormCalls, read: readCalls},
	{form: message.FormSession, read: readSession},
	{form: message.FormSeed, read: readSession},
	{form: message.FormLegacy, read: readLegacy},
	{form: message.FormFamedly, read: readFamedly},
}

// claim is the normal form that every adapter reads into: one device says it
// is in one slot or conference. The rules that all forms share work on claims.
type claim struct {
	event  *Event
	confID string
	member Member
	// expired is the rule that refuses the claim once its time has come, and
	// slack is how much later than the member said that is.
	expired Rule
	slack   time.Duration
}

// endsAt is the first instant at which the claim does not count.
func (c *claim) endsAt() time.Time { return c.member.ExpiresAt.Add(c.slack) }

// ranks orders the forms in which one device may be in one session at once, as
// js-sdk did when it moved from one to the next.
var ranks = [...]int{
	message.FormLegacy: 1, message.FormSeed: 2, message.FormSession: 2, message.FormSticky: 3,
}

func (c *claim) rank() int {
	if form := int(c.member.Form); form < len(ranks) {
		return ranks[form]
	}
	return 0
}

// before says whether a claim of the same device and session counts rather
// than another.
func (c *claim) before(d *claim) bool {
	if c.rank() != d.rank() {
		return c.rank() > d.rank()
	}
	return c.newer(d)
}

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
	if c.event.Type != d.event.Type {
		return c.event.Type > d.event.Type
	}
	return c.member.Form == message.FormSticky && c.member.MemberID > d.member.MemberID
}

// read takes up the claims of a member event in the state, after the rules
// that hold for all forms.
func (r *room) read(e *Event) {
	if isEmpty(e.Content) { // who has left, the most in old rooms
		return
	}
	var err error
	content := &r.content
	if *content, err = message.ParseMember(e.Content); content.Form == message.FormLeft && err == nil {
		return
	}
	if e.Type == message.TypeMemberFamedly {
		content.Form = famedlyForm(content.Form)
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
				adapters[i].read(r, e, content)
				return
			}
		}
	}
}

// famedlyForm is what a form is under the Dart SDK's type: nothing but its
// memberships[] is read there.
func famedlyForm(form message.Form) message.Form {
	if form == message.FormLegacy {
		return message.FormFamedly
	}
	return message.FormLeft
}

// ownsKey reports whether a state key names no other user than the sender.
// Seen in rooms are "<user>", "<user>_<anything>" and "_<user>_<anything>",
// and "<device>_<user>" from the Dart SDK; the seed of MSC4143 has a JSON list
// of user and device. A key in which no user stands claims nothing, since
// identity never comes from the key.
func ownsKey(key, sender string) bool {
	at := strings.IndexByte(key, '@')
	if at < 0 {
		return true
	}
	rest, ok := strings.CutPrefix(key[at:], sender)
	return ok && (rest == "" || rest[0] == '_' || rest[0] == '"')
}
