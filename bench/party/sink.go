package party

import (
	"encoding/binary"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// sink counts a stream that is received, and says what a receiver says of it.
type sink struct {
	ssrc     uint32
	received uint64
	begun    bool
	first    int64 // numbers without wrap
	highest  int64
	marks    marks

	receiver *feedback.Receiver
	missing  missing
}

// missing knows what to ask for again, and when: feedback.Missing, with no more than a path
// can bear, or a requester, as browsers do.
type missing interface {
	Arrived(sequence uint16, size int, now unit.Instant)
	Repaired(sequence uint16, now unit.Instant) bool
	Overtaken(sequence uint16)
	Wanted(sequence uint16) bool
	Due(dst []uint16, roundTrip time.Duration, now unit.Instant) []uint16
	Next(roundTrip time.Duration) unit.Instant
}

func newSink(ssrc uint32, missing missing) *sink {
	return &sink{ssrc: ssrc, receiver: feedback.NewReceiver(ssrc, clock), missing: missing}
}

// recent is how many numbers marks holds, a power of two.
const recent = 4096

// marks knows which of the recent numbers have come.
type marks struct {
	begun   bool
	highest uint16
	bits    [recent / 64]uint64
}

// mark notes a number, and reports whether it comes for the first time.
func (m *marks) mark(sequence uint16) (fresh bool) {
	ahead := int(int16(sequence - m.highest))
	switch {
	case !m.begun:
		m.begun, m.highest = true, sequence
	case ahead > 0:
		for range min(ahead, recent) {
			m.highest++
			m.bits[m.highest%recent/64] &^= 1 << (m.highest % 64)
		}
		m.highest = sequence
	case ahead <= -recent:
		return true
	}
	word, bit := &m.bits[sequence%recent/64], uint64(1)<<(sequence%64)
	fresh = *word&bit == 0
	*word |= bit
	return fresh
}

// count takes a packet in by its number.
func (s *sink) count(sequence uint16) {
	if !s.begun {
		s.begun, s.first, s.highest = true, int64(sequence), int64(sequence)
	}
	if ahead := int64(int16(sequence - uint16(s.highest))); ahead > 0 {
		s.highest += ahead
	}
	s.received++
}

// expected says how many there should have been.
func (s *sink) expected() uint64 {
	if !s.begun {
		return 0
	}
	return uint64(s.highest-s.first) + 1
}

// report tells what came since the one before. Of a sample, one packet in every,
// nothing is said to be lost.
func (s *sink) report(every int, now unit.Instant) feedback.Report {
	r, _ := s.receiver.Report(now)
	r.SSRC = s.ssrc
	if every > 1 {
		r.Fraction, r.Lost = 0, 0
	}
	return r
}

// transportNumber reads the transport-wide number of a packet.
func transportNumber(datagram []byte, id uint8) (number uint16, ok bool) {
	value := element(datagram, id)
	if len(value) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(value), true
}

// sendTime reads when a packet left by the clock of who sent it (abs-send-time).
func sendTime(datagram []byte, id uint8) (sent uint32, ok bool) {
	value := element(datagram, id)
	if len(value) != 3 {
		return 0, false
	}
	return uint32(value[0])<<16 | uint32(value[1])<<8 | uint32(value[2]), true
}

// element finds an element of a header's extension of one-byte elements (RFC 8285 section
// 4.2), which SRTP leaves in the clear; nil if there is none.
func element(datagram []byte, id uint8) []byte {
	const profile, fixed = 0xbede, 12
	at := fixed + 4*int(datagram[0]&0x0f)
	if id == 0 || datagram[0]&0x10 == 0 || len(datagram) < at+4 || binary.BigEndian.Uint16(datagram[at:]) != profile {
		return nil
	}
	end := at + 4 + 4*int(binary.BigEndian.Uint16(datagram[at+2:]))
	if end > len(datagram) {
		return nil
	}
	for at += 4; at < end; {
		size := int(datagram[at]&0x0f) + 1
		switch {
		case datagram[at] == 0: // padding
			at++
			continue
		case at+1+size > end:
			return nil
		case datagram[at]>>4 == id:
			return datagram[at+1 : at+1+size]
		}
		at += 1 + size
	}
	return nil
}

// feigned reports whether a packet is to be taken for lost, of so many in 65536,
// the same for the same packet.
func feigned(ssrc uint32, sequence uint16, of uint32) bool {
	// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4).
	return (ssrc^uint32(sequence))*2654435761>>16 < of
}
