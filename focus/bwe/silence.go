package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// patience is how long feedback may be away beyond a round trip before that
	// means something: two reports of a receiver that reports every 250 ms.
	patience = 500 * time.Millisecond
	// step is how often the rate falls while nothing comes.
	step = 250 * time.Millisecond
	// hindered is by how much later than it asked for a machine is looked at that had
	// no processor: then feedback may lie unread, and after reading is time enough.
	hindered = 50 * time.Millisecond
	// excused is how long after the last feedback that is no excuse any more.
	excused = 2 * time.Second
)

// silence watches over feedback that stays away: then nobody knows what arrives, and
// less is sent, until next to nothing is.
type silence struct {
	waiting unit.Instant // since when something is in the air that nobody spoke of
	due     unit.Instant // when the rate falls next
	steps   int
	trip    time.Duration
	last    unit.Instant // when the last packet left
}

func (s *silence) left(now unit.Instant) {
	s.last = now
	if s.waiting == unit.Never {
		s.waiting = now
		s.due = now.Add(s.trip + patience)
	}
}

// heard ends a silence.
func (s *silence) heard(e *Estimator, now unit.Instant) {
	s.trip = max(e.facts.roundTrip, 100*time.Millisecond)
	if s.waiting = now; e.facts.left >= s.last {
		s.waiting = unit.Never // all has come
	}
	s.due = now.Add(s.trip + patience)
	if s.steps > 0 {
		s.steps = 0
		e.law.resumed(e, now)
	}
}

func (s *silence) tick(now unit.Instant) bool {
	if s.waiting == unit.Never || now < s.due {
		return false
	}
	if now.Sub(s.due) > hindered && now.Sub(s.waiting) < excused {
		s.due = now.Add(hindered)
		return false
	}
	s.steps++
	s.due = now.Add(step)
	return s.steps < 40
}

func (s *silence) next() unit.Instant {
	if s.waiting == unit.Never || s.steps >= 40 {
		return unit.Far
	}
	return s.due
}
