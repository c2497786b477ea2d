// Package clip holds what synthetic publishers show and say: pictures and sound that
// any decoder takes, with room for what a measurement puts behind them.
//
// A clip of pictures is a key frame and those that follow it, of a moving test
// picture; generate.sh makes it again. The sound is that of package testcard.
//
// What stands behind the last bytes that a decoder reads is passed over: behind
// the last partition of a VP8 frame (RFC 6386 section 9.5), and as the padding of
// an Opus packet (RFC 6716 section 3.2.5). So frames can be as large as an encoder's,
// whatever is in them, and each can say when it was made (Stamp), whatever
// servers do to headers.
package clip

import (
	"bytes"
	_ "embed"
	"encoding/binary"

	"meshfocus/internal/testcard"
)

//go:embed vp8-320x180.ivf
var small []byte

//go:embed vp8-640x360.ivf
var medium []byte

//go:embed vp8-1280x720.ivf
var large []byte

// VP8 gives the frames of a picture by its width: 320, 640, or 1280 for all others.
// The first is a key frame, and any of the rest may follow any of them: what is seen
// then is odd, but no decoder minds.
func VP8(width int) [][]byte {
	switch width {
	case 320:
		return ivf(small)
	case 640:
		return ivf(medium)
	}
	return ivf(large)
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

// StampSize is that of what Stamp writes.
const StampSize = 16

// mark is what a stamp begins with.
const mark = 0x6d657368_62656e63

// Stamp writes an instant of any clock in nanoseconds into the last bytes of a packet.
func Stamp(packet []byte, at int64) {
	tail := packet[len(packet)-StampSize:]
	binary.BigEndian.PutUint64(tail, mark)
	binary.BigEndian.PutUint64(tail[8:], uint64(at))
}

// ReadStamp gives the instant that a packet was stamped with; false if it was not.
func ReadStamp(packet []byte) (at int64, ok bool) {
	if len(packet) < StampSize {
		return 0, false
	}
	tail := packet[len(packet)-StampSize:]
	return int64(binary.BigEndian.Uint64(tail[8:])), binary.BigEndian.Uint64(tail) == mark
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
