package playout

import (
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Packet is one of a stream of pictures, as it arrived, by whatever way.
type Packet struct {
	Sequence  uint16
	Timestamp uint32
	At        unit.Instant
	// Info has Start and End of a picture with all of its layers, Key, Padding and, of key
	// frames, the size; in layers also Spatial, Temporal, Independent and InterPredicted.
	Info simulcast.Info
	// Sizes are those of all spatial layers, the smallest first, where a key frame says
	// them.
	Sizes []Size
}

// Frame is one that can be decoded.
type Frame struct {
	Timestamp     uint32
	Packets       int
	Key           bool
	Width, Height uint16 // of the last key frame, of the highest layer that can be seen
	Next          uint16 // the sequence number behind its last packet
}

// held is how many packets wait for others at most, a power of two: a second of
// 30 Mbit/s.
const held = 4096

// frames puts frames together.
type frames struct {
	slots   [held]slot
	begun   bool
	highest int64 // number that came, without wrap
	// going: everything before next was decoded; what is not can be only from a key
	// frame on.
	going  bool
	next   int64
	layers layers
	parts  []Packet // of the frame that is being decoded
	// skipped is how often a key frame made what was missing before it needless.
	skipped uint64
}

type slot struct {
	number int64
	there  bool
	packet Packet
}

// put takes a packet in and gives what can be decoded by that, in order.
func (f *frames) put(p Packet, dst []Frame) []Frame {
	number := f.number(p.Sequence)
	if f.going && (number-f.next >= held || number-f.next < -held) {
		f.going = false // something new, or all that was held is worth nothing
	}
	if f.going && number < f.next {
		return dst // for the second time, or too late
	}
	f.slots[number%held] = slot{number, true, p}
	dst = f.follow(dst)
	if f.going && number < f.next {
		return dst
	}
	first, ok := f.begin(number)
	if !ok {
		return dst
	}
	if _, whole := f.end(first); !whole {
		return dst
	}
	if f.going {
		f.skipped++
	}
	f.going, f.next = true, first
	return f.follow(dst)
}

// number gives one without wrap; the first is held, so that none is below 0.
func (f *frames) number(sequence uint16) int64 {
	if !f.begun {
		f.begun, f.highest = true, 1<<16+int64(sequence)
	}
	number := f.highest + int64(int16(sequence-uint16(f.highest)))
	f.highest = max(f.highest, number)
	return max(number, 0)
}

func (f *frames) at(number int64) *slot {
	s := &f.slots[((number%held)+held)%held]
	if !s.there || s.number != number {
		return nil
	}
	return s
}

// follow decodes what follows what was.
func (f *frames) follow(dst []Frame) []Frame {
	for f.going {
		s := f.at(f.next)
		if s == nil {
			return dst
		}
		if s.packet.Info.Padding {
			f.next++
			continue
		}
		end, whole := f.end(f.next)
		if !whole {
			return dst
		}
		if frame, ok := f.decode(f.next, end); ok {
			dst = append(dst, frame)
		}
		f.next = end
	}
	return dst
}

// end finds the packet behind a frame, from its first on: behind its last, or the
// first of another instant.
func (f *frames) end(first int64) (end int64, whole bool) {
	begun := f.at(first).packet
	for end = first; ; end++ {
		s := f.at(end)
		switch {
		case s == nil:
			return 0, false
		case s.packet.Info.Padding:
		case s.packet.Timestamp != begun.Timestamp:
			return end, true
		case s.packet.Info.End:
			return end + 1, true
		}
	}
}

// begin goes back from a packet to the first of its frame, if that is a key frame. Of
// H.264 the picture of a key frame looks like a beginning as well; the one that has the
// size is it, without which no decoder can do anything.
func (f *frames) begin(number int64) (first int64, ok bool) {
	timestamp := f.at(number).packet.Timestamp
	for first = number; ; first-- {
		s := f.at(first)
		if s == nil || s.packet.Timestamp != timestamp {
			return 0, false
		}
		if info := s.packet.Info; info.Start && (!info.Key || info.Width > 0) {
			return first, info.Key
		}
	}
}

// decode gives the frame of these packets; false if nothing of it can be seen.
func (f *frames) decode(first, end int64) (Frame, bool) {
	f.parts = f.parts[:0]
	for n := first; n < end; n++ {
		s := f.at(n)
		f.parts = append(f.parts, s.packet)
		s.there = false
	}
	begun := &f.parts[0]
	size, ok := f.layers.show(f.parts)
	return Frame{Timestamp: begun.Timestamp, Packets: len(f.parts), Next: uint16(end), Key: begun.Info.Key, Width: size.Width, Height: size.Height}, ok
}
