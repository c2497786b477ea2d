package transport

import (
	"fmt"
	"strings"

	"meshfocus/focus/lane"
	"meshfocus/simulcast"
)

// Kind is the medium of a track. The zero Kind is none.
type Kind = lane.Kind

// The kinds.
const (
	Audio = lane.Audio
	Video = lane.Video
)

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

// knownCodecs is the one table of what is known about each Codec: its name in
// a=rtpmap in lower case, its clock, and what lanes know it as.
var knownCodecs = map[Codec]struct {
	name  string
	clock uint32
	kind  Kind
	lane  simulcast.Codec
}{
	Opus: {"opus", 48000, Audio, simulcast.Opus},
	VP8:  {"vp8", 90000, Video, simulcast.VP8},
	VP9:  {"vp9", 90000, Video, simulcast.VP9},
	H264: {"h264", 90000, Video, simulcast.H264},
	AV1:  {"av1", 90000, Video, simulcast.AV1},
}

// ParseCodec reads the name of a codec as String writes it, in any case.
func ParseCodec(name string) (Codec, error) {
	if codec := codecNamed(name); codec != 0 {
		return codec, nil
	}
	return 0, fmt.Errorf("unknown codec %q: use opus, vp8, vp9, h264 or av1", name)
}

// CodecOf gives what lanes know as such a codec, 0 if none of ours is.
func CodecOf(forwarded simulcast.Codec) Codec {
	for codec, known := range knownCodecs {
		if known.lane == forwarded {
			return codec
		}
	}
	return 0
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

// codecNamed reads the name of a codec in a=rtpmap; 0 for those we do not know.
func codecNamed(name string) Codec {
	for codec, known := range knownCodecs {
		if strings.EqualFold(name, known.name) {
			return codec
		}
	}
	return 0
}

// laneCodec gives what lanes know a codec as, simulcast.Other for those we do
// not know.
func laneCodec(codec Codec) simulcast.Codec { return knownCodecs[codec].lane }

// codecFrom is the other way round; 0 for those we do not know.
func codecFrom(lane simulcast.Codec) Codec {
	for codec, known := range knownCodecs {
		if known.lane == lane {
			return codec
		}
	}
	return 0
}
