package lane

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// defaultTick is within what browsers themselves wait: libwebrtc's pacer sends
	// every 5 ms.
	defaultTick = 3 * time.Millisecond
	// restShare: the send loop is busy from a thirty-second part of a core on. With 16 a
	// meeting of eight, 250 packets in a second from each, settled at rests of a
	// millisecond, in which two packets come for each subscriber: too few to matter.
	restShare = 32
)

// rest is when the send loop takes its next turn: 32 times as long after the last
// began as that took, at most a tick. What comes before is gathered, so that
// several packets leave to a subscriber in one message, of which each costs the kernel
// a third. A loop that has little to do finds its turn come already, so that nothing
// waits; one that works for longer than a tick does not rest at all.
//
//	turns  ▓▓                     ▓▓▓▓▓                  ▓
//	rests    ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌     ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ ╌╌╌╌╌
//	comes  ↑      ↑      ↑      ↑      ↑      ↑                  ↑ leaves at once
type rest struct {
	tick  time.Duration // the longest; below 0: none
	until unit.Instant
}

// newRest takes Config.Tick.
func newRest(tick time.Duration) rest {
	if tick == 0 {
		tick = defaultTick
	}
	return rest{tick: tick}
}

// worked notes that a turn lasted from one instant to another.
func (r *rest) worked(from, to unit.Instant) {
	r.until = from.Add(min(restShare*to.Sub(from), r.tick))
}

// left says how long the loop is still to rest, nothing or less if its turn has come.
func (r *rest) left(now unit.Instant) time.Duration { return r.until.Sub(now) }
