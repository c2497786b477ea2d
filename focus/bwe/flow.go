package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// recent is the window of what was delivered: some frames, and sound.
	recent = 250 * time.Millisecond
	// waits is how long a packet waits that has met a queue: more than frames of
	// our own pacing make between two packets of sound.
	waits = 5 * time.Millisecond
	// busyLeast is how long arrivals of a busy queue have to last to tell a rate,
	// busyMost how far back they are counted.
	busyLeast = 35 * time.Millisecond
	busyMost  = 800 * time.Millisecond
	// stalled is a gap between arrivals that no queue makes, if the packets did not
	// leave with one like it: the path stood still, or became longer.
	stalled = 50 * time.Millisecond
)

// flow is how much left and how much came, by the clock of each end.
type flow struct {
	sent, came meter

	// While packets wait, they come as fast as the path, or our share of it, lets
	// them: the only time that a capacity is seen.
	busy      bool
	busySince time.Duration // arrival of the first that waited
	busyFrom  unit.Instant  // when that left
	busyBytes int64         // of those after it
	busyLast  time.Duration
	busyLeft  unit.Instant
}

func (f *flow) left(size int, now unit.Instant) { f.sent.add(size, time.Duration(now)) }

// arrived takes a packet in order of arrival, and how long it waited.
func (f *flow) arrived(size int, left unit.Instant, at, waited time.Duration) {
	if waited < waits {
		f.busy = false
		return
	}
	gap := at - f.busyLast
	if !f.busy || gap > stalled && gap > 3*left.Sub(f.busyLeft) {
		f.busy, f.busySince, f.busyFrom, f.busyBytes = true, at, left, 0
	} else {
		f.busyBytes += int64(size)
	}
	f.busyLast, f.busyLeft = at, left
}

// fill counts bytes as come evenly between two arrivals.
func (f *flow) fill(bytes int64, from, to time.Duration) {
	if to-from > recent {
		return // nobody asks so far back
	}
	count := int64((to-from)/slot) + 1
	for i := range count {
		f.came.add(int(bytes/count), from+time.Duration(i)*slot)
	}
	if f.busy {
		f.busyBytes += bytes
	}
}

// delivered is what came lately, ending with the newest arrival.
func (f *flow) delivered(newest time.Duration) unit.BitRate {
	return unit.Rate(f.came.between(newest-recent, newest), recent)
}

// share gives how fast the busy queue let our packets through, and whether we sent
// faster than that; false if it cannot be told.
func (f *flow) share() (rate float64, pushing, ok bool) {
	span := f.busyLast - f.busySince
	if !f.busy || span < busyLeast {
		return 0, false, false
	}
	rate = float64(f.busyBytes) * 8 / span.Seconds()
	pushing = f.busyLeft.Sub(f.busyFrom) < span
	if span > busyMost {
		rate = float64(f.came.between(f.busyLast-busyMost, f.busyLast)) * 8 / busyMost.Seconds()
	}
	return rate, pushing, rate > 0
}

// outstanding is how many bytes left after a packet that has been heard of.
func (f *flow) outstanding(since unit.Instant) int64 { return f.sent.after(time.Duration(since)) }
