package judge

import (
	"encoding/binary"

	"meshfocus/simulcast"
)

// Place is a picture's in the pattern of temporal layers, which begins anew at
// each key frame: its layer, how many pictures ago those were that it refers to,
// and whether a receiver of lower layers may go up to its own with it.
type Place struct {
	Temporal int8
	Back     []uint16
	Sync     bool
}

// Patterns are those the encoders were found to keep to: leaving out a picture
// changed those and only those that refer to it here.
var Patterns = map[simulcast.Codec][]Place{
	simulcast.VP8:  ofVPX,
	simulcast.VP9:  ofVPX,
	simulcast.AV1:  ofSVT,
	simulcast.H264: {{Back: []uint16{1}}},
}

var ofVPX = []Place{
	{0, []uint16{4}, false}, {2, []uint16{1}, true}, {1, []uint16{2}, true}, {2, []uint16{1, 3}, false},
}

var ofSVT = []Place{
	{0, []uint16{8}, false}, {3, []uint16{1}, true}, {2, []uint16{2}, true}, {3, []uint16{1}, false},
	{1, []uint16{4}, true}, {3, []uint16{1}, false}, {2, []uint16{2}, false}, {3, []uint16{1}, false},
}

// top is the highest temporal layer of a pattern.
func top(pattern []Place) (highest int8) {
	for _, place := range pattern {
		highest = max(highest, place.Temporal)
	}
	return highest
}

// bits writes what is not in whole bytes.
type bits struct {
	data []byte
	n    int
}

func (b *bits) write(value uint32, width int) {
	for width--; width >= 0; width-- {
		if b.n%8 == 0 {
			b.data = append(b.data, 0)
		}
		if value>>width&1 != 0 {
			b.data[b.n/8] |= 0x80 >> (b.n % 8)
		}
		b.n++
	}
}

// descriptor gives the dependency descriptor of a picture's packet (RTP Payload
// Format For AV1, section A.8.2), with the structure if it is the first of a key
// frame. Template 0 is the key frame's, those of the places follow, ordered by
// their layers.
func descriptor(pattern []Place, place int, key, start, end bool, number uint16) []byte {
	template := 0
	if !key {
		template = templateOf(pattern, place)
	}
	first := byte(template)
	if start {
		first |= 0x80
	}
	if end {
		first |= 0x40
	}
	b := bits{data: binary.BigEndian.AppendUint16([]byte{first}, number), n: 24}
	if key && start {
		b.write(0b10000, 5) // a structure, nothing else
		b.structure(pattern)
	}
	return b.data
}

// ordered gives the places by their layers.
func ordered(pattern []Place) (places []int) {
	for temporal := range top(pattern) + 1 {
		for i, place := range pattern {
			if place.Temporal == temporal {
				places = append(places, i)
			}
		}
	}
	return places
}

func templateOf(pattern []Place, place int) int {
	for i, at := range ordered(pattern) {
		if at == place {
			return 1 + i
		}
	}
	panic("no such place")
}

// structure writes that of a pattern: a decode target for each temporal layer,
// the highest first, and a chain of the lowest layer that protects them all.
func (b *bits) structure(pattern []Place) {
	places, highest := ordered(pattern), top(pattern)
	b.write(0, 6) // template_id_offset
	b.write(uint32(highest), 5)
	last := int8(0)
	for _, at := range places { // next_layer_idc, of template 0 first
		b.write(uint32(pattern[at].Temporal-last), 2)
		last = pattern[at].Temporal
	}
	b.write(3, 2)
	b.indications(0, highest)
	for _, at := range places {
		b.indications(pattern[at].Temporal, highest)
	}
	b.write(0, 1) // the key frame refers to nothing
	for _, at := range places {
		for _, back := range pattern[at].Back {
			b.write(1<<4|uint32(back-1), 5)
		}
		b.write(0, 1)
	}
	b.chains(pattern, places, int(highest)+1)
	b.write(0, 1) // no sizes
}

// indications writes those of a layer: switch for the targets above, discardable
// for its own unless that is the lowest.
func (b *bits) indications(temporal, highest int8) {
	for target := highest; target >= 0; target-- {
		switch {
		case temporal > target:
			b.write(0, 2)
		case temporal == target && temporal > 0:
			b.write(1, 2)
		default:
			b.write(2, 2)
		}
	}
}

// chains writes the one there is; decode_target_protected_by has no bits then.
func (b *bits) chains(pattern []Place, places []int, targets int) {
	b.limited(1, targets+1)
	b.write(0, 4)
	for _, at := range places {
		if at == 0 {
			at = len(pattern)
		}
		b.write(uint32(at), 4)
	}
}

// limited writes ns(n) of the AV1 specification, section 4.10.7.
func (b *bits) limited(value, n int) {
	width := 0
	for x := n; x > 0; x >>= 1 {
		width++
	}
	if short := 1<<width - n; value < short {
		b.write(uint32(value), width-1)
	} else {
		b.write(uint32(value+short), width)
	}
}
