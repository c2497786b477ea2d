package clip

import (
	"encoding/binary"
	"slices"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// Payload is that of one packet. Room: no decoder reads the last StampSize bytes, or
// those before the index of a superframe.
type Payload struct {
	Bytes []byte
	Room  bool
}

// Stamp writes a stamp, if there is room for one.
func (p Payload) Stamp(from int, at int64) {
	if p.Room {
		Stamp(beforeIndex(p.Bytes), from, at)
	}
}

// Cutter cuts the frames of one picture into payloads. Each codec has its own way:
//
//	VP8   RFC 7741, with picture ID and TL0PICIDX, as Chromium writes them
//	VP9   RFC 9628, non-flexible mode, one layer or several; key frames say what there is
//	H264  RFC 6184, packetization mode 1: aggregated where units fit, else fragments
//	AV1   RTP Payload Format For AV1: units without sizes, at most three in a packet
type Cutter struct {
	codec Codec
	most  int // bytes of a payload

	picture uint16 // of the last frame: its ID, and TL0PICIDX where there is one layer
	key     bool
	width   int
	height  int

	// Of a picture in layers: its place in the group, the layer, and TL0PICIDX.
	position, spatial int
	base              byte
}

// NewCutter makes one for payloads of so many bytes at most, from 100 on. The size is
// that of the picture, in pixels.
func NewCutter(codec Codec, most, width, height int) *Cutter {
	return &Cutter{codec: codec, most: most, width: width, height: height}
}

// Cut fills a frame up to a size, in bytes, and cuts it. One that has that size already
// gets room for a stamp nevertheless.
func (c *Cutter) Cut(made []byte, key bool, size int) []Payload {
	c.picture, c.key = (c.picture+1)&0x7fff, key
	filler := max(size-len(made), StampSize+indexOf(1))
	switch c.codec {
	case H264:
		return c.units(made, filler)
	case AV1:
		return c.elements(made, filler)
	case VP9:
		pictures, sizes := superframe(made)
		whole := append(slices.Clip(pictures), make([]byte, filler)...)
		rest := len(whole)
		for _, size := range sizes {
			rest -= size
		}
		return c.parts(appendSizes(whole, append(sizes, rest)), len(pictures), c.describe9)
	}
	return c.parts(append(slices.Clip(made), make([]byte, filler)...), len(made), c.describe8)
}

// The index of a superframe (VP9's bitstream specification, annex B) is a marker with the
// number of frames, their sizes, and the marker again. Ours have sizes of four bytes.
// Without it decoders take what stands behind the last tile for another frame.
const (
	indexMarker = 0xd8
	// most frames of a superframe.
	mostFrames = 8
)

// superframe takes an index of whatever form off, and gives the sizes of all frames but
// the last, to which the rest belongs: none of a frame that is alone.
func superframe(made []byte) (pictures []byte, sizes []int) {
	if len(made) == 0 || made[len(made)-1]&0xe0 != 0xc0 {
		return made, nil
	}
	marker := made[len(made)-1]
	count, each := int(marker&7)+1, int(marker>>3&3)+1
	begin := len(made) - 2 - count*each
	if begin < 0 || made[begin] != marker {
		return made, nil
	}
	left := begin
	for at := begin + 1; count > 1; count-- {
		size := 0
		for i := range each {
			size |= int(made[at+i]) << (8 * i)
		}
		if size > left {
			return made, nil // it only looks like one
		}
		sizes, left, at = append(sizes, size), left-size, at+each
	}
	return made[:begin], sizes
}

// appendSizes writes an index that says how large the frames before it are.
func appendSizes(whole []byte, sizes []int) []byte {
	marker := byte(indexMarker | (len(sizes) - 1))
	whole = append(whole, marker)
	for _, size := range sizes {
		whole = binary.LittleEndian.AppendUint32(whole, uint32(size))
	}
	return append(whole, marker)
}

// indexOf is the size of an index of so many frames.
func indexOf(frames int) int { return 2 + 4*frames }

// beforeIndex gives a packet without an index of ours that it may end with.
func beforeIndex(packet []byte) []byte {
	last := len(packet) - 1
	if last < 0 || packet[last]&^(mostFrames-1) != indexMarker {
		return packet
	}
	begin := last - 1 - 4*(int(packet[last]&(mostFrames-1))+1)
	if begin < 0 || packet[begin] != packet[last] {
		return packet
	}
	return packet[:begin]
}

// parts cuts a frame of which so many bytes are read into parts of equal size, each behind a descriptor.
func (c *Cutter) parts(whole []byte, read int, describe func(dst []byte, first, last bool) []byte) (all []Payload) {
	const described = 16 // no descriptor is larger
	index := 0           // of a superframe, which nothing is written into
	if c.codec == VP9 {
		index = len(whole) - len(beforeIndex(whole))
	}
	for left := (len(whole) + c.most - described - 1) / (c.most - described); left > 0; left-- {
		size := len(whole) / left
		payload := append(describe(nil, len(all) == 0, left == 1), whole[:size]...)
		all = append(all, Payload{payload, read <= size-StampSize-index})
		whole, read = whole[size:], max(read-size, 0)
	}
	return all
}

func (c *Cutter) describe8(dst []byte, first, _ bool) []byte {
	return vp8.Descriptor{
		Start: first, PictureID: int32(c.picture), PictureBits: 15, TL0: int16(c.picture & 0xff), KeyIndex: simulcast.Absent,
	}.Append(dst)
}

// The bits that VP9's descriptor begins with: I, P, L, B, E, V and Z.
const (
	hasPictureID, predicted, hasLayer, frameBegins = 0x80, 0x40, 0x20, 0x08
	frameEnds, hasStructure, unneededAbove         = 0x04, 0x02, 0x01
)

// describe9 writes VP9's descriptor (RFC 9628 section 4.2): of one spatial and one
// temporal layer, in which each picture refers to the one before.
//
//	|I|P|L|F|B|E|V|Z|  I, L and Z; P but in key frames, V at their beginning
//	|M| PICTURE ID  |  of 15 bits
//	| EXTENDED PID  |
//	| TID |U| SID |D|  0
//	|   TL0PICIDX   |
//	| N_S |Y|G|-----|  one layer, its size, and a group of pictures
//	| width, height |  of 16 bits
//	|      N_G      |  one
//	| TID |U| R |---|  with one reference
//	|    P_DIFF     |  to the one before
func (c *Cutter) describe9(dst []byte, first, last bool) []byte {
	structure := c.key && first
	dst = append(c.begin9(dst, first, last, true, structure), 0, byte(c.picture))
	if !structure {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(append(dst, 0x18), uint16(c.width))
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.height))
	return append(dst, 1, 0x04, 1)
}

// begin9 writes what a descriptor of VP9 begins with: its bits and the picture's number.
func (c *Cutter) begin9(dst []byte, first, last, top, structure bool) []byte {
	flags := byte(hasPictureID | hasLayer)
	for _, f := range []struct {
		is  bool
		bit byte
	}{{!c.key, predicted}, {first, frameBegins}, {last, frameEnds}, {top, unneededAbove}, {structure, hasStructure}} {
		if f.is {
			flags |= f.bit
		}
	}
	return append(dst, flags, 0x80|byte(c.picture>>8), byte(c.picture))
}

const (
	fillerUnit                 = 12 // ITU-T H.264 table 7-1
	aggregated, fragmented     = 24, 28
	fragmentStart, fragmentEnd = 0x80, 0x40
)

// units packs an access unit of H.264, and behind it the filler.
func (c *Cutter) units(made []byte, filler int) (all []Payload) {
	var together [][]byte
	size := 1
	flush := func(room bool) {
		if len(together) > 0 {
			all = append(all, Payload{aggregate(together), room})
		}
		together, size = nil, 1
	}
	add := func(nal []byte, room bool) {
		if size+2+len(nal) > c.most {
			flush(false)
		}
		if size+2+len(nal) > c.most {
			all = append(all, fragments(nal, c.most, room)...)
			return
		}
		together, size = append(together, nal), size+2+len(nal)
	}
	for nal := range frame.NALs(made) {
		add(nal, false)
	}
	add(fill(fillerUnit, filler), true)
	flush(true)
	return all
}

// fill makes a unit that means nothing, of so many bytes with its header, or as many as
// a stamp needs. It ends with a bit that is set, as units do.
func fill(header byte, size int) []byte {
	unit := slices.Repeat([]byte{0xff}, max(size, 1+StampSize))
	unit[0], unit[len(unit)-1] = header, 0x80
	return unit
}

// aggregate puts units into one payload, with a header as important as the most
// important (RFC 6184 section 5.7.1); one goes alone.
func aggregate(units [][]byte) []byte {
	if len(units) == 1 {
		return units[0]
	}
	payload := []byte{aggregated}
	for _, unit := range units {
		payload[0] = max(payload[0]&0x60, unit[0]&0x60) | aggregated
		payload = append(binary.BigEndian.AppendUint16(payload, uint16(len(unit))), unit...)
	}
	return payload
}

// fragments cuts a unit into parts of equal size (RFC 6184 section 5.8). room: no
// decoder reads the unit.
func fragments(unit []byte, most int, room bool) (all []Payload) {
	body := unit[1:]
	for left := (len(body) + most - 3) / (most - 2); left > 0; left-- {
		size := len(body) / left
		second := unit[0] & 0x1f
		if len(all) == 0 {
			second |= fragmentStart
		}
		if left == 1 {
			second |= fragmentEnd
		}
		payload := append([]byte{unit[0]&0xe0 | fragmented, second}, body[:size]...)
		all, body = append(all, Payload{payload, room && size >= StampSize}), body[size:]
	}
	return all
}

const paddingUnit = 15 // AV1 specification section 6.2.2

// elements packs a temporal unit of AV1, and behind it the padding.
//
//	|Z|Y| W |N|-|-|-|  Z and Y: goes on from the packet before, and behind; W elements,
//	of which all but the last have a length before them; N: a sequence begins
func (c *Cutter) elements(made []byte, filler int) (all []Payload) {
	const sequence, hasSize, hasExtension = 0x08, 0x02, 0x04
	p := packing{most: c.most}
	if c.key {
		p.header = sequence
	}
	for obu := range frame.OBUs(made) {
		if obu.Type == frame.OBUTemporalDelimiter {
			continue
		}
		unit := []byte{obu.Raw[0] &^ hasSize}
		if obu.Raw[0]&hasExtension != 0 {
			unit = append(unit, obu.Raw[1])
		}
		p.add(append(unit, obu.Body...), false)
	}
	p.add(fill(paddingUnit<<3, filler), true)
	p.flush(false)
	return p.all
}

// packing is packets of AV1 in the making.
type packing struct {
	most     int
	all      []Payload
	header   byte // of the packet that is open
	elements [][]byte
	size     int
	room     bool // in the last element, for a stamp
}

// add takes a unit, cut where packets end.
func (p *packing) add(unit []byte, room bool) {
	const length, three = 2, 3 // bytes of a length, and elements that W can count
	for {
		if len(p.elements) == three || p.most-1-p.size-length < 2*StampSize {
			p.flush(false)
		}
		size := min(len(unit), p.most-1-p.size-length)
		p.elements, p.size = append(p.elements, unit[:size]), p.size+size+length
		p.room = room && size > StampSize
		if unit = unit[size:]; len(unit) == 0 {
			return
		}
		p.flush(true)
	}
}

// flush ends a packet, if there is one; goesOn: in the middle of a unit.
func (p *packing) flush(goesOn bool) {
	const before, behind = 0x80, 0x40
	if len(p.elements) == 0 {
		return
	}
	payload := []byte{p.header | byte(len(p.elements)<<4)}
	p.header = 0
	if goesOn {
		payload[0] |= behind
		p.header = before
	}
	for i, element := range p.elements {
		if i < len(p.elements)-1 {
			payload = binary.AppendUvarint(payload, uint64(len(element)))
		}
		payload = append(payload, element...)
	}
	p.all = append(p.all, Payload{payload, p.room})
	p.elements, p.size, p.room = nil, 0, false
}
