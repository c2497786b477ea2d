package packet

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"meshfocus/internal/unit"
)

// Extension is what an element of a header extension means, whatever number it
// has on a connection.
type Extension uint8

// The extensions that browsers offer. None stands for those we do not know.
const (
	None Extension = iota
	MID
	RID
	RepairedRID
	AudioLevel
	AbsSendTime
	TransportNumber
	Orientation
	ColourSpace
	ContentType
	PlayoutDelay
	VideoTiming
	AbsCaptureTime
	Descriptor // of dependencies between frames, AV1's
	LayersAllocation
	SendOffset
	extensions // how many there are
)

// uris are the names in session descriptions.
var uris = [extensions]string{
	MID:              "urn:ietf:params:rtp-hdrext:sdes:mid",
	RID:              "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	RepairedRID:      "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	AudioLevel:       "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	AbsSendTime:      "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	TransportNumber:  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
	Orientation:      "urn:3gpp:video-orientation",
	ColourSpace:      "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
	ContentType:      "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
	PlayoutDelay:     "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	VideoTiming:      "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
	AbsCaptureTime:   "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
	Descriptor:       "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
	LayersAllocation: "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
	SendOffset:       "urn:ietf:params:rtp-hdrext:toffset",
}

// ExtensionOf gives the extension that a session description names so, or None.
func ExtensionOf(uri string) Extension {
	if uri == "" {
		return None
	}
	return Extension(max(0, slices.Index(uris[:], uri)))
}

// String gives the name in session descriptions, or "" for None.
func (e Extension) String() string {
	if e >= extensions {
		return fmt.Sprintf("Extension(%d)", uint8(e))
	}
	return uris[e]
}

// Extensions is a set of them.
type Extensions uint32

// Set makes a set.
func Set(of ...Extension) Extensions {
	var s Extensions
	for _, e := range of {
		s |= 1 << e
	}
	return s
}

// Has reports whether e is in the set.
func (s Extensions) Has(e Extension) bool { return s>>e&1 != 0 }

// next gives the first extension of a set that is not empty, and the others.
func (s Extensions) next() (first Extension, rest Extensions) {
	return Extension(bits.TrailingZeros32(uint32(s))), s & (s - 1)
}

// Numbers is the numbers that extensions have on a connection: what a session
// description calls a=extmap. The zero Numbers has none. It does not change
// while packets are read or written with it.
type Numbers struct {
	meaning [256]Extension
	number  [extensions]uint8
}

// Set gives an extension its number, 1 to 14 or 16 to 255, in place of the one it
// had. The error is ErrNumber, also if another extension has it.
func (n *Numbers) Set(e Extension, number uint8) error {
	taken := n.meaning[number]
	if e == None || e >= extensions || number == 0 || number == 15 || taken != None && taken != e {
		return ErrNumber
	}
	n.meaning[n.number[e]] = None
	n.meaning[number], n.number[e] = e, number
	return nil
}

// Number gives the number of an extension, 0 if it has none.
func (n *Numbers) Number(e Extension) uint8 { return n.number[e] }

// Meaning gives the extension that has the number, None if none has.
func (n *Numbers) Meaning(number uint8) Extension { return n.meaning[number] }

// SendTime gives an instant as AbsSendTime has it: seconds modulo 64 in 24 bits,
// 18 of them behind the point. Receivers compare such times with each other only.
func SendTime(now unit.Instant) uint32 {
	const wrap = unit.Instant(64 * time.Second)
	rest := now % wrap
	if rest < 0 {
		rest += wrap
	}
	return uint32(uint64(rest) << 18 / uint64(time.Second))
}
