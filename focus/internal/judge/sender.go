package judge

import (
	"encoding/binary"

	"github.com/pion/rtp/codecs"

	"meshfocus/simulcast"
)

// largest is how long payloads may be: short, so that pictures have several.
const largest = 300

// Packet is one packet of a Sender, as it travels.
type Packet struct {
	Sequence   uint16
	Timestamp  uint32
	SSRC       uint32
	Marker     bool
	Payload    []byte
	Descriptor []byte // dependency descriptor, nil if there is none
	// Number counts the sender's packets from 0, Turn its pictures. Picture is
	// what the packet is of, which has so many Parts of each spatial layer; none
	// if it is padding.
	Number, Turn int
	Parts        [3]int
	Picture      *Picture
}

// Numbers are what a Sender begins with.
type Numbers struct {
	SSRC, Timestamp uint32
	Sequence        uint16
	PictureID       uint16
	Short           bool // picture IDs of seven bits (VP8)
	TL0             uint8
	Frame           uint16
}

// Sender is an encoder of one layer and its packetizer. It plays its pictures
// over and over.
type Sender struct {
	Codec    simulcast.Codec
	Pictures []Picture
	Size     Size
	// Described: dependency descriptors are sent; of VP8 the payload descriptor
	// has nothing in it then, as browsers have it.
	Described bool
	Numbers

	turn, number int
	h264         codecs.H264Payloader
}

// Next gives the packets of the next picture, whose time is in ticks of 90 kHz
// from the sender's first.
func (s *Sender) Next(ticks uint32) (packets []*Packet) {
	picture := &s.Pictures[s.turn%len(s.Pictures)]
	pattern := Patterns[s.Codec]
	if pattern[picture.Place].Temporal == 0 {
		s.TL0++
	}
	s.PictureID++
	s.Frame++
	parts := s.cut(picture)
	for i, part := range parts {
		p := &Packet{
			Sequence: s.Sequence, Timestamp: s.Timestamp + ticks, SSRC: s.SSRC, Marker: i == len(parts)-1,
			Number: s.number, Turn: s.turn, Picture: picture, Parts: [3]int{len(parts)}, Payload: part,
		}
		if s.Described {
			p.Descriptor = descriptor(pattern, picture.Place, picture.Key, i == 0, p.Marker, s.Frame)
		}
		packets = append(packets, p)
		s.Sequence++
		s.number++
	}
	s.turn++
	return packets
}

// Padding gives a packet without payload, of the picture sent last.
func (s *Sender) Padding(ticks uint32) *Packet {
	p := &Packet{Sequence: s.Sequence, Timestamp: s.Timestamp + ticks, SSRC: s.SSRC, Number: s.number, Turn: s.turn - 1}
	s.Sequence++
	s.number++
	return p
}

// cut makes payloads of a picture.
func (s *Sender) cut(picture *Picture) (payloads [][]byte) {
	switch s.Codec {
	case simulcast.H264:
		return s.h264.Payload(largest, picture.Data)
	case simulcast.AV1:
		return (&codecs.AV1Payloader{}).Payload(largest, picture.Data)
	}
	for rest := picture.Data; len(rest) > 0; {
		size := min(largest, len(rest))
		start, end := len(rest) == len(picture.Data), size == len(rest)
		head := s.vp8(picture, start)
		if s.Codec == simulcast.VP9 {
			head = s.vp9(picture, start, end)
		}
		payloads = append(payloads, append(head, rest[:size]...))
		rest = rest[size:]
	}
	return payloads
}

// vp8 gives a payload descriptor (RFC 7741 section 4.2).
func (s *Sender) vp8(picture *Picture, start bool) []byte {
	place := Patterns[s.Codec][picture.Place]
	first := byte(0)
	if start {
		first = 0x10
	}
	if s.Described {
		return []byte{first}
	}
	layer := byte(place.Temporal) << 6
	if place.Sync {
		layer |= 0x20
	}
	if s.Short {
		return []byte{first | 0x80, 0xe0, byte(s.PictureID & 0x7f), s.TL0, layer}
	}
	return []byte{first | 0x80, 0xe0, 0x80 | byte(s.PictureID>>8), byte(s.PictureID), s.TL0, layer}
}

// vp9 gives a payload descriptor in non-flexible mode (RFC 9628 section 4.2),
// with the scalability structure on key frames.
func (s *Sender) vp9(picture *Picture, start, end bool) []byte {
	pattern := Patterns[s.Codec]
	first := byte(0xa0) // I and L
	for bit, set := range map[byte]bool{0x40: !picture.Key, 0x08: start, 0x04: end, 0x02: picture.Key && start} {
		if set {
			first |= bit
		}
	}
	place := pattern[picture.Place]
	head := []byte{first, 0x80 | byte(s.PictureID>>8), byte(s.PictureID), byte(place.Temporal)<<5 | upward(place), s.TL0}
	if !picture.Key || !start {
		return head
	}
	head = append(head, 0x18) // one layer, its size, a group of pictures
	head = binary.BigEndian.AppendUint16(head, uint16(s.Size.Width))
	head = binary.BigEndian.AppendUint16(head, uint16(s.Size.Height))
	head = append(head, byte(len(pattern)))
	for _, place := range pattern {
		head = append(head, byte(place.Temporal)<<5|upward(place)|byte(len(place.Back))<<2)
		for _, back := range place.Back {
			head = append(head, byte(back))
		}
	}
	return head
}

// upward gives the bit U: in libvpx's pattern nothing refers over a picture of
// the lower two layers to a higher one before.
func upward(place Place) byte {
	if place.Temporal < 2 {
		return 0x10
	}
	return 0
}
