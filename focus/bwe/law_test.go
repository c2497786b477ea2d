package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// After a probe that came as it left, on a path that was never full, many packets that are
// late against a base which few have shown are no queue. That is believed once, and
// not of a rate at which packets are far apart.
func TestLaw_ManyPacketsThatAreLateAreNoQueue(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   unit.BitRate
		waits  time.Duration
		roomy  bool
		met    bool
		yields bool
	}{
		{"many", 18 * unit.Megabit, 12 * time.Millisecond, true, false, false},
		{"few", unit.Megabit, 12 * time.Millisecond, true, false, true},
		{"many, and for long", 18 * unit.Megabit, standsAt, true, false, true},
		{"no room was seen", 18 * unit.Megabit, 12 * time.Millisecond, false, false, true},
		{"it was full before", 18 * unit.Megabit, 12 * time.Millisecond, true, true, true},
	} {
		e := New(Config{Start: c.rate})
		e.Backlog(1 << 20)
		e.prober.roomy, e.law.met = c.roomy, c.met
		e.queue.noise, e.queue.standing, e.queue.raw = 4*time.Millisecond, c.waits, c.waits
		e.law.yield(e, unit.Instant(time.Hour))
		if got := e.law.rate < float64(c.rate); got != c.yields {
			t.Errorf("%s: yielded %v", c.name, got)
		}
		if got := e.base.value == c.waits; got == c.yields {
			t.Errorf("%s: the base is %v", c.name, e.base.value)
		}
		e.law.yield(e, unit.Instant(time.Hour+time.Second))
		if e.law.rate >= float64(c.rate) {
			t.Errorf("%s: not yielded to the second time", c.name)
		}
	}
}
