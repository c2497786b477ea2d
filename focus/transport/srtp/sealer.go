package srtp

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Sealer protects what one end of a connection sends. It belongs to one loop.
type Sealer struct {
	profile   Profile
	rtp, rtcp transform
	overhead  int // of RTP
	media     streams
	control   streams
}

// NewSealer makes a sealer with the master. It fails as NewOpener does.
func NewSealer(m Master) (*Sealer, error) {
	rtp, rtcp, err := m.transforms()
	if err != nil {
		return nil, err
	}
	return &Sealer{
		profile: m.profile, rtp: rtp, rtcp: rtcp,
		overhead: m.profile.RTPOverhead(),
		media:    newStreams(), control: newStreams(),
	}, nil
}

// SealRTP appends a protected packet to dst, as append does: within its
// capacity if Overhead bytes are left behind the packet, elsewhere if not.
// header is a whole RTP header, payload is what follows, with padding if the
// header says so. Each may lie right where it goes, behind dst, or anywhere
// apart from the output; it must not overlap with it otherwise.
//
// Sequence numbers count up from any first one and may come late by less than
// the window, but each is sealed once only: under GCM a second packet with the
// same index would give the key of the tags away, even with the same payload
// if one byte of the header differs. What is sent again takes a number of its
// own, as RFC 4588 does.
//
// The error is ErrMalformed for a header that is none or not all, ErrReplayed,
// ErrOld, ErrExhausted or ErrStreams; dst is then as it was.
func (s *Sealer) SealRTP(dst, header, payload []byte) ([]byte, error) {
	if len(header) == 0 || rtpHeader(header) != len(header) {
		return dst, ErrMalformed
	}
	ssrc, sequence := binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint16(header[2:])
	index, err := s.number(ssrc, sequence)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst = extend(dst, len(header)+len(payload)+s.overhead)
	region := dst[start:]
	copy(region, header)
	s.rtp.sealRTP(region, len(header), payload, ssrc, index)
	return dst, nil
}

// number finds the index of a sequence number and marks it as used. A stream
// begins with rollover counter 0 (RFC 3711 section 3.3.1).
func (s *Sealer) number(ssrc uint32, sequence uint16) (uint64, error) {
	known := s.media.find(ssrc)
	if known == nil {
		if s.media.full() {
			return 0, ErrStreams
		}
		s.media.begin(ssrc, uint64(sequence))
		return uint64(sequence), nil
	}
	index := estimate(known.next-1, sequence)
	if err := s.media.check(known, index, rtpIndices); err != nil {
		return 0, err
	}
	s.media.use(known, index)
	return index, nil
}

// SealRTCP appends a protected packet to dst, under the same rules as SealRTP.
// packet is a compound or reduced-size RTCP packet; the SSRC of its first
// header counts the indices.
//
// The error is ErrMalformed, ErrExhausted or ErrStreams; dst is then as it was.
func (s *Sealer) SealRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < rtcpHeaderLen || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	ssrc := binary.BigEndian.Uint32(packet[4:])
	index, err := s.count(ssrc)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst = extend(dst, len(packet)+s.overhead+indexLen)
	region := dst[start:]
	copy(region, packet[:rtcpHeaderLen])
	s.rtcp.sealRTCP(region, packet[rtcpHeaderLen:], ssrc, encrypted|uint32(index))
	return dst, nil
}

// count gives the next index of an SSRC. The first is 1, as libsrtp and Pion
// have it; RFC 3711 section 3.4 reads as if it were 0, which no receiver minds
// to miss.
func (s *Sealer) count(ssrc uint32) (uint64, error) {
	known := s.control.find(ssrc)
	if known == nil {
		if s.control.full() {
			return 0, ErrStreams
		}
		s.control.begin(ssrc, 1)
		return 1, nil
	}
	index := known.next
	if err := s.control.check(known, index, rtcpIndices); err != nil {
		return 0, err
	}
	s.control.use(known, index)
	return index, nil
}

// extend makes dst n bytes longer; what they hold stays.
func extend(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		dst = slices.Grow(dst, n)
	}
	return dst[:len(dst)+n]
}

// String says what it seals with, and nothing of the keys.
func (s *Sealer) String() string { return "srtp.Sealer(" + s.profile.String() + ")" }

// Format writes String for every verb.
func (s *Sealer) Format(f fmt.State, _ rune) { writeName(f, s) }

// MarshalText gives String to what writes JSON and logs.
func (s *Sealer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
