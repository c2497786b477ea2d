package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// stallLeast is for how long packets have to have left that come all at once, for the
	// receiver to have stood: ten more than jitter spreads them by (RFC 8867, section 4).
	stallLeast = 40 * time.Millisecond
	// stallDense is how many times closer than they left they come then. What drains
	// from a queue comes as close as its rate has them; we send a fifth of that at least.
	stallDense = 8
	// stallMemory is for how long a receiver that stood is taken for one that may stand again.
	stallMemory = 5 * time.Second
)

// stall watches for a receiver that stands, because its machine has no processor for it,
// or a link that does: what comes meanwhile is told to have come at one instant, when
// it goes on. A queue of ours cannot do that: it lets packets go one after the
// other, as fast as the path is.
type stall struct {
	left unit.Instant  // when the first left of those that came at once
	at   time.Duration // and when it came
	seen time.Duration // when it stood last, 0 for never
	any  bool
}

// observe takes a packet in order.
func (s *stall) observe(left unit.Instant, at time.Duration) {
	if span := left.Sub(s.left); !s.any || (at-s.at)*stallDense > span {
		s.any, s.left, s.at = true, left, at
	} else if span >= stallLeast {
		s.seen = at
	}
}

// lately reports whether arrivals may be those of a receiver that stands now and then.
func (s *stall) lately(at time.Duration) bool { return s.seen > 0 && at-s.seen < stallMemory }
