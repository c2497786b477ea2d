package egress

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

// Limits is how much of video may wait, as the time it would take at the pace.
type Limits struct {
	// Soft is from where on frames are left out that others do not need: 100 ms. It
	// is more than the frames of one key frame wait on a path that suits the layer.
	Soft time.Duration
	// Hard is from where on a track begins anew with a key frame: 400 ms, twice what
	// a key frame of six usual ones takes at 30 in a second.
	Hard time.Duration
	// Old is how long a frame may wait before it begins to leave: 600 ms. Longer,
	// and the receiver's own patience has run out.
	Old time.Duration
	// Again is how long what is sent again may wait: 600 ms.
	Again time.Duration
}

// The usual limits, for what Config leaves at 0.
const (
	usualSoft = 100 * time.Millisecond
	usualHard = 400 * time.Millisecond
	usualOld  = 600 * time.Millisecond
)

func (l Limits) orUsual() Limits {
	for _, f := range []struct {
		limit *time.Duration
		usual time.Duration
	}{{&l.Soft, usualSoft}, {&l.Hard, usualHard}, {&l.Old, usualOld}, {&l.Again, usualOld}} {
		if *f.limit == 0 {
			*f.limit = f.usual
		}
	}
	return l
}

// leastWaiting is what may wait whatever the pace is: two packets.
const leastWaiting = 3000

// bound gives how many bytes may wait.
func bound(pace unit.BitRate, limit time.Duration) int64 {
	if pace <= 0 {
		return math.MaxInt64
	}
	return max(pace.Bytes(limit), leastWaiting)
}

// highest is the highest temporal layer that is told apart.
const highest = 3

// shed leaves out what has to go.
func (p *Path[T]) shed(now unit.Instant) {
	for level := uint8(highest); level > 0 && p.video.bytes > p.soft && p.upper > 0; level-- {
		p.thin(level)
	}
	for p.video.bytes > p.hard && p.restart(now) {
	}
}

// thin leaves out the frames of a temporal layer and above that have not begun to
// leave.
func (p *Path[T]) thin(level uint8) {
	for at := p.video.head; at < p.video.tail; at++ {
		e := p.video.cell(at)
		if e.gone || e.frame.Temporal < level || e.frame.Key {
			continue
		}
		if t := p.track(e.frame.Track); !t.isLeaving(e.frame.ID) {
			t.lose(e.frame)
			p.omit(t, e)
		}
	}
}

// restart has the track with most bytes that can begin anew do so. It is false if
// there is none.
func (p *Path[T]) restart(now unit.Instant) bool {
	for i := range p.tracks {
		p.tracks[i].tried = false
	}
	for {
		var most *track
		for i := range p.tracks {
			if t := &p.tracks[i]; !t.tried && (most == nil || t.bytes > most.bytes) {
				most = t
			}
		}
		if most == nil {
			return false
		}
		if p.anew(most, now) {
			return true
		}
		most.tried = true
	}
}

// anew has a track go on with its newest key frame that waits or, if there is
// nothing before that, with the next that comes. It reports whether anything was
// left out.
func (p *Path[T]) anew(t *track, now unit.Instant) bool {
	if p.supersede(t) {
		return true
	}
	key, keyed := p.newestKey(t)
	if !p.clear(t, p.video.tail, func(f Frame) bool { return keyed && f.ID == key.frame.ID }) {
		return false
	}
	t.waitFor(now)
	return true
}

// supersede leaves out what stands before the newest key frame of a track.
func (p *Path[T]) supersede(t *track) bool {
	key, keyed := p.newestKey(t)
	return keyed && p.clear(t, key.at, func(Frame) bool { return false })
}

// place is where an entry stands.
type place struct {
	at    int64
	frame Frame
}

// newestKey finds the first packet of the newest key frame of a track that waits.
func (p *Path[T]) newestKey(t *track) (key place, ok bool) {
	for at := p.video.tail - 1; at >= p.video.head; at-- {
		e := p.video.cell(at)
		if e.gone || e.frame.Track != t.id || !e.frame.Key {
			continue
		}
		if ok && e.frame.ID != key.frame.ID {
			break
		}
		key, ok = place{at, e.frame}, true
	}
	return key, ok
}

// clear leaves out what waits of a track up to a place, but for frames that are to
// stay, and the one that is leaving if its rest is not too much.
func (p *Path[T]) clear(t *track, end int64, stays func(Frame) bool) (any bool) {
	endless := p.endless(t)
	for at := p.video.head; at < end; at++ {
		e := p.video.cell(at)
		if e.gone || e.frame.Track != t.id || stays(e.frame) || t.isLeaving(e.frame.ID) && !endless {
			continue
		}
		if e.frame.ID == t.newest {
			t.refused = true
		}
		p.omit(t, e)
		any = true
	}
	return any
}

// endless reports whether the rest of the frame that is leaving is more than may
// wait.
func (p *Path[T]) endless(t *track) bool {
	var rest int64
	for at := p.video.head; at < p.video.tail; at++ {
		if e := p.video.cell(at); !e.gone && e.frame.Track == t.id && t.isLeaving(e.frame.ID) {
			rest += int64(e.size)
		}
	}
	return rest > p.hard
}

// ripe gives the picture packet that is next, after leaving out what has become too
// old before it began to leave; nil if nothing waits.
func (p *Path[T]) ripe(now unit.Instant) *entry[T] {
	for {
		e := p.video.first()
		if e == nil || now.Sub(e.since) <= p.limits.Old || p.pacer.Pacing() == 0 {
			return e
		}
		t := p.track(e.frame.Track)
		switch {
		case e.frame.Key || t.isLeaving(e.frame.ID):
			return e
		case e.frame.Temporal == 0:
			p.anew(t, now)
		default:
			t.lose(e.frame)
			p.omit(t, e)
		}
	}
}

// again gives what is to be sent again next, after leaving out what has waited for
// too long to be of use; nil if nothing waits.
func (p *Path[T]) again(now unit.Instant) *entry[T] {
	for {
		e := p.repair.first()
		if e == nil || now.Sub(e.since) <= p.limits.Again {
			return e
		}
		p.omitted(e.size)
		p.gone = append(p.gone, p.repair.leave(e))
	}
}

// omit leaves an entry out.
func (p *Path[T]) omit(t *track, e *entry[T]) {
	t.bytes -= int64(e.size)
	if e.frame.Temporal > 0 {
		p.upper -= int64(e.size)
	}
	p.omitted(e.size)
	p.gone = append(p.gone, p.video.leave(e))
}
