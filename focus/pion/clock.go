package pion

import (
	"time"

	"meshfocus/internal/unit"
)

// clock counts from when it was made; instants of one are of no use to another.
type clock struct{ began time.Time }

func newClock() clock { return clock{time.Now()} }

// now is an hour on at the beginning, so that nothing is before zero.
func (c clock) now() unit.Instant { return unit.Instant(time.Since(c.began) + time.Hour) }

// until is how long a timer has to run, at the most a minute.
func (c clock) until(at unit.Instant) time.Duration {
	now := c.now()
	if at >= now.Add(time.Minute) {
		return time.Minute
	}
	return max(at.Sub(now), 0)
}
