package record

import (
	"time"

	"meshfocus/focus/transport"
)

const (
	// rebase is how far RTP time may be from arrival: more means that the
	// sender began to count anew, as another source or a restart does.
	rebase = 1500 * time.Millisecond
	// skewed is a difference between sound and picture that is seen (ITU-R
	// BT.1359 puts the threshold at 45 ms for early sound).
	skewed = 40 * time.Millisecond
)

// timeline places the samples of one track in the file: the first when it
// arrived, the others by their RTP timestamps. Once the sender has reported
// how the timestamps of its tracks relate, they are moved to fit.
//
// It is a value without clock and lock.
type timeline struct {
	started bool
	rtp     uint32        // of the last sample
	ticks   int64         // since origin, does not wrap
	origin  time.Duration // where tick 0 is in the file
	last    time.Duration // where the last sample is
}

// common is the sender's clock, shared by the tracks of a file.
type common struct {
	known bool
	zero  time.Time // what the sender's clock said at the begin of the file
}

// place gives the position of a sample in a file that began at start. It
// never goes back.
func (t *timeline) place(sample transport.Sample, start time.Time, sender *common) time.Duration {
	arrived := max(sample.Arrived.Sub(start), 0)
	clock := int64(sample.Codec.ClockRate())
	if t.started {
		t.ticks += int64(int32(sample.Timestamp - t.rtp))
	} else {
		t.origin = arrived
	}
	t.rtp = sample.Timestamp
	at := t.origin + time.Duration(t.ticks)*time.Second/time.Duration(clock)
	if off := at - arrived; off > rebase || off < -rebase {
		t.origin, t.ticks, at = arrived, 0, arrived
	}
	at += t.fit(at, sample, sender)
	if t.started {
		at = max(at, t.last+time.Millisecond)
	}
	t.started, t.last = true, at
	return at
}

// fit gives how much a track must move to stand right beside the others, and
// moves what follows.
func (t *timeline) fit(at time.Duration, sample transport.Sample, sender *common) time.Duration {
	if sample.Captured.IsZero() {
		return 0
	}
	if !sender.known {
		*sender = common{known: true, zero: sample.Captured.Add(-at)}
	}
	skew := sample.Captured.Sub(sender.zero) - at
	switch {
	case skew > rebase || skew < -rebase: // another sender, or its clock was set
		sender.zero = sample.Captured.Add(-at)
		return 0
	case skew > skewed || skew < -skewed:
		t.origin += skew
		return skew
	}
	return 0
}
