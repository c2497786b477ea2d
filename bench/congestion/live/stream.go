package live

import (
	"encoding/binary"

	"meshfocus/focus/lane"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// What a packet has around its part of a frame, as an IP packet: IP and UDP, the
// header of RTP with our elements, the tag (of AES-GCM), and a descriptor.
const (
	headers    = 28 + 12 + 12 + 16
	descriptor = 6
)

// stream writes one encoding to a track of a lane.
type stream struct {
	track    *lane.Track
	ssrc     uint32
	picture  picture
	sequence uint16
	id       int32
	base     uint8 // counts frames of the lowest temporal layer
	raw      []byte
}

// begin gives a packet's header, in the clear.
func (s *stream) begin(timestamp uint32, last bool) {
	s.raw = append(s.raw[:0], 0x80, 96)
	if last {
		s.raw[1] |= 0x80
	}
	s.raw = binary.BigEndian.AppendUint16(s.raw, s.sequence)
	s.raw = binary.BigEndian.AppendUint32(s.raw, timestamp)
	s.raw = binary.BigEndian.AppendUint32(s.raw, s.ssrc)
	s.sequence++
}

// write writes a frame, the n-th since the last key frame, in packets of these sizes
// as IP packets. temporal is absent where there is one layer.
func (s *stream) write(n int, temporal int8, sizes []int, timestamp uint32) error {
	total := 0
	for i := range sizes {
		sizes[i] = max(sizes[i]-headers-descriptor, 1)
		total += sizes[i]
	}
	frame := s.picture.frame(n, total)
	s.id = (s.id + 1) & 0x7fff
	if temporal <= 0 {
		s.base++
	}
	d := vp8.Descriptor{
		PictureID: s.id, PictureBits: 15, TL0: int16(s.base), Temporal: temporal, LayerSync: temporal > 0, KeyIndex: simulcast.Absent,
		NonReference: temporal == 2,
	}
	for i, size := range sizes {
		last := i == len(sizes)-1
		if last {
			size = len(frame)
		}
		d.Start = i == 0
		s.begin(timestamp, last)
		s.raw = append(d.Append(s.raw), frame[:size]...)
		frame = frame[size:]
		if err := s.track.Write(s.raw, lane.Now()); err != nil {
			return err
		}
	}
	s.track.Flush()
	return nil
}

// silence is a frame of Opus that holds nothing: a code without frames' bytes (RFC 6716
// section 3.2.1), in wideband of 20 ms.
var silence = []byte{0x48}

// sound writes 20 ms of nothing.
func (s *stream) sound(timestamp uint32) error {
	s.begin(timestamp, false)
	s.raw = append(s.raw, silence...)
	if err := s.track.Write(s.raw, lane.Now()); err != nil {
		return err
	}
	s.track.Flush()
	return nil
}
