package homeserver

import (
	"container/heap"
	"time"
)

// agenda holds what has to be done at an instant, soonest first. It is owned
// by the model; the Run loop asks for what is due.
type agenda []*appointment

// appointment is one thing to do. It is taken off the agenda before due is
// called, under the model's lock.
type appointment struct {
	at    time.Time
	due   func(now time.Time, c *change)
	index int // in the heap; -1 when it is not there
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

// Push is for container/heap only.
func (a *agenda) Push(x any) {
	p := x.(*appointment)
	p.index = len(*a)
	*a = append(*a, p)
}

// Pop is for container/heap only.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	p := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	p.index = -1
	return p
}

// appoint puts p on the agenda, or moves it there.
func (m *model) appoint(p *appointment, at time.Time) {
	m.strike(p)
	p.at = at
	heap.Push(&m.agenda, p)
	if p.index == 0 {
		select {
		case m.alarm <- struct{}{}:
		default: // the loop will look anyway
		}
	}
}

// strike takes p off the agenda, if it is on it.
func (m *model) strike(p *appointment) {
	if p.index >= 0 && p.index < len(m.agenda) && m.agenda[p.index] == p {
		heap.Remove(&m.agenda, p.index)
	}
}

// runAgenda does everything that is due and says when the next thing is.
func (s *Server) runAgenda(now time.Time) (next time.Time, any bool) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.agenda) > 0 && !m.agenda[0].at.After(now) {
		p := heap.Pop(&m.agenda).(*appointment)
		c := m.begin()
		p.due(now, c)
		c.commit()
	}
	if len(m.agenda) == 0 {
		return time.Time{}, false
	}
	return m.agenda[0].at, true
}
