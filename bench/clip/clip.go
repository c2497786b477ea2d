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
	"bytes"
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

// SoundEvery is how much sound each packet of Opus has, in samples of 48 kHz.
const SoundEvery = 960

// Opus gives ten seconds of sound, in packets of 20 ms with one frame each.
func Opus() (packets [][]byte) {
	const header, magic = 27, "OggS" // RFC 3533 section 6
	var packet []byte
	for page := testcard.Audio; len(page) > header && bytes.HasPrefix(page, []byte(magic)); {
		lengths := page[header : header+int(page[26])]
		page = page[header+len(lengths):]
		for _, length := range lengths {
			packet = append(packet, page[:length]...)
			page = page[length:]
			if length < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
	}
	return packets[2:] // OpusHead and OpusTags (RFC 7845 section 5)
}

// Padded gives a packet of Opus with one frame as one with room for a stamp in its
// padding: of code 3, with the count byte of one frame and padding, and its size
// (RFC 6716 section 3.2.5). A packet that has not one frame is given as it is.
//
//	| config |s|1|1|1|p|     1     |  16 bytes of padding | frame | padding
func Padded(dst, packet []byte) []byte {
	if len(packet) == 0 || packet[0]&3 != 0 {
		return append(dst, packet...)
	}
	dst = append(dst, packet[0]|3, 0x41, StampSize)
	dst = append(dst, packet[1:]...)
	return append(dst, make([]byte, StampSize)...)
}
