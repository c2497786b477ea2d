// Package clip holds what synthetic publishers show and say: pictures and sound that
// any decoder takes, with room for what a measurement puts behind them, cut into the
// payloads of packets.
//
// A clip of pictures is a key frame and those that follow it, of a moving test
// picture; generate.sh makes it again. The sound is that of package testcard.
//
// What no decoder reads is passed over, so that frames can be as large as an encoder's,
// whatever is in them, and each can say when it was made (Stamp), whatever servers do
// to headers. It stands
//
//	VP8   behind the last partition (RFC 6386 section 9.5)
//	VP9   behind the last tile, in a superframe that says where the frame ends
//	H264  in a filler data unit behind the slice (ITU-T H.264 section 7.4.2.7)
//	AV1   in a padding unit behind the frame (AV1 specification section 5.13)
//	Opus  in the padding of a packet (RFC 6716 section 3.2.5)
package clip

import (
	"embed"
	"encoding/binary"
	"fmt"
	"slices"

	"meshfocus/focus/transport/frame"
	"meshfocus/internal/testcard"
)

// Codec is what pictures are encoded with, as scenarios name it.
type Codec string

// The codecs that there are clips of.
const (
	VP8  Codec = "vp8"
	VP9  Codec = "vp9"
	H264 Codec = "h264"
	AV1  Codec = "av1"
)

// Codecs gives all of them.
func Codecs() []Codec { return []Codec{VP8, VP9, H264, AV1} }

//go:embed *.ivf *.h264
var shelf embed.FS

// Frames gives the frames of a picture by its width: 320, 640, or 1280 for all others.
// The first is a key frame, and the only one. The others follow it in their order, and
// the second may follow the last: what is seen then jumps, but no decoder minds.
func Frames(codec Codec, width int) [][]byte {
	size, ok := map[int]string{320: "320x180", 640: "640x360"}[width]
	if !ok {
		size = "1280x720"
	}
	kind := "ivf"
	if codec == H264 {
		kind = "h264"
	}
	file, err := shelf.ReadFile(fmt.Sprintf("%s-%s.%s", codec, size, kind))
	if err != nil {
		panic(err) // it is compiled in
	}
	if codec == H264 {
		return pictures(file)
	}
	return ivf(file)
}

// ivf takes the frames out of an IVF file: a header of 32 bytes, and one of 12 before
// each frame, which begins with its size.
func ivf(file []byte) (frames [][]byte) {
	for at := 32; at+12 <= len(file); {
		end := at + 12 + int(binary.LittleEndian.Uint32(file[at:]))
		frames = append(frames, file[at+12:end])
		at = end
	}
	return frames
}

// pictures takes the access units out of a stream in form of annex B whose pictures are
// one slice each. What an encoder says of itself is left out.
func pictures(stream []byte) (units [][]byte) {
	var unit []byte
	for nal := range frame.NALs(stream) {
		kind := frame.NALType(nal)
		if kind == frame.NALSEI || kind == frame.NALDelimiter {
			continue
		}
		unit = append(append(unit, 0, 0, 0, 1), nal...)
		if kind == frame.NALSlice || kind == frame.NALIDR {
			units, unit = append(units, slices.Clip(unit)), nil
		}
	}
	return units
}

// Opus gives ten seconds of sound, in packets of 20 ms with one frame each.
func Opus() *Sound {
	sound, err := readSound("testcard", testcard.Audio)
	if err != nil {
		panic(err) // it is compiled in
	}
	return sound
}

// Padded gives a packet of Opus as one with room for a stamp in its padding: of code 3,
// with the byte that counts its frames and says that there is padding, and the size of
// that (RFC 6716 section 3.2.5). Behind these stands what stood behind the code before. A
// packet that has padding of its own, or is none, is given as it is, without room.
//
//	| config |s|1|1|v|1|   count   |  16 bytes of padding | lengths, frames | padding
func Padded(dst, packet []byte) (padded []byte, room bool) {
	const twoAlike, two, several, different, padding = 1, 2, 3, 0x80, 0x40
	if len(packet) == 0 {
		return dst, false
	}
	count, rest := byte(1), packet[1:]
	switch packet[0] & 3 {
	case twoAlike:
		count = 2
	case two:
		count = different | 2
	case several:
		if len(rest) == 0 || rest[0]&padding != 0 {
			return append(dst, packet...), false
		}
		count, rest = rest[0], rest[1:]
	}
	dst = append(append(dst, packet[0]|several, count|padding, StampSize), rest...)
	return append(dst, make([]byte, StampSize)...), true
}
