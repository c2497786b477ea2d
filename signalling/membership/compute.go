package membership

import (
	"cmp"
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// Compute says who is in which call of a room at an instant, who is not and by
// which rule, and when time alone will change that. It follows MSC4143
// (session algorithm) and MSC3401, in this order:
//
//  1. call objects, since conferences need them;
//  2. member events by their adapter into claims, one for each device;
//  3. claims whose time is over do not count, with a few seconds of slack;
//  4. of claims of one device in one session the newest counts;
//  5. sessions, their members oldest first; the oldest decides the focus.
//
// The order of facts.State does not matter. now is the reader's clock.
func Compute(facts Facts, now time.Time) Result {
	r := room{facts: facts, calls: map[string]call{}, claims: make([]claim, 0, len(facts.State))}
	for i := range facts.State {
		if e := &facts.State[i]; e.Type == message.TypeCall || e.Type == message.TypeCallStable {
			r.readCall(e)
		}
	}
	for i := range facts.State {
		if e := &facts.State[i]; isMember(e.Type) {
			r.read(e)
		}
	}
	r.expire(now)
	r.keepNewest()
	r.sessions()
	slices.SortFunc(r.result.Refusals, compareRefusals)
	return r.result
}

// isMember reports whether a state event of the type can be a membership. The
// seed of MSC4143 had the per-device form under the type of sticky events.
func isMember(eventType string) bool {
	switch eventType {
	case message.TypeCallMember, message.TypeCallMemberStable, message.TypeMember, message.TypeMemberStable:
		return true
	}
	return false
}

// room is one computation.
type room struct {
	facts  Facts
	calls  map[string]call // by conference ID, terminated ones too
	claims []claim         // those that no rule has refused so far
	result Result
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
func (r *room) expire(now time.Time) {
	r.claims = slices.DeleteFunc(r.claims, func(c claim) bool {
		end := c.endsAt()
		if !end.After(now) {
			r.refuse(c.event, c.member.DeviceID, c.expired, "expired "+c.member.ExpiresAt.UTC().Format(time.RFC3339))
			return true
		}
		if r.result.Next.IsZero() || end.Before(r.result.Next) {
			r.result.Next = end
		}
		return false
	})
}

// keepNewest leaves one claim for each device and session.
func (r *room) keepNewest() {
	type place struct {
		confID string
		party  message.Party
	}
	at := make(map[place]int, len(r.claims))
	kept := r.claims[:0]
	for i := range r.claims {
		c := r.claims[i]
		where := place{c.confID, c.member.Party}
		twin, ok := at[where]
		if !ok {
			at[where] = len(kept)
			kept = append(kept, c)
			continue
		}
		if !kept[twin].newer(&c) { // the later of two in one event counts
			kept[twin], c = c, kept[twin]
		}
		r.refuse(c.event, c.member.DeviceID, RuleNewest, "newer is "+kept[twin].event.EventID)
	}
	r.claims = kept
}

// byConference gives the claims of each session, oldest first.
func (r *room) byConference() map[string][]*claim {
	order := make([]*claim, len(r.claims))
	for i := range r.claims {
		order[i] = &r.claims[i]
	}
	slices.SortFunc(order, func(a, b *claim) int {
		if order := cmp.Compare(a.confID, b.confID); order != 0 {
			return order
		}
		return compareMembers(&a.member, &b.member)
	})
	groups := map[string][]*claim{}
	for start, at := 0, 1; at <= len(order); at++ {
		if at == len(order) || order[at].confID != order[start].confID {
			groups[order[start].confID] = order[start:at]
			start = at
		}
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
		s := Session{Form: message.FormSession, Focus: group[0].member.Focus, Current: true}
		r.add(confID, s, group)
	}
	slices.SortFunc(r.result.Sessions, func(a, b Session) int { return cmp.Compare(a.ConfID, b.ConfID) })
}

// add puts a session together. Who uses another focus than the oldest member
// of a mesh is shown but not met (decision D6).
func (r *room) add(confID string, s Session, group []*claim) {
	s.Key = Key{RoomID: r.facts.RoomID, ConfID: confID}
	s.Members = make([]Member, 0, len(group))
	for _, c := range group {
		s.Members = append(s.Members, c.member)
		if !c.member.Mesh && message.IsMesh(s.Focus) {
			r.refuse(c.event, c.member.DeviceID, RuleFocus, "focus "+c.member.Focus+", the session has "+s.Focus)
		}
	}
	r.result.Sessions = append(r.result.Sessions, s)
}

// compareMembers orders members oldest first.
func compareMembers(a, b *Member) int {
	if order := a.CreatedAt.Compare(b.CreatedAt); order != 0 {
		return order
	}
	return cmp.Or(
		cmp.Compare(a.EventID, b.EventID),
		cmp.Compare(a.UserID, b.UserID),
		cmp.Compare(a.DeviceID, b.DeviceID),
	)
}

func compareRefusals(a, b Refusal) int {
	return cmp.Or(
		cmp.Compare(a.EventID, b.EventID),
		cmp.Compare(a.Sender, b.Sender),
		cmp.Compare(a.StateKey, b.StateKey),
		cmp.Compare(a.DeviceID, b.DeviceID),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Detail, b.Detail),
	)
}
