package vp8

import (
	"encoding/binary"

	"meshfocus/simulcast"
)

// Patch writes picture ID and TL0PICIDX over those of the payload, in the width
// they have there; of a longer number the lower bits count. What the payload
// does not carry, or is given as Absent, stays away. A payload that Parse
// refuses is left as it is.
func Patch(payload []byte, pictureID int32, tl0 int16) {
	if len(payload) < 2 || payload[0]&bitX == 0 {
		return
	}
	has, at := payload[1], 2
	if has&bitI != 0 {
		if len(payload) < at+2 {
			return
		}
		size := 1
		if payload[at]&bitM != 0 {
			size = 2
		}
		if pictureID != simulcast.Absent {
			putPicture(payload[at:at+size], pictureID)
		}
		at += size
	}
	if has&bitL != 0 && at < len(payload) && tl0 != simulcast.Absent {
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

// Append appends the descriptor that the fields say, Size apart: what is Absent
// is left out, and a picture ID of more than 7 PictureBits takes two bytes. It
// is at most 6 long.
func (d Descriptor) Append(dst []byte) []byte {
	first := d.Partition & maskPID
	if d.NonReference {
		first |= bitN
	}
	if d.Start {
		first |= bitS
	}
	has := d.has()
	if has == 0 {
		return append(dst, first)
	}
	dst = append(dst, first|bitX, has)
	switch {
	case has&bitI == 0:
	case d.PictureBits > 7:
		dst = binary.BigEndian.AppendUint16(dst, bitM<<8|uint16(d.PictureID&pictureLong))
	default:
		dst = append(dst, byte(d.PictureID&pictureShort))
	}
	if has&bitL != 0 {
		dst = append(dst, byte(d.TL0))
	}
	if has&(bitT|bitK) != 0 {
		dst = append(dst, d.layer())
	}
	return dst
}

// has gives the second byte: which fields follow.
func (d Descriptor) has() byte {
	var has byte
	if d.PictureID != simulcast.Absent {
		has |= bitI
	}
	if d.TL0 != simulcast.Absent {
		has |= bitL
	}
	if d.Temporal != simulcast.Absent {
		has |= bitT
	}
	if d.KeyIndex != simulcast.Absent {
		has |= bitK
	}
	return has
}

// layer gives the last byte.
func (d Descriptor) layer() byte {
	var layer byte
	if d.Temporal != simulcast.Absent {
		layer = byte(d.Temporal&3) << 6
		if d.LayerSync {
			layer |= bitY
		}
	}
	if d.KeyIndex != simulcast.Absent {
		layer |= byte(d.KeyIndex) & maskKey
	}
	return layer
}
