package transport

import (
	"fmt"
	"strings"

	"github.com/pion/webrtc/v4"
)

// Kind is the medium of a track.
type Kind uint8

// The kinds. The zero Kind is none.
const (
	Audio Kind = iota + 1
	Video
)

// String gives "audio" or "video", as the m-line of SDP names it.
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "none"
}

// Codec is how a track is encoded.
type Codec uint8

// The codecs, Opus first and video in the order we offer it. The zero Codec
// is unknown.
const (
	Opus Codec = iota + 1
	VP8
	VP9
	H264
	AV1
)

// knownCodecs is the one table of what is known about each Codec.
var knownCodecs = map[Codec]struct {
	name  string
	mime  string
	clock uint32
	kind  Kind
}{
	Opus: {"opus", webrtc.MimeTypeOpus, 48000, Audio},
	VP8:  {"vp8", webrtc.MimeTypeVP8, 90000, Video},
	VP9:  {"vp9", webrtc.MimeTypeVP9, 90000, Video},
	H264: {"h264", webrtc.MimeTypeH264, 90000, Video},
	AV1:  {"av1", webrtc.MimeTypeAV1, 90000, Video},
}

// ParseCodec reads the name of a codec as String writes it, in any case.
func ParseCodec(name string) (Codec, error) {
	for codec, known := range knownCodecs {
		if strings.EqualFold(name, known.name) {
			return codec, nil
		}
	}
	return 0, fmt.Errorf("unknown codec %q: use opus, vp8, vp9, h264 or av1", name)
}

// String gives the name in lower case, "unknown" for others.
func (c Codec) String() string {
	if known, ok := knownCodecs[c]; ok {
		return known.name
	}
	return "unknown"
}

// Kind says which medium the codec is for.
func (c Codec) Kind() Kind { return knownCodecs[c].kind }

// ClockRate gives the ticks of an RTP timestamp in a second, 0 if unknown.
func (c Codec) ClockRate() uint32 { return knownCodecs[c].clock }

// codecOf reads Pion's name for a codec; 0 for those we do not know.
func codecOf(mime string) Codec {
	for codec, known := range knownCodecs {
		if strings.EqualFold(mime, known.mime) {
			return codec
		}
	}
	return 0
}
