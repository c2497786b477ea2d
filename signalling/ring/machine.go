package ring

import (
	"maps"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Machine follows one ring on one side. It is not safe for concurrent use.
type Machine struct {
	// set once
	role Role
	self message.Party
	stay bool

	ring  Ring
	state State
	// declined are those who said no, of a ring that we placed.
	declined map[string]bool
	// rings: somebody's device said that it rings.
	rings bool
	// peopled: others have been in the session since the ring began.
	peopled bool
	// answer is who joined first, of a ring that we placed.
	answer string
	// stickyKey and told are the Desk's: the place that a later notification
	// may take, and the state that was last told.
	stickyKey string
	told      State
}

// Place begins a ring of ours: we are in the session and the notification is
// still to be sent. stay keeps us there when nobody comes; else the machine
// asks to Leave.
func Place(self message.Party, ring Ring, stay bool) *Machine {
	ring.Sender = self.UserID
	return &Machine{role: Caller, self: self, stay: stay, ring: ring, state: Placed, declined: map[string]bool{}}
}

// Take begins a ring that Receive let through, with what is to be done first.
func Take(self message.Party, ring Ring) (*Machine, []Action) {
	actions := []Action{Alert}
	if ring.Acknowledge {
		actions = append(actions, SendAck)
	}
	return &Machine{role: Callee, self: self, ring: ring, state: Ringing, told: Ringing}, actions
}

// State tells how far the ring is.
func (m *Machine) State() State { return m.state }

// Ring is what the machine is about.
func (m *Machine) Ring() Ring { return m.ring }

// Acknowledged reports whether a device said that it rings.
func (m *Machine) Acknowledged() bool { return m.rings }

// AnsweredBy is the user who joined first after we rang; "" before.
func (m *Machine) AnsweredBy() string { return m.answer }

// DeclinedBy are the users who said no, in order.
func (m *Machine) DeclinedBy() []string { return slices.Sorted(maps.Keys(m.declined)) }

// Next is when the machine wants a Tick; zero when never.
func (m *Machine) Next() time.Time {
	if m.state.Over() || m.state == Placed {
		return time.Time{}
	}
	return m.ring.Expires
}

// Tick tells the time.
func (m *Machine) Tick(now time.Time) []Action {
	if next := m.Next(); next.IsZero() || now.Before(next) {
		return nil
	}
	return m.Handle(Timeout)
}

// Handle takes an event that needs nothing but its name. Of those about others
// see Notified, DeclinedFrom and Observe.
func (m *Machine) Handle(kind Kind) []Action {
	next, actions := take(m.role, m.state, kind)
	m.rings = m.rings || kind == Acknowledged && m.state == Ringing
	m.state = next
	if m.stay && (kind == Refused || kind == Timeout) {
		return slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return a == Leave })
	}
	return actions
}

// Notified: the homeserver took our notification at this instant.
func (m *Machine) Notified(eventID string, now time.Time) []Action {
	if m.role == Caller && m.state == Placed {
		m.ring.ID, m.ring.SentAt = eventID, now
		m.ring.Expires = now.Add(m.ring.Lifetime)
	}
	return m.Handle(Sent)
}

// DeclinedFrom: a decline came. It counts when it names our ring and its
// sender is one of those rung; for the caller it is final once nobody is left
// who could come. Of a ring that calls the whole room somebody always is left.
func (m *Machine) DeclinedFrom(userID, notification string) []Action {
	if notification == "" || notification != m.ring.ID {
		return nil
	}
	if m.role == Callee {
		if userID != m.self.UserID {
			return nil
		}
		return m.Handle(DeclinedElsewhere)
	}
	if userID == m.self.UserID || !(m.ring.Mentions.Room || m.ring.Mentions.Name(userID)) {
		return nil
	}
	m.declined[userID] = true
	if m.ring.Mentions.Room || slices.ContainsFunc(m.ring.Mentions.Users, m.mayCome) {
		return nil
	}
	return m.Handle(Refused)
}

// mayCome reports whether a user whom we rang could still answer.
func (m *Machine) mayCome(userID string) bool { return userID != m.self.UserID && !m.declined[userID] }

// AcknowledgedFrom: a device of a user said that it rings for the notification
// of that instant. It counts when it is ours, and the user one of those rung.
func (m *Machine) AcknowledgedFrom(userID string, sentAt time.Time) []Action {
	rung := m.ring.Mentions.Room || m.ring.Mentions.Name(userID)
	if m.role == Callee || !rung || userID == m.self.UserID || sentAt.UnixMilli() != m.ring.SentAt.UnixMilli() {
		return nil
	}
	return m.Handle(Acknowledged)
}

// Observe tells the machine who is in the session of the ring's slot.
func (m *Machine) Observe(members []membership.Member) []Action {
	if m.role == Caller {
		return m.observeAnswer(members)
	}
	others, elsewhere := false, false
	for i := range members {
		switch party := members[i].Party; {
		case party == m.self:
			return m.Handle(JoinedHere)
		case party.UserID == m.self.UserID:
			elsewhere = true
		default:
			others = true
		}
	}
	// The membership may come after the notification, and some cannot be read.
	deserted := m.peopled && !others
	m.peopled = m.peopled || others
	switch {
	case elsewhere:
		return m.Handle(JoinedElsewhere)
	case deserted:
		return m.Handle(Deserted)
	}
	return nil
}

// observeAnswer looks for those we rang.
func (m *Machine) observeAnswer(members []membership.Member) []Action {
	for i := range members {
		user := members[i].UserID
		if user != m.self.UserID && (m.ring.Mentions.Room || m.ring.Mentions.Name(user)) {
			if m.answer == "" && !m.state.Over() {
				m.answer = user
			}
			return m.Handle(Joined)
		}
	}
	return nil
}
