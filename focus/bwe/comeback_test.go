package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// befall has something happen: what, how much of it, for how long.
func (c *course) befall(what, much, long byte) {
	lasts := time.Duration(long) * 20 * time.Millisecond
	off := time.Duration(int8(much)) * 78 * time.Millisecond // to 10 s
	switch what % 12 {
	case 0:
	case 1: // all arrivals are off by as much
		c.stamp = func(_ int64, at time.Duration) time.Duration { return at + off }
	case 2: // by so much at the most, each by another
		c.stamp = func(n int64, at time.Duration) time.Duration { return at + off*time.Duration(mixed(uint64(n))%256)/256 }
	case 3: // one in eight is
		c.stamp = func(n int64, at time.Duration) time.Duration {
			if mixed(uint64(n))%8 == 0 {
				at += off
			}
			return at
		}
	case 4: // they are all of one instant
		at := time.Duration(c.now) + off
		c.stamp = func(int64, time.Duration) time.Duration { return at }
	case 5: // the receiver's clock runs too fast, or backwards
		from := time.Duration(c.now)
		c.stamp = func(_ int64, at time.Duration) time.Duration { return at + (at-from)*time.Duration(int8(much))/32 }
	case 6:
		c.loses = uint64(much)
	case 7:
		c.silent = true
	case 8:
		c.e.Moved(c.now)
	case 9:
		c.capacity = unit.BitRate(much)*20*unit.Kilobit + 20*unit.Kilobit
	case 10:
		c.marked = true
	case 11:
		c.repeated = true
	}
	c.run(lasts)
	c.stamp, c.loses, c.silent, c.capacity, c.marked, c.repeated = nil, 0, false, 10*unit.Megabit, false, false
}

// comeback is how long a clean path may take until all that is wanted may be sent: as
// long as the base remembers, and a climb from the floor.
const (
	comeback = 20 * time.Second
	forGood  = 10 * time.Second
)

// Whatever was told before: on a path with room for all that is wanted the rate comes
// back.
func FuzzComeback(f *testing.F) {
	for _, what := range []byte{1, 2, 3, 4, 5} {
		f.Add([]byte{0, 0, 200, what, 0x90, 20}) // 9 s too soon, most of them
		f.Add([]byte{0, 0, 200, what, 0x70, 20}) // too late
	}
	f.Add([]byte{0, 0, 200, 3, 0xf0, 20}) // a second too soon, one in eight
	f.Add([]byte{0, 0, 200, 9, 0x10, 200, 6, 0x80, 200})
	f.Fuzz(func(t *testing.T, script []byte) {
		c := newCourse()
		for script = script[:min(len(script), 30)]; len(script) >= 3; script = script[3:] {
			c.befall(script[0], script[1], script[2])
		}
		began, since := c.now, c.now
		for c.now.Sub(since) < forGood {
			if c.step(); c.e.Estimate().Rate < courseVideo {
				since = c.now
			}
			if since.Sub(began) > comeback {
				t.Fatalf("after %v: %+v\n%v", comeback, c.e.Estimate(), &c.e.trace)
			}
		}
	})
}

// What a receiver says of arrivals is held against our own clock: told wrong by up to
// ten seconds, whichever way, nothing falls for long, and all is as before at once.
func TestEstimator_NoQueueIsSeenByOneClockAlone(t *testing.T) {
	for what := byte(1); what <= 5; what++ {
		for _, much := range []byte{0x70, 0x90, 0xf0, 0x10} { // 9 s, a second
			c := newCourse()
			c.run(4 * time.Second)
			c.befall(what, much, 25)
			c.run(time.Second)
			least := c.e.Estimate().Rate
			for range 300 {
				c.run(5 * courseStep)
				least = min(least, c.e.Estimate().Rate)
			}
			if least < courseVideo {
				t.Errorf("%d by %d: falls to %v", what, int8(much), least)
			}
		}
	}
}
