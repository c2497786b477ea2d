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
	r := room{facts: facts, calls: map[string]call{}}
	for i := range facts.State {
		if e := &facts.State[i]; e.Type == message.TypeCall || e.Type == message.TypeCallStable {
			r.readCall(e)
		}
	}
	var claims []claim
	for i := range facts.State {
		if e := &facts.State[i]; isMember(e.Type) {
			claims = append(claims, r.read(e)...)
		}
	}
	claims = r.unexpired(claims, now)
	r.next(claims)
	r.sessions(r.newest(claims))
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

// unexpired takes out the claims whose time is over.
func (r *room) unexpired(claims []claim, now time.Time) []claim {
	return slices.DeleteFunc(claims, func(c claim) bool {
		over := !c.endsAt().After(now)
		if over {
			r.refuse(c.event, c.member.DeviceID, c.expired, "expired "+c.member.ExpiresAt.UTC().Format(time.RFC3339))
		}
		return over
	})
}

// next notes when the first claim runs out. A claim that a newer one hides
// counts too: then another rule refuses it.
func (r *room) next(claims []claim) {
	for i := range claims {
		if end := claims[i].endsAt(); r.result.Next.IsZero() || end.Before(r.result.Next) {
			r.result.Next = end
		}
	}
}

// newest keeps one claim for each device and session.
func (r *room) newest(claims []claim) []claim {
	type place struct {
		confID string
		party  message.Party
	}
	kept := claims[:0]
	at := make(map[place]int, len(claims))
	for _, c := range claims {
		where := place{c.confID, c.member.Party}
		i, ok := at[where]
		if !ok {
			at[where] = len(kept)
			kept = append(kept, c)
			continue
		}
		if !kept[i].newer(&c) {
			kept[i], c = c, kept[i]
		}
		r.refuse(c.event, c.member.DeviceID, RuleNewest, "newer is "+kept[i].event.EventID)
	}
	return kept
}

// sessions groups the claims that count, and adds live calls without members.
func (r *room) sessions(claims []claim) {
	members := map[string][]Member{}
	for i := range claims {
		confID := claims[i].confID
		members[confID] = append(members[confID], claims[i].member)
	}
	current := r.current()
	for confID, c := range r.calls {
		if !c.object.Terminated {
			r.add(Session{
				Key:     Key{RoomID: r.facts.RoomID, ConfID: confID},
				Form:    message.FormCalls,
				Members: members[confID],
				Focus:   message.FocusFullMesh,
				Call:    &c.object,
				Current: confID == current,
			})
			delete(members, confID)
		}
	}
	for confID, all := range members {
		r.add(Session{
			Key:     Key{RoomID: r.facts.RoomID, ConfID: confID},
			Form:    message.FormSession,
			Members: all,
			Current: true,
		})
	}
	slices.SortFunc(r.result.Sessions, func(a, b Session) int { return cmp.Compare(a.ConfID, b.ConfID) })
}

// add completes a session. In the per-device form the oldest member decides
// the focus, and who uses another one is shown but not met (decision D6).
func (r *room) add(s Session) {
	slices.SortFunc(s.Members, compareMembers)
	if s.Form == message.FormSession {
		s.Focus = s.Members[0].Focus
		for i := range s.Members {
			if m := &s.Members[i]; !m.Mesh && message.IsMesh(s.Focus) {
				r.result.Refusals = append(r.result.Refusals, Refusal{
					RoomID: s.RoomID, EventID: m.EventID, Sender: m.UserID, DeviceID: m.DeviceID,
					Rule: RuleFocus, Detail: "focus " + m.Focus + ", the session has " + s.Focus,
				})
			}
		}
	}
	r.result.Sessions = append(r.result.Sessions, s)
}

// compareMembers orders members oldest first.
func compareMembers(a, b Member) int {
	return cmp.Or(
		a.CreatedAt.Compare(b.CreatedAt),
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
