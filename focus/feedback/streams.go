package feedback

import (
	"encoding/binary"
	"iter"
	"time"
)

// Arrival time offsets of RFC 8888 section 3.1: 13 bits of 1/1024 s.
const (
	offsetMost    = 0x1ffd
	offsetEarly   = 0x1ffe // longer ago than can be said
	offsetUnknown = 0x1fff // later than the report
)

// Streams gives every packet that congestion control feedback (RFC 8888) speaks of,
// with the SSRC of its stream, by stream and number. A stream without packets
// does not appear. Times are counted from the report's instant, see Instant.
func (m Message) Streams() iter.Seq2[uint32, Arrival] {
	return func(yield func(uint32, Arrival) bool) {
		if m.Kind == StreamReport {
			walkStreams(m.list, yield)
		}
	}
}

// Instant is when a report of RFC 8888 was made: the middle of an NTP instant.
func (m Message) Instant() uint32 {
	if m.Kind != StreamReport {
		return 0
	}
	return binary.BigEndian.Uint32(m.head)
}

// streamSize is the size of the block of one stream with count packets: its
// list is padded to whole words.
func streamSize(count int) int { return 8 + (count*2+3)&^3 }

func streamsFit(list []byte) bool {
	for len(list) > 0 {
		if len(list) < 8 {
			return false
		}
		size := streamSize(int(binary.BigEndian.Uint16(list[6:])))
		if size > len(list) {
			return false
		}
		list = list[size:]
	}
	return true
}

// walkStreams gives what streamsFit has checked.
func walkStreams(list []byte, yield func(uint32, Arrival) bool) {
	for len(list) > 0 {
		ssrc := binary.BigEndian.Uint32(list)
		number := binary.BigEndian.Uint16(list[4:])
		count := int(binary.BigEndian.Uint16(list[6:]))
		for i := range count {
			if !yield(ssrc, metric(number+uint16(i), binary.BigEndian.Uint16(list[8+2*i:]))) {
				return
			}
		}
		list = list[streamSize(count):]
	}
}

// metric reads the 16 bits of one packet.
func metric(number, block uint16) Arrival {
	a := Arrival{Number: number, Received: block>>15 == 1}
	if !a.Received {
		return a
	}
	a.Marked = uint8(block >> 13 & 3)
	switch offset := block & 0x1fff; offset {
	case offsetUnknown: // came while the report was made: as good as now
	case offsetEarly:
		a.At, a.Early = -offsetEarly*time.Second/1024, true
	default:
		a.At = -time.Duration(offset) * time.Second / 1024
	}
	return a
}
