package vp9

import "encoding/binary"

// The bounds of a structure: N_S has three bits, and N_G eight.
const (
	MaxSpatial  = 8
	MaxPictures = 255
)

// Size is a picture's, in pixels.
type Size struct{ Width, Height uint16 }

// Structure is the scalability structure, which stands in the first packet of a
// key frame at least.
//
//	| N_S |Y|G|-|-|-|
//	|     WIDTH     |  if Y: two bytes of each, N_S + 1 times
//	|    HEIGHT     |
//	|      N_G      |  if G
//	| TID |U| R |-|-|  N_G times, each with
//	|    P_DIFF     |  R of these
type Structure struct {
	// SpatialCount is N_S + 1. HasSizes: Sizes are those of the layers.
	SpatialCount uint8
	HasSizes     bool
	Sizes        [MaxSpatial]Size
	// PictureCount is N_G, of a group of pictures that repeats; 0 if the
	// structure does not describe it. Pictures are those of the group.
	PictureCount uint8
	Pictures     [MaxPictures]Picture
}

// Picture is one of a group.
type Picture struct {
	Temporal       int8
	SwitchUp       bool
	ReferenceCount uint8
	References     [MaxReferences]uint8 // how many pictures ago
}

// Sizes gives those of all spatial layers, the smallest first, from the payload of a packet
// whose structure says them; nil from any other.
func Sizes(payload []byte) []Size {
	var d Descriptor
	var s Structure
	if d.Parse(payload) != nil || d.StructureAt == 0 || s.Parse(payload[d.StructureAt:]) != nil || !s.HasSizes {
		return nil
	}
	return s.Sizes[:s.SpatialCount:s.SpatialCount]
}

// Parse reads a structure from where a descriptor says it stands. The error is
// ErrShort.
func (s *Structure) Parse(data []byte) error {
	*s = Structure{}
	_, err := walkStructure(data, 0, s)
	return err
}

// walkStructure gives where the structure ends, and what it says if into is not
// nil.
func walkStructure(data []byte, at int, into *Structure) (int, error) {
	if at >= len(data) {
		return at, ErrShort
	}
	const bitY, bitG = 0x10, 0x08
	head := data[at]
	at++
	count := int(head>>5) + 1
	if into != nil {
		into.SpatialCount, into.HasSizes = uint8(count), head&bitY != 0
	}
	if head&bitY != 0 {
		if at+4*count > len(data) {
			return at, ErrShort
		}
		if into != nil {
			into.readSizes(data[at:])
		}
		at += 4 * count
	}
	if head&bitG == 0 {
		return at, nil
	}
	return walkPictures(data, at, into)
}

func (s *Structure) readSizes(data []byte) {
	for i := range s.Sizes[:s.SpatialCount] {
		s.Sizes[i] = Size{binary.BigEndian.Uint16(data[4*i:]), binary.BigEndian.Uint16(data[4*i+2:])}
	}
}

// walkPictures is walkStructure for the group of pictures.
func walkPictures(data []byte, at int, into *Structure) (int, error) {
	if at >= len(data) {
		return at, ErrShort
	}
	count := int(data[at])
	at++
	for i := range count {
		if at >= len(data) {
			return at, ErrShort
		}
		head := data[at]
		references := int(head >> 2 & 3)
		if at+1+references > len(data) {
			return at, ErrShort
		}
		if into != nil {
			picture := &into.Pictures[i]
			picture.Temporal, picture.SwitchUp = int8(head>>5), head&bitU != 0
			picture.ReferenceCount = uint8(references)
			copy(picture.References[:], data[at+1:at+1+references])
			into.PictureCount++
		}
		at += 1 + references
	}
	return at, nil
}
