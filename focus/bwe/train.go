package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// closest is how far apart at most two packets of a train leave: those of a frame
	// that is paced, not two frames.
	closest = 20 * time.Millisecond
	// trainMemory is how much of the sums each report keeps: half after 100 ms.
	trainMemory = 0.7
	// faster is how much faster than the rate a train has to leave.
	faster = 1.12
)

// trains compares how close to each other packets left and came: a path that has
// room leaves them as they were, one that has none pulls them apart.
type trains struct {
	last     unit.Instant // the packet before
	lastAt   time.Duration
	any      bool
	bytes    float64 // of packets that followed another closely
	departed float64 // seconds
	arrived  float64
}

// observe takes a packet in the order of leaving, and the rate that it is to have
// been clearly faster than. Sound is not part of a train: it leaves between others.
func (t *trains) observe(size int, left unit.Instant, at time.Duration, rate float64) {
	if size < 300 {
		return
	}
	gap := left.Sub(t.last).Seconds()
	if t.any && gap >= 0 && gap <= closest.Seconds() && float64(size)*8 > faster*rate*gap {
		t.bytes += float64(size)
		t.departed += gap
		t.arrived += (at - t.lastAt).Seconds()
	}
	t.any, t.last, t.lastAt = true, left, at
}

// fade lets older trains count less.
func (t *trains) fade() {
	t.bytes *= trainMemory
	t.departed *= trainMemory
	t.arrived *= trainMemory
}

// free reports whether trains came as close together as they left.
func (t *trains) free() bool {
	return t.bytes >= 4000 && t.departed > 0 && t.arrived < (faster+1)/2*t.departed
}
