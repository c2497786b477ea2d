package membership

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// Compute says who is in which call of a room at an instant, who is not and by
// which rule, and when time alone will change that. It follows MSC4143
// (session algorithm) and MSC3401, in this order:
//
//  1. call objects and slots, since members need them;
//  2. member events by their adapter into claims, one for each device, state
//     first, then the sticky map;
//  3. claims whose time is over do not count, with a few seconds of slack,
//     nor do sticky ones in a slot that is closed;
//  4. of claims of one device in one session that of the better form counts,
//     of two in one form the newest;
//  5. sessions, their members oldest first; the oldest decides the focus.
//
// The order of events does not matter. now is the reader's clock.
func Compute(facts Facts, now time.Time) Result {
	return compute(facts, now, message.Party{}).result
}

// compute is Compute with what was learnt on the way, and as if one party were
// not there.
func compute(facts Facts, now time.Time, without message.Party) *room {
	r := &room{
		facts: facts, now: now, without: without, calls: map[string]call{}, slots: map[string]slot{}, scratch: borrow(),
	}
	defer r.giveBack()
	for i := range facts.State {
		switch e := &facts.State[i]; e.Type {
		case message.TypeCall, message.TypeCallStable:
			r.readCall(e)
		}
	}
	r.readSlots()
	for i := range facts.State {
		if e := &facts.State[i]; isMember(e.Type) {
			r.read(e)
		}
	}
	r.readStickies()
	r.drop(func(c *claim) bool { return c.member.Party == r.without })
	r.expire()
	r.closeSlots()
	r.keepBest()
	r.sessions()
	slices.SortFunc(r.result.Refusals, compareRefusals)
	return r
}

// isMember reports whether a state event of the type can be a membership. The
// seed of MSC4143 had the per-device form under the type of sticky events.
func isMember(eventType string) bool {
	switch eventType {
	case message.TypeCallMember, message.TypeCallMemberStable, message.TypeMember, message.TypeMemberStable,
		message.TypeMemberFamedly:
		return true
	}
	return false
}

// room is one computation.
type room struct {
	facts   Facts
	now     time.Time
	without message.Party
	calls   map[string]call // by conference ID, terminated ones too
	slots   map[string]slot // by slot ID in the spelling of message.SlotID
	result  Result
	*scratch
}

// refuse notes that an event, or one device of it, does not count.
func (r *room) refuse(e *Event, deviceID string, rule Rule, detail string) {
	r.result.Refusals = append(r.result.Refusals, Refusal{
		RoomID:   r.facts.RoomID,
		EventID:  e.EventID,
		StateKey: e.StateKey,
		Sender:   e.Sender,
		DeviceID: deviceID,
		Rule:     rule,
		Detail:   detail,
	})
}

// expire takes out the claims whose time is over and notes when the next one
// runs out. One that a newer claim hides counts for that too: from then on
// another rule refuses it.
func (r *room) expire() {
	r.drop(func(c *claim) bool {
		end := c.endsAt()
		if c.member.Form != message.FormSticky { // whose end is by the reader's clock
			end = end.Add(-r.facts.Ahead)
		}
		if !end.After(r.now) {
			r.refuse(c.event, c.member.DeviceID, c.expired, "expired "+c.member.ExpiresAt.UTC().Format(time.RFC3339))
			return true
		}
		r.wake(end)
		return false
	})
}

// drop takes out the claims of which a condition holds. They are large, so
// none is copied without need.
func (r *room) drop(condition func(c *claim) bool) {
	kept := 0
	for i := range r.claims {
		if condition(&r.claims[i]) {
			continue
		}
		if kept != i {
			r.claims[kept] = r.claims[i]
		}
		kept++
	}
	clear(r.claims[kept:])
	r.claims = r.claims[:kept]
}

// wake notes an instant at which the answer may be another.
func (r *room) wake(at time.Time) {
	if r.result.Next.IsZero() || at.Before(r.result.Next) {
		r.result.Next = at
	}
}

// keepBest leaves one claim for each device and session.
func (r *room) keepBest() {
	for i := range r.claims {
		c := &r.claims[i]
		where := place{c.confID, c.member.Party}
		if twin, ok := r.best[where]; !ok || !twin.before(c) { // the later of two in one event counts
			r.best[where] = c
		}
	}
	if len(r.best) == len(r.claims) {
		return
	}
	hidden := map[*claim]bool{}
	for i := range r.claims {
		c := &r.claims[i]
		switch twin := r.best[place{c.confID, c.member.Party}]; {
		case twin == c:
			continue
		case twin.rank() != c.rank():
			r.refuse(c.event, c.member.DeviceID, RuleForm, twin.member.Form.String()+" is "+twin.event.EventID)
		default:
			r.refuse(c.event, c.member.DeviceID, RuleNewest, "newer is "+twin.event.EventID)
		}
		hidden[c] = true
	}
	r.drop(func(c *claim) bool { return hidden[c] })
}

// byConference gives the claims of each session, oldest first.
func (r *room) byConference() map[string][]*claim {
	for i := range r.claims {
		r.order = append(r.order, &r.claims[i])
	}
	slices.SortFunc(r.order, func(a, b *claim) int {
		if order := strings.Compare(a.confID, b.confID); order != 0 {
			return order
		}
		return compareMembers(&a.member, &b.member)
	})
	groups := map[string][]*claim{}
	for rest := r.order; len(rest) > 0; {
		confID, most := rest[0].confID, len(rest)
		if end := slices.IndexFunc(rest, func(c *claim) bool { return c.confID != confID }); end > 0 {
			most = end
		}
		groups[confID], rest = rest[:most], rest[most:]
	}
	return groups
}

// sessions turns the claims that count into sessions. A live call is one even
// without members.
func (r *room) sessions() {
	groups := r.byConference()
	current := r.current()
	for confID, c := range r.calls {
		if c.object.Terminated {
			continue
		}
		s := Session{
			Form:    message.FormCalls,
			Focus:   message.FocusFullMesh,
			Call:    &c.object,
			Current: confID == current,
		}
		r.add(confID, s, groups[confID])
		delete(groups, confID)
	}
	for confID, group := range groups {
		slot := r.slots[confID]
		if !slot.since.IsZero() {
			r.wake(slot.since.Add(SlotGrace))
		}
		s := Session{Form: message.FormSession, Focus: agreed(group), Current: true, Slot: slot.Status, SlotCallID: slot.CallID}
		if group[0].member.Form == message.FormFamedly {
			s.Form = message.FormFamedly
		}
		r.add(confID, s, group)
	}
	slices.SortFunc(r.result.Sessions, func(a, b Session) int { return cmp.Compare(a.ConfID, b.ConfID) })
}

// add puts a session together. Who cannot be met in a session that is a mesh
// is shown all the same (decision D6).
func (r *room) add(confID string, s Session, group []*claim) {
	s.Key = Key{RoomID: r.facts.RoomID, ConfID: confID}
	s.Members = make([]Member, 0, len(group))
	strangers := 0
	for _, c := range group {
		s.Members = append(s.Members, c.member)
		if !c.member.Mesh {
			strangers++
		}
	}
	if strangers > 0 && message.IsMesh(s.Focus) {
		r.result.Refusals = slices.Grow(r.result.Refusals, strangers)
		r.refuseStrangers(s.Focus, group)
	}
	r.result.Sessions = append(r.result.Sessions, s)
}

// refuseStrangers notes who of a session cannot be met in its mesh. They may be
// many, with few kinds of transport among them.
func (r *room) refuseStrangers(mesh string, group []*claim) {
	detail, of := "", ""
	for _, c := range group {
		if c.member.Mesh {
			continue
		}
		if focus := c.member.Focus; detail == "" || focus != of {
			detail, of = "focus "+focus+", the session has "+mesh, focus
		}
		r.refuse(c.event, c.member.DeviceID, RuleFocus, detail)
	}
}

// compareMembers orders members oldest first.
func compareMembers(a, b *Member) int {
	if order := a.CreatedAt.Compare(b.CreatedAt); order != 0 {
		return order
	}
	if order := strings.Compare(a.EventID, b.EventID); order != 0 {
		return order
	}
	return cmp.Or(strings.Compare(a.UserID, b.UserID), strings.Compare(a.DeviceID, b.DeviceID))
}

func compareRefusals(a, b Refusal) int {
	if order := strings.Compare(a.EventID, b.EventID); order != 0 { // mostly enough
		return order
	}
	return cmp.Or(
		strings.Compare(a.Sender, b.Sender),
		strings.Compare(a.StateKey, b.StateKey),
		strings.Compare(a.DeviceID, b.DeviceID),
		cmp.Compare(a.Rule, b.Rule),
		strings.Compare(a.Detail, b.Detail),
	)
}
