// Package vp9 reads and patches the payload descriptor that stands before VP9 in
// a packet: RFC 9628 section 4.2, in flexible and in non-flexible mode, with
// its scalability structure.
//
// It decodes no video and, with several spatial layers, does not look at the
// frame at all, which may be encrypted end to end: whether decoding can begin
// is in the descriptor. The read loop calls Inspect once for a packet; the send
// loop copies the payload and calls Patch if the stream is one of simulcast. All
// functions are pure, allocate nothing and take any input. Sizes are in bytes,
// those of pictures in pixels.
package vp9

import (
	"encoding/binary"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
)

// MaxReferences is how many differences a descriptor may have.
const MaxReferences = 3

// Descriptor is a payload descriptor.
//
//	 0 1 2 3 4 5 6 7
//	|I|P|L|F|B|E|V|Z|
//	|M| PICTURE ID  |  if I
//	| EXTENDED PID  |  if M
//	| TID |U| SID |D|  if L
//	|   TL0PICIDX   |  if L and not F
//	|  P_DIFF     |N|  if P and F: up to three, N says that another follows
//	| scalability … |  if V: see Structure
type Descriptor struct {
	// Size is that of the descriptor, and where the frame's bytes begin.
	// StructureAt is where the scalability structure stands, 0 without V.
	Size, StructureAt uint16
	// PictureID has PictureBits 7 or 15; Absent, and 0 bits, without I.
	PictureID   int32
	PictureBits uint8
	// Predicted is P: the frame depends on an earlier picture. Flexible is F.
	Predicted, Flexible bool
	// Start and End are B and E: the first and the last packet of a frame of
	// one spatial layer.
	Start, End bool
	// NotRef is Z: no frame of a higher spatial layer depends on this one.
	NotRef bool
	// Layered is L. Temporal is TID, Spatial is SID, SwitchUp is U, and
	// InterLayer is D: the frame depends on the spatial layer below.
	Layered              bool
	Temporal, Spatial    int8
	SwitchUp, InterLayer bool
	// TL0 is TL0PICIDX, Absent in flexible mode.
	TL0 int16
	// References says how many pictures ago those were that the frame depends
	// on; ReferenceCount of them are used, in flexible mode only.
	References     [MaxReferences]uint8
	ReferenceCount uint8
}

// The bits of the descriptor.
const (
	bitI, bitP, bitL, bitF    = 0x80, 0x40, 0x20, 0x10
	bitB, bitE, bitV, bitZ    = 0x08, 0x04, 0x02, 0x01
	bitM, bitU, bitD, bitN    = 0x80, 0x10, 0x01, 0x01
	pictureShort, pictureLong = 0x7f, 0x7fff
)

// Parse reads the descriptor of a payload into d. The errors are ErrShort and
// ErrReferences; d means nothing then.
func (d *Descriptor) Parse(payload []byte) error {
	*d = Descriptor{PictureID: simulcast.Absent, TL0: simulcast.Absent}
	if len(payload) == 0 {
		return ErrShort
	}
	first := payload[0]
	d.Predicted, d.Flexible = first&bitP != 0, first&bitF != 0
	d.Start, d.End, d.NotRef = first&bitB != 0, first&bitE != 0, first&bitZ != 0
	at := 1
	var err error
	if first&bitI != 0 {
		at, err = d.parsePicture(payload, at)
	}
	if first&bitL != 0 && err == nil {
		at, err = d.parseLayer(payload, at)
	}
	if d.Predicted && d.Flexible && err == nil {
		at, err = d.parseReferences(payload, at)
	}
	if first&bitV != 0 && err == nil {
		d.StructureAt = uint16(at)
		at, err = walkStructure(payload, at, nil)
	}
	if err != nil {
		return err
	}
	if at >= len(payload) {
		return ErrShort
	}
	d.Size = uint16(at)
	return nil
}

func (d *Descriptor) parsePicture(payload []byte, at int) (int, error) {
	if at >= len(payload) {
		return at, ErrShort
	}
	if payload[at]&bitM == 0 {
		d.PictureID, d.PictureBits = int32(payload[at]&pictureShort), 7
		return at + 1, nil
	}
	if at+1 >= len(payload) {
		return at, ErrShort
	}
	d.PictureID, d.PictureBits = int32(binary.BigEndian.Uint16(payload[at:])&pictureLong), 15
	return at + 2, nil
}

func (d *Descriptor) parseLayer(payload []byte, at int) (int, error) {
	if at >= len(payload) {
		return at, ErrShort
	}
	layer := payload[at]
	d.Layered = true
	d.Temporal, d.SwitchUp = int8(layer>>5), layer&bitU != 0
	d.Spatial, d.InterLayer = int8(layer>>1&7), layer&bitD != 0
	at++
	if d.Flexible {
		return at, nil
	}
	if at >= len(payload) {
		return at, ErrShort
	}
	d.TL0 = int16(payload[at])
	return at + 1, nil
}

func (d *Descriptor) parseReferences(payload []byte, at int) (int, error) {
	for {
		if at >= len(payload) {
			return at, ErrShort
		}
		if d.ReferenceCount == MaxReferences {
			return at, ErrReferences
		}
		d.References[d.ReferenceCount] = payload[at] >> 1
		d.ReferenceCount++
		at++
		if payload[at-1]&bitN == 0 {
			return at, nil
		}
	}
}

// Key reports whether decoding can begin with the packet: it starts the lowest
// spatial layer of a picture that depends on no other.
func (d *Descriptor) Key() bool { return d.Start && !d.Predicted && d.Spatial == 0 }

// Inspect says into info what a packet's payload tells of its place in the
// stream. Sizes of pictures are those of the packet's spatial layer. A packet
// without payload is Padding. The error is Parse's; such a packet is to be
// dropped.
func Inspect(payload []byte, info *simulcast.Info) error {
	*info = simulcast.Plain(simulcast.VP9)
	if len(payload) == 0 {
		info.Padding = true
		return nil
	}
	var d Descriptor
	if err := d.Parse(payload); err != nil {
		return err
	}
	info.Start, info.End, info.Key = d.Start, d.End, d.Key()
	info.Spatial, info.Temporal = d.Spatial, d.Temporal
	info.UpSwitch = d.SwitchUp
	info.Independent, info.InterPredicted = !d.Predicted, d.InterLayer
	if d.NotRef {
		info.Needless = ^uint8(1<<(d.Spatial+1) - 1)
	}
	info.PictureID, info.PictureBits, info.TL0 = d.PictureID, d.PictureBits, d.TL0
	if info.Key {
		size := d.size(payload)
		info.Width, info.Height = size.Width, size.Height
	}
	return nil
}

// size gives that of a key frame's picture: from the structure, else from the
// frame itself, if it is in the clear.
func (d *Descriptor) size(payload []byte) Size {
	if d.StructureAt != 0 {
		var s Structure
		if s.Parse(payload[d.StructureAt:]) == nil && s.HasSizes {
			return s.Sizes[0]
		}
	}
	header := frame.VP9(payload[d.Size:])
	return Size{uint16(header.Width), uint16(header.Height)}
}

// Patch writes picture ID and TL0PICIDX over those of the payload, in the width
// they have there; of a longer number the lower bits count. What the payload
// does not carry, or is given as Absent, stays away. A payload that ends before
// is changed as far as it goes.
func Patch(payload []byte, pictureID int32, tl0 int16) {
	if len(payload) == 0 {
		return
	}
	first, at := payload[0], 1
	if first&bitI != 0 {
		size := 1
		if at < len(payload) && payload[at]&bitM != 0 {
			size = 2
		}
		if at+size > len(payload) {
			return
		}
		if pictureID != simulcast.Absent {
			putPicture(payload[at:at+size], pictureID)
		}
		at += size
	}
	if at++; first&(bitL|bitF) == bitL && at < len(payload) && tl0 != simulcast.Absent {
		payload[at] = byte(tl0)
	}
}

// putPicture writes a number of 7 bits into one byte, of 15 into two.
func putPicture(field []byte, pictureID int32) {
	if len(field) == 1 {
		field[0] = byte(pictureID & pictureShort)
		return
	}
	binary.BigEndian.PutUint16(field, bitM<<8|uint16(pictureID&pictureLong))
}
