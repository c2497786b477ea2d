package lane

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// defaultTick is within what browsers themselves wait: libwebrtc's pacer sends
	// every 5 ms.
	defaultTick = 3 * time.Millisecond
	// restShare is how many times as long as a turn took the rest is. With 16 a
	// meeting of eight, 250 packets in a second from each, settled at rests of a
	// millisecond, in which two packets come for each subscriber: too few to matter.
	restShare = 32
	// spared: who works for less than a sixteenth of the time does not rest at all, and spell is
	// how much more it may at once: pictures of a call come all together, and
	// nobody misses the processor that goes to their packets one by one.
	spared = 16
	spell  = 2 * time.Millisecond
)

// rest is when the send loop takes its next turn: 32 times as long after the last
// began as that took, at most a tick. What comes before is gathered, so that
// several packets leave to a subscriber in one message, of which each costs the kernel
// a third. A loop that has little to do takes its turns as they come, so that nothing
// waits; one that works for longer than a tick does not rest either.
//
//	turns  ▓▓                     ▓▓▓▓▓                  ▓
//	rests    ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌     ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ ╌╌╌╌╌
//	comes  ↑      ↑      ↑      ↑      ↑      ↑                  ↑ leaves at once
type rest struct {
	tick  time.Duration // the longest; below 0: none
	until unit.Instant
	from  unit.Instant  // when the last turn began
	spent time.Duration // of work beyond what is spared, up to twice a spell
	busy  bool          // since it was more than a spell, until it is nothing
}

// newRest takes Config.Tick.
func newRest(tick time.Duration) rest {
	if tick == 0 {
		tick = defaultTick
	}
	return rest{tick: tick, from: unit.Never}
}

// worked notes that a turn lasted from one instant to another.
func (r *rest) worked(from, to unit.Instant) {
	took := to.Sub(from)
	if r.spent -= from.Sub(r.from) / spared; r.spent <= 0 {
		r.spent, r.busy = 0, false
	}
	r.spent = min(r.spent+took, 2*spell)
	r.busy = r.busy || r.spent > spell
	if r.from, r.until = from, from; r.busy {
		r.until = from.Add(min(restShare*took, r.tick))
	}
}

// left says how long the loop is still to rest, nothing or less if its turn has come.
func (r *rest) left(now unit.Instant) time.Duration { return r.until.Sub(now) }
