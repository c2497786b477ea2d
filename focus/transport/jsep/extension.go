package jsep

import (
	"slices"
	"strconv"
	"strings"
)

// Extension is a header extension (RFC 8285) and its number on the wire.
// Direction says who may use it; seen from our side in a Section.
type Extension struct {
	URI       string
	ID        uint8
	Direction Direction
}

// The header extensions this program reads or writes.
const (
	ExtensionMid          = "urn:ietf:params:rtp-hdrext:sdes:mid"                    // RFC 9143 section 15
	ExtensionRID          = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"          // RFC 8852
	ExtensionRepairedRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" // RFC 8852
	ExtensionAudioLevel   = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"            // RFC 6464
	ExtensionAbsSendTime  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	ExtensionTransportSeq = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// Extensions gives what this program reads, for each kind. None changes the
// payload: the dependency descriptor, which makes browsers leave the picture
// ids out of VP8, is not asked for.
func Extensions() map[Kind][]string {
	return map[Kind][]string{
		Audio: {ExtensionMid, ExtensionAudioLevel, ExtensionAbsSendTime, ExtensionTransportSeq},
		Video: {ExtensionMid, ExtensionRID, ExtensionRepairedRID, ExtensionAbsSendTime, ExtensionTransportSeq},
	}
}

// parseExtension reads the value of a=extmap (RFC 8285 section 8). Numbers
// from 4096 on, which ask us to choose, and those that cannot be on the wire
// are not taken.
func parseExtension(value string) (Extension, bool) {
	fields := strings.Fields(value)
	if len(fields) < 2 {
		return Extension{}, false
	}
	number, direction, limited := strings.Cut(fields[0], "/")
	id, err := strconv.ParseUint(number, 10, 8)
	if err != nil || id == 0 || id == 15 { // 15: RFC 8285 section 4.2
		return Extension{}, false
	}
	e := Extension{URI: fields[1], ID: uint8(id), Direction: SendReceive}
	if limited {
		var known bool
		if e.Direction, known = parseDirection(direction); !known {
			return Extension{}, false
		}
	}
	return e, true
}

// commonExtensions gives what we know of the extensions the other side offers,
// seen from our side. Of an extension or a number that comes twice the first
// counts.
func commonExtensions(known []string, offered []Extension) []Extension {
	var all []Extension
	for _, e := range offered {
		taken := slices.ContainsFunc(all, func(o Extension) bool { return o.URI == e.URI || o.ID == e.ID })
		if slices.Contains(known, e.URI) && !taken && e.Direction != Inactive {
			e.Direction = e.Direction.Reverse()
			all = append(all, e)
		}
	}
	return all
}

// answeredExtensions gives what an answer leaves of those that we offered. One
// that comes back under another number is lost: RFC 8285 section 7 forbids it,
// and nobody could say which of the two is meant.
func answeredExtensions(offered, answer []Extension) []Extension {
	var all []Extension
	for _, ours := range offered {
		for _, theirs := range answer {
			if ours.URI == theirs.URI && ours.ID == theirs.ID {
				if ours.Direction &= theirs.Direction.Reverse(); ours.Direction != Inactive {
					all = append(all, ours)
				}
				break
			}
		}
	}
	return all
}
