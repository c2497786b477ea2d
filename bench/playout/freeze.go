package playout

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// averaged are the pauses that the mean is of (freezeCount: the last 30 frames).
	averaged = 30
	// judged from so many pauses on, as libwebrtc does it
	// (video/video_quality_observer2.cc, kMinFrameSamplesToDetectFreeze): below
	// there is no mean to speak of.
	judged = 5
	// noticed is how much longer than the mean a freeze is at least.
	noticed = 150 * time.Millisecond
)

// Freezes tells pauses between frames that are freezes from those that are not
// (freezeCount of webrtc-stats). The zero Freezes has seen none.
//
// bench/congestion has a rule of its own (freezes in media.go), by the same limit: it judges from one
// pause on, as what it measures begins with the first frame, and leaves out parts of a flow in
// which nothing is to be seen, which no receiver knows of.
type Freezes struct {
	Count uint64
	// Frozen is how long they were, as a whole each (totalFreezesDuration); Longest
	// is the longest.
	Frozen, Longest time.Duration

	last   unit.Instant
	pauses [averaged]time.Duration
	count  int // of pauses, ever
	sum    time.Duration
}

// Show notes that a frame was shown, not before the one noted last.
func (f *Freezes) Show(at unit.Instant) {
	if f.last != unit.Never {
		pause := at.Sub(f.last)
		f.judge(pause)
		place := &f.pauses[f.count%averaged]
		f.sum += pause - *place
		*place = pause
		f.count++
	}
	f.last = at
}

// Until gives them with the one that is under way at an instant, if one is.
func (f *Freezes) Until(now unit.Instant) Freezes {
	all := *f
	if f.last != unit.Never {
		all.judge(now.Sub(f.last))
	}
	return all
}

func (f *Freezes) judge(pause time.Duration) {
	if f.count < judged || pause < f.limit() {
		return
	}
	f.Count++
	f.Frozen += pause
	f.Longest = max(f.Longest, pause)
}

// limit is how long a pause is that is a freeze, by those before it.
func (f *Freezes) limit() time.Duration {
	mean := f.sum / time.Duration(min(f.count, averaged))
	return max(3*mean, mean+noticed)
}
