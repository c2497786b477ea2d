package congestion

import (
	"math/rand/v2"
	"slices"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// shaper stands between the path of feedback and the sender, and does to reports
// what Feedback says.
type shaper struct {
	rules Feedback
	clock *discrete.Clock
	luck  *rand.Rand
	flow  *flow
	held  []heldReport // by instant
}

type heldReport struct {
	at   unit.Instant
	body []byte
}

// Arrive takes a report off the path.
func (s *shaper) Arrive(p *Packet, now unit.Instant) {
	if !s.rules.shaped() {
		s.flow.heard(p.Body, now)
		return
	}
	if s.rules.Gone.Has(discrete.Since(now)) || s.luck.Float64() < s.rules.Loss {
		return
	}
	at := now
	if bunch := s.rules.Bunch; bunch > 0 {
		at = discrete.At((discrete.Since(now) + bunch - 1) / bunch * bunch)
	}
	if late := int64(s.rules.Late); late > 0 {
		at = at.Add(time.Duration(s.luck.Int64N(late)))
	}
	s.hold(at, p.Body)
	if s.luck.Float64() < s.rules.Twice {
		s.hold(at.Add(time.Duration(s.luck.Int64N(int64(time.Second)))), p.Body)
	}
	if s.luck.Float64() < s.rules.Old {
		s.hold(at.Add(10*time.Second), p.Body)
	}
}

func (s *shaper) hold(at unit.Instant, body []byte) {
	i := len(s.held)
	for i > 0 && s.held[i-1].at > at {
		i--
	}
	s.held = slices.Insert(s.held, i, heldReport{at, body})
	s.clock.At(at, s)
}

// Wake passes on what is due.
func (s *shaper) Wake(now unit.Instant) {
	for len(s.held) > 0 && s.held[0].at <= now {
		body := s.held[0].body
		s.held = s.held[1:]
		s.flow.heard(body, now)
	}
}
