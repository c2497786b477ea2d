// Package vp8 reads and writes the payload descriptor that stands before VP8 in
// a packet: RFC 7741 section 4.2.
//
// It decodes no video: of the frame behind the descriptor only the tag is
// looked at (package frame). The read loop calls Inspect once for a packet; the
// send loop copies the payload and calls Patch, or, if the descriptor has to
// change its size, Append and then the rest of the payload. All functions are
// pure, allocate nothing and take any input. Sizes are in bytes.
//
// Chromium and Firefox send the descriptor of one byte, without numbers and
// temporal layer, once the dependency descriptor is negotiated: then package
// dependency says what is missing here, and a subscriber that has not
// negotiated it needs a whole descriptor made by Append.
package vp8

import (
	"encoding/binary"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
)

// Descriptor is a payload descriptor.
//
//	 0 1 2 3 4 5 6 7
//	|X|R|N|S|R| PID |
//	|I|L|T|K|  RSV  |  if X
//	|M|  PictureID  |  if I
//	|   PictureID   |  if M
//	|   TL0PICIDX   |  if L
//	|TID|Y| KEYIDX  |  if T or K
type Descriptor struct {
	// Size is that of the descriptor, and where the frame's bytes begin.
	Size uint8
	// NonReference is N: nothing depends on the frame.
	NonReference bool
	// Start is S: the packet begins a partition, whose index is Partition.
	Start     bool
	Partition uint8
	// PictureID has PictureBits 7 or 15; Absent, and 0 bits, without I.
	PictureID   int32
	PictureBits uint8
	// TL0 is TL0PICIDX, Temporal is TID, KeyIndex is KEYIDX; all may be Absent.
	// LayerSync is Y: the frame depends on temporal layer 0 at most.
	TL0       int16
	Temporal  int8
	LayerSync bool
	KeyIndex  int8
}

// The bits of the first two bytes.
const (
	bitX, bitN, bitS, maskPID = 0x80, 0x20, 0x10, 0x07
	bitI, bitL, bitT, bitK    = 0x80, 0x40, 0x20, 0x10
	bitM, bitY, maskKey       = 0x80, 0x20, 0x1f
	pictureShort, pictureLong = 0x7f, 0x7fff
)

// Parse reads the descriptor of a payload into d. It returns ErrShort if the
// payload ends within it or right behind it; d means nothing then.
func (d *Descriptor) Parse(payload []byte) error {
	*d = Descriptor{
		PictureID: simulcast.Absent, TL0: simulcast.Absent,
		Temporal: simulcast.Absent, KeyIndex: simulcast.Absent,
	}
	if len(payload) == 0 {
		return ErrShort
	}
	first := payload[0]
	d.NonReference, d.Start, d.Partition = first&bitN != 0, first&bitS != 0, first&maskPID
	at := 1
	if first&bitX != 0 {
		if at = d.readNumbers(payload); at == 0 {
			return ErrShort
		}
	}
	if at >= len(payload) {
		return ErrShort
	}
	d.Size = uint8(at)
	return nil
}

// readNumbers reads what follows the first byte and gives the size of it all,
// or 0 if the payload ends before.
func (d *Descriptor) readNumbers(payload []byte) int {
	if len(payload) < 2 {
		return 0
	}
	has, at := payload[1], 2
	if has&bitI != 0 {
		if len(payload) < at+2 { // a descriptor of 7 bits and the frame are two as well
			return 0
		}
		d.PictureID, d.PictureBits = int32(payload[at]&pictureShort), 7
		if payload[at]&bitM != 0 {
			d.PictureID, d.PictureBits = int32(binary.BigEndian.Uint16(payload[at:])&pictureLong), 15
			at++
		}
		at++
	}
	if has&bitL != 0 {
		if len(payload) <= at {
			return 0
		}
		d.TL0 = int16(payload[at])
		at++
	}
	if has&(bitT|bitK) == 0 {
		return at
	}
	if len(payload) <= at {
		return 0
	}
	if has&bitT != 0 {
		d.Temporal, d.LayerSync = int8(payload[at]>>6), payload[at]&bitY != 0
	}
	if has&bitK != 0 {
		d.KeyIndex = int8(payload[at] & maskKey)
	}
	return at + 1
}

// Inspect says into info what a packet's payload tells of its place in the
// stream; marker is that of the RTP header. A packet without payload is
// Padding. The error is Parse's; such a packet is to be dropped.
func Inspect(payload []byte, marker bool, info *simulcast.Info) error {
	*info = simulcast.Plain(simulcast.VP8)
	if len(payload) == 0 {
		info.Padding = true
		return nil
	}
	var d Descriptor
	if err := d.Parse(payload); err != nil {
		return err
	}
	info.Start, info.End = d.Start && d.Partition == 0, marker
	info.Temporal, info.UpSwitch = max(d.Temporal, 0), d.LayerSync
	info.PictureID, info.PictureBits = d.PictureID, d.PictureBits
	info.TL0, info.KeyIndex = d.TL0, d.KeyIndex
	if info.Start {
		header := frame.VP8(payload[d.Size:])
		info.Key, info.Width, info.Height = header.Key, uint16(header.Width), uint16(header.Height)
	}
	return nil
}
