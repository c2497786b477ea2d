package homeserver

import (
	"time"

	"meshfocus/signalling/agenda"
)

// task is something to do at an instant, under the model's lock.
type task func(now time.Time, c *change)

// appoint puts p on the agenda, or moves it there, and wakes the Run loop if
// that has to get up earlier now.
func (m *model) appoint(p *agenda.Appointment[task], at time.Time) {
	if !m.agenda.Appoint(p, at) {
		return
	}
	select {
	case m.alarm <- struct{}{}:
	default: // the loop will look anyway
	}
}

// runAgenda does everything that is due and says when the next thing is.
func (s *Server) runAgenda(now time.Time) (next time.Time, any bool) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	for do, due := m.agenda.Take(now); due; do, due = m.agenda.Take(now) {
		c := m.begin()
		do(now, c)
		c.commit()
	}
	return m.agenda.Next()
}
