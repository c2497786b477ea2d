package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

func TestStall_IsToldFromQueues(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name  string
		left  time.Duration // between packets
		at    func(i int) time.Duration
		stood bool
	}{
		{"they come as they left", 5 * ms, func(i int) time.Duration { return time.Duration(i) * 5 * ms }, false},
		{"a queue grows", 5 * ms, func(i int) time.Duration { return time.Duration(i) * 15 * ms }, false},
		{"one drains at a fifth of what the path carries", 10 * ms, func(i int) time.Duration { return time.Duration(i) * 2 * ms }, false},
		{"frames are put together on the air", 5 * ms, func(i int) time.Duration { return time.Duration(i/4) * 20 * ms }, false},
		{"all come at once", 5 * ms, func(int) time.Duration { return 100 * ms }, true},
		{"they are read one by one", 5 * ms, func(i int) time.Duration { return 100*ms + time.Duration(i)*ms/4 }, true},
	} {
		var s stall
		at := time.Duration(0)
		for i := range 20 {
			at = epoch + c.at(i)
			s.observe(unit.Instant(time.Hour).Add(time.Duration(i)*c.left), at)
		}
		if s.lately(at) != c.stood {
			t.Errorf("%s: stood is %v", c.name, !c.stood)
		}
		if s.lately(at + stallMemory) {
			t.Errorf("%s: it is never forgotten", c.name)
		}
	}
}

// A receiver that has no processor for most of the time tells of packets late, and of
// many at once: that is no queue. One there is all the same is seen.
func TestEstimator_AReceiverThatStandsIsNoQueue(t *testing.T) {
	for _, share := range []float64{0.1, 0.3, 0.6} {
		c := newCourse()
		c.stalls = stalling(share)
		c.run(5 * time.Second)
		least := c.e.Estimate().Rate
		for range 40 {
			c.run(500 * time.Millisecond)
			least = min(least, c.e.Estimate().Rate)
		}
		if least < courseVideo {
			t.Errorf("standing for %v of the time: falls to %v", share, least)
		}
		c.capacity = 500 * unit.Kilobit
		c.run(10 * time.Second)
		longest := time.Duration(0)
		for range 1000 {
			c.run(courseStep)
			longest = max(longest, c.free.Sub(c.now))
		}
		if got := c.e.Estimate().Rate; got > 600*unit.Kilobit || longest > 400*time.Millisecond {
			t.Errorf("standing for %v of the time: %v of 500 kbit/s, a queue of %v", share, got, longest)
		}
	}
}

// stalling says until when a receiver stands that does so for a share of the time: for 40 ms in the
// mean, one time in twenty for up to half a second.
func stalling(share float64) func(now unit.Instant) unit.Instant {
	luck := rand.New(rand.NewPCG(1, 2))
	from, until := unit.Instant(0), unit.Instant(time.Hour)
	return func(now unit.Instant) unit.Instant {
		for now >= until {
			from = until.Add(time.Duration(53e6 * (1 - share) / share * luck.ExpFloat64()))
			stands := time.Duration(40e6 * luck.ExpFloat64())
			if luck.IntN(20) == 0 {
				stands = time.Duration(100+luck.IntN(400)) * time.Millisecond
			}
			until = from.Add(stands)
		}
		if now < from {
			return unit.Never
		}
		return until
	}
}
