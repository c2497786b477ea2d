package congestion

import (
	"time"

	"meshfocus/internal/simnet/discrete"
)

// measureMedia fills in what eyes and ears notice.
func (r *run) measureMedia(result *Result, flows []*intake) {
	c := r.spec
	var frameDelay, soundDelay, frozen, longest, oscillation float64
	var padding, all int64
	var sounds, lost int
	for i, f := range r.flows {
		h := flows[i]
		frameDelay = max(frameDelay, frameDelays(f.frames, c.Judged).p95)
		share, most := freezes(f.frames, c.quiet(&f.spec))
		frozen, longest = max(frozen, share), max(longest, most.Seconds())
		oscillation = max(oscillation, c.oscillations(f))
		p, a := sizeOf(h.ways, c.Judged)
		padding, all = padding+p, all+a
		d, n, times := r.sound(f, h.ways)
		soundDelay = max(soundDelay, spreadOf(times).p95)
		lost, sounds = lost+d, sounds+n
	}
	result.set(FrameDelay, frameDelay)
	result.set(Frozen, 100*frozen)
	result.set(Longest, longest)
	result.set(PaddingShare, 100*ratio(float64(padding), float64(all)))
	result.set(Oscillation, oscillation)
	result.set(SoundDelay, soundDelay)
	result.set(SoundLoss, 100*ratio(float64(lost), float64(sounds)))
}

// frameDelays gives capture to last packet, of frames captured in a window.
func frameDelays(frames []frame, w Window) spread4 {
	var times []time.Duration
	for i := range frames {
		if f := &frames[i]; f.whole != never && w.Has(discrete.Since(f.captured)) {
			times = append(times, f.whole.Sub(f.captured))
		}
	}
	return spreadOf(times)
}

// quiet gives the parts of a flow's life in which nothing is to be seen, and its
// end.
func (c *Case) quiet(f *Flow) silence {
	return silence{
		begin: f.Start + f.SoundOnly, end: min(f.End, c.Length),
		parts: [2]Window{{f.PauseFrom, f.PauseTo}, c.Broken},
	}
}

// silence is when no picture is expected.
type silence struct {
	begin, end time.Duration
	parts      [2]Window
}

// touches reports whether a gap is not the controller's: a second after a part
// has ended pictures are to come again.
func (s *silence) touches(from, to time.Duration) bool {
	for _, part := range s.parts {
		if part.To > 0 && from < part.To+time.Second && to > part.From {
			return true
		}
	}
	return false
}

// freezes gives the share of a flow's life in which its picture stood still, and
// the longest time it did: gaps between whole frames, of the 30 before which the
// average is taken, beyond max(3 × average, average + 150 ms), as the freeze
// statistic of the W3C. The whole gap counts, and what is missing at the end.
//
// It is not playout.Freezes, which is a receiver's, instant by instant, and as libwebrtc
// judges from five gaps on. Here one gap is enough, as controllers are measured from their
// first frames on; a gap that is just as long as the limit is none; and gaps in which nothing is to
// be seen are left out of the average as well. To share it would change published tables.
func freezes(frames []frame, quiet silence) (share float64, longest time.Duration) {
	const remembered = 30
	var gaps [remembered]time.Duration
	var sum, frozen time.Duration
	known, last := 0, time.Duration(-1)
	see := func(at time.Duration) {
		gap := at - last
		if quiet.touches(last, at) {
			return
		}
		average := sum / time.Duration(max(min(known, remembered), 1))
		if known > 0 && gap > max(3*average, average+150*time.Millisecond) {
			frozen += gap
			longest = max(longest, gap)
		}
		sum += gap - gaps[known%remembered]
		gaps[known%remembered] = gap
		known++
	}
	for i := range frames {
		if frames[i].whole == never {
			continue
		}
		at := discrete.Since(frames[i].whole)
		if at < last {
			continue // a newer one is shown already
		}
		if last >= 0 {
			see(at)
		}
		last = at
	}
	if last >= 0 && last < quiet.end {
		see(quiet.end)
	}
	if life := quiet.end - quiet.begin; life > 0 {
		share = float64(frozen) / float64(life)
	}
	return share, longest
}

// sound gives how many packets of sound were captured in the judged window, how
// many of them were dropped at a bottleneck or never sent, and how late the
// others came beyond propagation and jitter: in the controller and in queues.
func (r *run) sound(f *flow, ways []passage) (lost, captured int, late []time.Duration) {
	judged := r.spec.Judged
	next := 0
	for i := range ways {
		p := &ways[i]
		if p.kind != discrete.Sound {
			continue
		}
		at := f.soundCaptured(next)
		next++
		if !judged.Has(at) {
			continue
		}
		captured++
		if p.fate == discrete.Dropped {
			lost++
			continue
		}
		late = append(late, p.queued+discrete.Since(p.entered)-at)
	}
	for ; next < len(f.sounds); next++ {
		if at := f.soundCaptured(next); judged.Has(at) && at < r.spec.Length-time.Second {
			captured++
			lost++
		}
	}
	return lost, captured, late
}

// soundCaptured gives when the n-th packet of sound was captured; they leave in
// that order.
func (f *flow) soundCaptured(n int) time.Duration { return discrete.Since(f.sounds[n]) }

// oscillations counts how often the target, averaged over a second, goes from
// above 105 % to below 85 % of what is achievable while that is constant, per
// minute of the flow's life.
func (c *Case) oscillations(f *flow) float64 {
	const second = int(time.Second / sampleEvery)
	count, high, sum, known := 0, false, 0.0, 0
	before := -1.0
	for i := range f.samples {
		t := time.Duration(i+1) * sampleEvery
		achievable := c.achievableAt(&f.spec, t)
		if achievable != before {
			before, high, sum, known = achievable, false, 0, 0
		}
		sum += f.samples[i].bounded(&f.spec)
		known++
		if known > second {
			sum -= f.samples[i-second].bounded(&f.spec)
		}
		if known < second || achievable == 0 {
			continue
		}
		switch average := sum / float64(second); {
		case average > 1.05*achievable:
			high = true
		case high && average < 0.85*achievable:
			count, high = count+1, false
		}
	}
	return float64(count) / (min(f.spec.End, c.Length) - f.spec.Start).Minutes()
}

// bounded gives what the target comes to in media.
func (s *sample) bounded(f *Flow) float64 { return float64(min(s.target, f.Most) + SoundRate) }
