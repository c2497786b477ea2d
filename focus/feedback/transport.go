package feedback

import (
	"encoding/binary"
	"iter"
	"time"
)

// Symbols of the status of a packet (draft-holmer, section 3.1.1).
const (
	symbolLost  = 0
	symbolSmall = 1 // one byte of delta, from 0 up
	symbolLarge = 2 // two bytes with a sign
)

// Units of transport-wide feedback.
const (
	deltaUnit     = 250 * time.Microsecond
	referenceUnit = 64 * time.Millisecond
	// ReferenceWrap is after how long the times of Transport begin anew.
	ReferenceWrap = referenceUnit << 24
)

// Arrival is what a report says of one packet of ours.
type Arrival struct {
	Number uint16
	// Received is false for a packet that had not come when the report was made.
	Received bool
	// Marked is the ECN field the packet came with (RFC 8888 alone).
	Marked uint8
	// At is when it came, by the receiver's clock. Of Transport: since a zero
	// nobody knows, modulo ReferenceWrap, and up to 8 s before or after that. Of
	// Streams: 0 or less, counted from the report's own instant, and Early if it
	// was longer ago than the report can say.
	At    time.Duration
	Early bool
}

// Transport gives every packet a transport-wide report speaks of, by number,
// those that did not come as well. Count tells reports apart.
func (m Message) Transport() iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		if m.Kind == TransportReport {
			walkTransport(m.head, m.list, yield)
		}
	}
}

// Count is the number of a transport-wide report among those of its sender,
// modulo 256: a jump is a report that was lost.
func (m Message) Count() uint8 {
	if m.Kind != TransportReport {
		return 0
	}
	return m.head[7]
}

// statuses walks the chunks of a report: each is two bytes, a run of one
// symbol or a vector of 14 or 7.
type statuses struct {
	chunks []byte
	left   int // packets still to come
	chunk  uint16
	inside int // packets left in the chunk
}

// next gives the symbol of the next packet. It must be asked left times only.
func (s *statuses) next() (symbol uint16, ok bool) {
	for s.inside == 0 { // a run of nothing is allowed
		if len(s.chunks) < 2 {
			return 0, false
		}
		s.chunk = binary.BigEndian.Uint16(s.chunks)
		s.chunks = s.chunks[2:]
		switch s.chunk >> 14 {
		case 2:
			s.inside = 14
		case 3:
			s.inside = 7
		default:
			s.inside = int(s.chunk & 0x1fff)
		}
	}
	s.inside--
	s.left--
	switch s.chunk >> 14 {
	case 2:
		return s.chunk >> s.inside & 1, true
	case 3:
		return s.chunk >> (2 * s.inside) & 3, true
	}
	return s.chunk >> 13 & 3, true
}

// transportFits checks that chunks and deltas are as many as the report says.
func transportFits(head, list []byte) bool {
	s := statuses{chunks: list, left: int(binary.BigEndian.Uint16(head[2:]))}
	deltas := 0
	for s.left > 0 {
		symbol, ok := s.next()
		if !ok || symbol > symbolLarge {
			return false
		}
		deltas += int(symbol) // a symbol's value is the size of its delta
	}
	return deltas <= len(s.chunks)
}

// walkTransport gives what transportFits has checked.
func walkTransport(head, list []byte, yield func(Arrival) bool) {
	first := statuses{chunks: list, left: int(binary.BigEndian.Uint16(head[2:]))}
	second := first
	for first.left > 0 {
		first.next()
	}
	deltas := first.chunks
	reference := binary.BigEndian.Uint32(head[4:]) >> 8
	a := Arrival{Number: binary.BigEndian.Uint16(head)}
	at := time.Duration(reference) * referenceUnit
	for second.left > 0 {
		symbol, _ := second.next()
		switch symbol {
		case symbolSmall:
			at += time.Duration(deltas[0]) * deltaUnit
		case symbolLarge:
			at += time.Duration(int16(binary.BigEndian.Uint16(deltas))) * deltaUnit
		}
		deltas = deltas[symbol:]
		a.Received, a.At = symbol != symbolLost, 0
		if a.Received {
			a.At = at
		}
		if !yield(a) {
			return
		}
		a.Number++
	}
}
