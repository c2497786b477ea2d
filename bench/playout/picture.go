package playout

import (
	"maps"
	"time"

	"meshfocus/internal/unit"
)

const (
	// VideoClock is ticks of a picture's timestamps in a second.
	VideoClock = 90_000
	// inTime is the part of frames that is to be shown evenly.
	inTime = 0.95
	// A receiver asks for a key frame that it waits for to begin with so often, and
	// after so long without a frame that it can decode (libwebrtc,
	// video/video_receive_stream2.h: kMaxWaitForKeyFrame, kMaxWaitForFrame).
	impatient = 200 * time.Millisecond
	stuck     = 3 * time.Second
)

// Picture is one stream of pictures as its receiver sees it.
type Picture struct {
	frames  frames
	delay   *Delay
	freezes Freezes
	sight   Sight
	ready   []Frame

	came  unit.Instant // the first packet
	keyed unit.Instant // the last beginning of a key frame
	last  unit.Instant // a frame could be decoded
	shown unit.Instant
	asked unit.Instant
}

// Sight is what was seen of a picture until an instant. All but First, Longest,
// Width, Changed and Delay only grow, so that the difference of two is what happened between them.
type Sight struct {
	// First is when the first frame was shown; unit.Never: none yet.
	First  unit.Instant
	Frames uint64
	// Freezes with the time that they took.
	Freezes         uint64
	Frozen, Longest time.Duration
	// Widths counts frames by how wide they were, in pixels; 0 is unknown.
	Widths map[uint16]uint64
	// Width is that of the frame shown last, and Changed since when it is.
	Width   uint16
	Changed unit.Instant
	// Asked are key frames that were asked for; Skipped is how often one came to the
	// rescue.
	Asked, Skipped uint64
	Delay          time.Duration // of the jitter buffer at present
}

// NewPicture makes one that nothing has arrived of.
func NewPicture() *Picture {
	return &Picture{delay: NewDelay(VideoClock, inTime, 0), sight: Sight{Widths: make(map[uint16]uint64)}}
}

// Put takes a packet in; instants do not go back. The frames that can be decoded by
// it are good until the next call.
func (p *Picture) Put(packet Packet) []Frame {
	if p.came == unit.Never {
		p.came = packet.At
	}
	if packet.Info.Key {
		p.keyed = packet.At
	}
	p.ready = p.frames.put(packet, p.ready[:0])
	for _, frame := range p.ready {
		p.show(frame, packet.At)
	}
	return p.ready
}

// show shows a frame that is whole: when the buffer says so, and after the one
// before.
func (p *Picture) show(frame Frame, now unit.Instant) {
	p.last = now
	p.shown = max(p.delay.Due(frame.Timestamp, now), now, p.shown)
	p.freezes.Show(p.shown)
	if p.sight.First == unit.Never {
		p.sight.First = p.shown
	}
	if frame.Width != p.sight.Width {
		p.sight.Width, p.sight.Changed = frame.Width, p.shown
	}
	p.sight.Frames++
	p.sight.Widths[frame.Width]++
}

// WantsKey reports whether it is time to ask for a key frame; it counts as asked
// for then.
func (p *Picture) WantsKey(now unit.Instant) bool {
	wait := stuck
	if !p.frames.going {
		wait = impatient
	}
	switch {
	case p.came == unit.Never, p.asked != unit.Never && now.Sub(p.asked) < wait:
		return false
	case p.frames.going && now.Sub(p.last) < wait, p.keyed != unit.Never && now.Sub(p.keyed) < wait: // one is under way
		return false
	}
	p.asked = now
	p.sight.Asked++
	return true
}

// Sight gives what was seen until now.
func (p *Picture) Sight(now unit.Instant) Sight {
	s, freezes := p.sight, p.freezes.Until(now)
	s.Freezes, s.Frozen, s.Longest = freezes.Count, freezes.Frozen, freezes.Longest
	s.Skipped, s.Delay, s.Widths = p.frames.skipped, p.delay.Length(), maps.Clone(s.Widths)
	return s
}

// Since gives what was seen after an earlier look.
func (s Sight) Since(earlier Sight) Sight {
	s.Frames -= earlier.Frames
	s.Freezes -= earlier.Freezes
	s.Frozen -= earlier.Frozen
	s.Asked -= earlier.Asked
	s.Skipped -= earlier.Skipped
	s.Widths = maps.Clone(s.Widths)
	for width, count := range earlier.Widths {
		s.Widths[width] -= count
	}
	return s
}
