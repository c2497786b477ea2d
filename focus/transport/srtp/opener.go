package srtp

import (
	"encoding/binary"
	"fmt"
)

// Opener opens what the other end of a connection sealed. It belongs to one
// loop.
type Opener struct {
	profile   Profile
	rtp, rtcp transform
	overhead  int // of RTP
	media     streams
	control   streams
	// spare holds a packet that may have to be tried twice, since trying
	// spoils it. Grown to the largest such packet.
	spare []byte
}

// NewOpener makes an opener for what was sealed with the master. It fails with
// ErrProfile for the zero Master, and if the FIPS 140-only mode forbids the
// profile.
func NewOpener(m Master) (*Opener, error) {
	rtp, rtcp, err := m.transforms()
	if err != nil {
		return nil, err
	}
	return &Opener{
		profile: m.profile, rtp: rtp, rtcp: rtcp,
		overhead: m.profile.RTPOverhead(),
		media:    newStreams(), control: newStreams(),
	}, nil
}

// Limits of indices.
const (
	rtpIndices  = 1 << 48
	rtcpIndices = 1 << 31
)

// lost is after how many failures in a row a stream may have lost count: not
// one, so that a single forged or late packet does not make the others dearer.
const lost = 3

// OpenRTP opens a packet in place: the answer is the packet without its tag,
// padding still on. Nothing beyond the packet's length is touched. After an
// error the bytes behind the packet's header are worthless.
//
// The error is ErrMalformed, ErrReplayed, ErrOld, ErrForged, ErrExhausted or
// ErrStreams.
func (o *Opener) OpenRTP(packet []byte) ([]byte, error) {
	header := rtpHeader(packet)
	if header == 0 || len(packet) < header+o.overhead {
		return nil, ErrMalformed
	}
	ssrc, sequence := binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:])
	s := o.media.find(ssrc)
	if s == nil {
		return o.openFirst(packet, header, ssrc, sequence)
	}
	index := estimate(s.next-1, sequence)
	if err := o.media.check(s, index, rtpIndices); err != nil || s.missed >= lost {
		return o.openDoubtful(packet, header, s, index, err)
	}
	if !o.rtp.openRTP(packet, header, ssrc, index) {
		s.missed++
		return nil, ErrForged
	}
	o.media.use(s, index)
	return packet[:len(packet)-o.overhead], nil
}

// openFirst opens the first packet of a stream. Its rollover counter is 0,
// except if the sender began shortly before its first rollover and what came
// before was lost: then it is 1, and if that were not tried the whole stream
// would be lost.
func (o *Opener) openFirst(packet []byte, header int, ssrc uint32, sequence uint16) ([]byte, error) {
	if o.media.full() {
		return nil, ErrStreams
	}
	index := uint64(sequence)
	if sequence < 1<<15 {
		var ok bool
		if index, ok = o.openEither(packet, header, ssrc, index); !ok {
			return nil, ErrForged
		}
	} else if !o.rtp.openRTP(packet, header, ssrc, index) {
		return nil, ErrForged
	}
	o.media.begin(ssrc, index)
	return packet[:len(packet)-o.overhead], nil
}

// openDoubtful opens a packet whose index is refused, or whose stream failed to
// open some times. Forged packets may have got in between, or old ones; but if
// more than 2^15 packets were lost on the way, the rollover counter is one
// higher than the nearest.
func (o *Opener) openDoubtful(packet []byte, header int, s *stream, index uint64, refused error) ([]byte, error) {
	ok := false
	switch {
	case refused == nil:
		if index, ok = o.openEither(packet, header, s.ssrc, index); !ok {
			return nil, ErrForged
		}
	case refused != ErrOld:
		return nil, refused
	case s.missed < lost:
		s.missed++
		return nil, refused
	default:
		index += 1 << 16
		if index >= rtpIndices || !o.rtp.openRTP(packet, header, s.ssrc, index) {
			return nil, refused
		}
	}
	o.media.use(s, index)
	return packet[:len(packet)-o.overhead], nil
}

// openEither tries an index and the one a rollover later, and says which it
// was. A later one is never a replay.
func (o *Opener) openEither(packet []byte, header int, ssrc uint32, index uint64) (uint64, bool) {
	o.spare = append(o.spare[:0], packet[header:]...)
	if o.rtp.openRTP(packet, header, ssrc, index) {
		return index, true
	}
	copy(packet[header:], o.spare)
	index += 1 << 16
	return index, index < rtpIndices && o.rtp.openRTP(packet, header, ssrc, index)
}

// OpenRTCP opens a packet in place: the answer is the compound packet without
// index and tag. After an error what lies behind the first eight bytes is
// worthless. Packets that are authenticated but not encrypted are taken too,
// as RFC 3711 section 3.4 lets each sender choose.
//
// The error is ErrMalformed, ErrReplayed, ErrOld, ErrForged or ErrStreams.
func (o *Opener) OpenRTCP(packet []byte) ([]byte, error) {
	overhead := o.overhead + indexLen
	if len(packet) < rtcpHeaderLen+overhead || packet[0]>>6 != 2 {
		return nil, ErrMalformed
	}
	word := o.word(packet)
	ssrc, index := binary.BigEndian.Uint32(packet[4:]), uint64(word&^encrypted)
	s := o.control.find(ssrc)
	if s == nil && o.control.full() {
		return nil, ErrStreams
	}
	if s != nil {
		if err := o.control.check(s, index, rtcpIndices); err != nil {
			return nil, err
		}
	}
	if !o.rtcp.openRTCP(packet, ssrc, word) {
		return nil, ErrForged
	}
	if s == nil {
		o.control.begin(ssrc, index)
	} else {
		o.control.use(s, index)
	}
	return packet[:len(packet)-overhead], nil
}

// word reads the E flag and the index: before HMAC's tag, after GCM's.
func (o *Opener) word(packet []byte) uint32 {
	at := len(packet) - indexLen
	if o.profile == AES128CMSHA1 {
		at -= hmacTagLen
	}
	return binary.BigEndian.Uint32(packet[at:])
}

// String says what it opens, and nothing of the keys.
func (o *Opener) String() string { return "srtp.Opener(" + o.profile.String() + ")" }

// Format writes String for every verb.
func (o *Opener) Format(s fmt.State, _ rune) { writeName(s, o) }

// MarshalText gives String to what writes JSON and logs.
func (o *Opener) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
