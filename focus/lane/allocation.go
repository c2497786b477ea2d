package lane

import (
	"encoding/binary"
	"math/bits"

	"meshfocus/simulcast"
)

// allocation is what a publisher says of its streams before they show it: the video
// layers allocation, a header extension of libwebrtc
// (webrtc.googlesource.com/src, docs/native-code/rtp-hdrext/video-layers-allocation00).
//
//	|RID| NS| sl_bm |  this stream, how many there are less 1, spatial layers of all
//	|sl0_bm |sl1_bm |  if sl_bm is 0: spatial layers of each
//	|#tl|#tl|#tl|#tl|  temporal layers less 1 of each spatial layer that is active
//	| kbit/s, LEB128 …  one for each temporal layer of those
//	| width-1 | height-1 | pictures |  five bytes each; may be missing
type allocation struct {
	streams int
	// active is the mask of spatial layers each stream sends at present.
	active [simulcast.Streams]uint8
	// width and height are of the highest of them, 0 if it was not told.
	width, height [simulcast.Streams]uint16
}

// parse reads the extension's bytes, and is false if they end too soon. A single
// zero byte is of a publisher that sends nothing.
func (a *allocation) parse(data []byte) bool {
	*a = allocation{}
	if len(data) == 0 {
		return false
	}
	if len(data) == 1 && data[0] == 0 {
		a.streams = simulcast.Streams
		return true
	}
	a.streams = int(data[0]>>4&3) + 1
	rest, ok := a.masks(data[0]&0xF, data[1:])
	if !ok {
		return false
	}
	var layers int
	for _, mask := range a.active {
		layers += bits.OnesCount8(mask)
	}
	rest, ok = skipRates(rest, layers)
	if !ok {
		return false
	}
	if len(rest) >= 5*layers {
		a.sizes(rest)
	}
	return true
}

// masks reads which spatial layers each stream has.
func (a *allocation) masks(shared uint8, data []byte) ([]byte, bool) {
	if shared != 0 {
		for i := range a.streams {
			a.active[i] = shared
		}
		return data, true
	}
	length := (a.streams + 1) / 2
	if len(data) < length {
		return nil, false
	}
	for i := range a.streams {
		a.active[i] = data[i/2] >> (4 - i%2*4) & 0xF
	}
	return data[length:], true
}

// skipRates passes over the rates: they are what the publisher would like to send, and
// what arrives is measured.
func skipRates(data []byte, layers int) ([]byte, bool) {
	length := (layers + 3) / 4
	if len(data) < length {
		return nil, false
	}
	rates := 0
	for i := range layers {
		rates += int(data[i/4]>>(6-i%4*2)&3) + 1
	}
	data = data[length:]
	for range rates {
		_, n := binary.Uvarint(data) // LEB128, as it is
		if n <= 0 {
			return nil, false
		}
		data = data[n:]
	}
	return data, true
}

// sizes reads the pictures' sizes, of all layers in turn.
func (a *allocation) sizes(data []byte) {
	for i, mask := range a.active {
		for range bits.OnesCount8(mask) {
			a.width[i] = binary.BigEndian.Uint16(data) + 1
			a.height[i] = binary.BigEndian.Uint16(data[2:]) + 1
			data = data[5:]
		}
	}
}

// allot takes an allocation of layers of the track, whose streams are numbered as the
// description names them: which have stopped, and how large they are. What cannot be
// read says nothing.
func (t *Track) allot(value []byte) {
	var a allocation
	if !a.parse(value) {
		return
	}
	for i := range a.streams {
		index := uint8(i)
		if a.active[i] == 0 {
			t.source.Stop(index)
		} else if s := t.streams[i]; s != nil && a.width[i] != 0 && bits.OnesCount8(a.active[i]) == 1 {
			s.width, s.height = a.width[i], a.height[i]
			t.source.Resize(index, s.width, s.height)
		}
	}
}
