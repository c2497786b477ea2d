package homeserver

import (
	"slices"
	"strings"
	"time"
)

// Compact forgets what users who were removed (RemoveUser) have left in rooms:
// their memberships, state that is theirs alone and their messages, as far as
// it was sent before an instant. It gives how many events that were. Without
// it a room where guests come and go would grow for ever. A client that was
// away since before that instant does not hear that they left.
//
// Present state that others rely on, such as a call object, stays.
func (s *Server) Compact(before time.Time) (forgotten int) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, room := range m.rooms {
		forgotten += room.compact(millis(before))
	}
	return forgotten
}

// leftBehind says whose leavings an event is, "" if nobody's.
func (e *event) leftBehind() string {
	switch {
	case e.isState() && e.Type == typeMember:
		return *e.StateKey
	case e.isState() && !strings.Contains(*e.StateKey, e.Sender) && e.room.state[e.slot()] == e:
		return "" // others rely on it
	}
	return e.Sender
}

// compact is Compact for one room. The model must be locked.
func (r *room) compact(before int64) int {
	m := r.model
	gone := map[*event]bool{}
	for _, e := range r.timeline {
		if who := e.leftBehind(); e.SentAt < before && who != "" && m.users[who] == nil {
			gone[e] = true
		}
	}
	if len(gone) == 0 {
		return 0
	}
	c := m.begin()
	for e := range gone {
		delete(m.events, e.ID)
		c.drop(bucketEvent, key(r.id, positionPart(e.At)))
	}
	isGone := func(e *event) bool { return gone[e] }
	r.timeline = slices.DeleteFunc(slices.Clone(r.timeline), isGone)
	r.sticky = slices.DeleteFunc(slices.Clone(r.sticky), isGone)
	for _, e := range r.timeline {
		e.replaces = standing(e.replaces, gone)
	}
	for slot, e := range r.state {
		if e = standing(e, gone); e != nil {
			r.state[slot] = e
			continue
		}
		delete(r.state, slot)
		if slot.kind == typeMember {
			delete(r.spans, slot.key)
		}
	}
	for at := range r.receipts {
		if m.users[at.user] == nil {
			delete(r.receipts, at)
			c.drop(bucketReceipt, key(r.id, at.user, at.kind, at.thread))
		}
	}
	c.commit()
	return len(gone)
}

// standing is the event, or the newest before it in its slot that stays.
func standing(e *event, gone map[*event]bool) *event {
	for e != nil && gone[e] {
		e = e.replaces
	}
	return e
}
