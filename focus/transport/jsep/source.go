package jsep

import (
	"strconv"
	"strings"
)

// Track is what one side says it sends on a section.
type Track struct {
	// Stream and ID are those of a=msid (RFC 8830). A stream of "" is none;
	// of several streams the first counts.
	Stream, ID string
	// Sources are the streams of packets. Of layers Firefox names them, in the
	// order of the rids; Chromium does not: they are known by the rids on their
	// packets then.
	Sources []Source
}

// Source is a stream of packets and the one that its retransmissions come in
// (RFC 4588, RFC 5576 section 4.2); RTX is 0 if there is none.
type Source struct{ SSRC, RTX uint32 }

// maxSources bounds what is kept of a section.
const maxSources = 32

// readTrack reads what a section says of its track: a=msid, or the older
// msid of a=ssrc; a=ssrc in its order, with the pairs of FID.
func readTrack(section attributes) Track {
	var t Track
	repairs := make(map[uint32]uint32) // of what → by what
	repairing := make(map[uint32]bool)
	for _, a := range section {
		if words := strings.Fields(a.value); a.key == "ssrc-group" && len(words) == 3 && words[0] == "FID" {
			if media, repair, ok := ssrcPair(words[1], words[2]); ok && len(repairs) < maxSources {
				repairs[media], repairing[repair] = repair, true
			}
		}
	}
	known := make(map[uint32]bool)
	for _, a := range section {
		switch a.key {
		case "msid":
			if t.ID == "" {
				t.Stream, t.ID = readMsid(a.value)
			}
		case "ssrc":
			number, detail, _ := strings.Cut(a.value, " ")
			ssrc, err := strconv.ParseUint(number, 10, 32)
			if err != nil || repairing[uint32(ssrc)] {
				continue
			}
			if msid, ok := strings.CutPrefix(detail, "msid:"); ok && t.ID == "" {
				t.Stream, t.ID = readMsid(msid)
			}
			if !known[uint32(ssrc)] && len(t.Sources) < maxSources {
				known[uint32(ssrc)] = true
				t.Sources = append(t.Sources, Source{uint32(ssrc), repairs[uint32(ssrc)]})
			}
		}
	}
	return t
}

// readMsid reads a stream, "-" for none, and a track, which old forms leave
// out.
func readMsid(value string) (stream, id string) {
	words := strings.Fields(value)
	if len(words) > 0 && words[0] != "-" {
		stream = words[0]
	}
	if len(words) > 1 {
		id = words[1]
	}
	return stream, id
}

func ssrcPair(media, repair string) (uint32, uint32, bool) {
	a, err1 := strconv.ParseUint(media, 10, 32)
	b, err2 := strconv.ParseUint(repair, 10, 32)
	return uint32(a), uint32(b), err1 == nil && err2 == nil && a != b
}
