package cryptor

import "encoding/binary"

const (
	ivSize = 12
	// tagSize is that of GCM.
	tagSize = 16
	// trailerSize: the length of the IV and the index of the key.
	trailerSize = 2
	// Overhead is what sealing adds to a frame, escapes of H.264 and H.265
	// aside: at most one for every two bytes, in practice next to none.
	Overhead = tagSize + ivSize + trailerSize
	// counts is the modulus of the count in an IV.
	counts = 0xFFFF
)

// IV is what makes a frame's encryption different from that of every other
// under the same key. It is sent in the clear with the frame.
type IV [ivSize]byte

// Stream makes the IVs of one RTP stream. It belongs to the loop that sends it.
type Stream struct {
	ssrc  uint32
	count uint64
}

// NewStream makes that of an SSRC. Streams under one key need SSRCs of their
// own; where frames are sealed once for many connections any number that no
// other stream has does. Count is at random, up to 65534.
func NewStream(ssrc uint32, count uint16) *Stream {
	return &Stream{ssrc: ssrc, count: uint64(count)}
}

// Next gives the IV of the next frame, whose RTP timestamp that is.
func (s *Stream) Next(timestamp uint32) (iv IV) {
	binary.BigEndian.PutUint32(iv[0:], s.ssrc)
	binary.BigEndian.PutUint32(iv[4:], timestamp)
	binary.BigEndian.PutUint32(iv[8:], timestamp-uint32(s.count%counts))
	s.count++
	return iv
}
