package transport

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// Description is a session description and its type, "offer" or "answer".
type Description struct{ Type, SDP string }

// The types of a Description.
const (
	TypeOffer  = "offer"
	TypeAnswer = "answer"
)

// maxDescriptionLength bounds a remote description. Ten times what a browser
// writes for a screen share; a Matrix event cannot be longer either.
const maxDescriptionLength = 64 << 10

// outline is what we need to know of a remote description.
type outline struct {
	ufrags []string // ICE username fragments, without repeats
	mid    string   // of the first m-line
	media  []section
}

// section is one m-line.
type section struct {
	kind      Kind // 0 for data and whatever else
	sends     bool // the other side will send on it
	receives  bool // the other side would take media on it
	candidate []Candidate
}

// readOutline parses a remote description. Everything a peer can write leads
// to a value or an error that wraps ErrBadDescription.
func readOutline(text string) (outline, error) {
	if len(text) > maxDescriptionLength {
		return outline{}, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrBadDescription, len(text), maxDescriptionLength)
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(text); err != nil {
		return outline{}, fmt.Errorf("%w: %w", ErrBadDescription, err)
	}
	if len(parsed.MediaDescriptions) == 0 {
		return outline{}, fmt.Errorf("%w: no m-line", ErrBadDescription)
	}
	var o outline
	seen := map[string]bool{}
	note := func(ufrag string, ok bool) {
		if ok && !seen[ufrag] {
			seen[ufrag] = true
			o.ufrags = append(o.ufrags, ufrag)
		}
	}
	note(parsed.Attribute("ice-ufrag"))
	o.mid, _ = parsed.MediaDescriptions[0].Attribute("mid")
	for _, media := range parsed.MediaDescriptions {
		note(media.Attribute("ice-ufrag"))
		o.media = append(o.media, readSection(media))
	}
	if len(o.ufrags) == 0 {
		return outline{}, fmt.Errorf("%w: no ice-ufrag", ErrBadDescription)
	}
	return o, nil
}

func readSection(media *sdp.MediaDescription) section {
	s := section{sends: true, receives: true}
	switch media.MediaName.Media {
	case "audio":
		s.kind = Audio
	case "video":
		s.kind = Video
	}
	for _, attribute := range media.Attributes {
		switch attribute.Key {
		case "sendonly":
			s.receives = false
		case "recvonly":
			s.sends = false
		case "inactive":
			s.sends, s.receives = false, false
		case "candidate":
			s.candidate = append(s.candidate, Candidate{Candidate: "candidate:" + attribute.Value})
		}
	}
	return s
}

// takes reports whether the other side would take media of a kind.
func (o outline) takes(kind Kind) bool {
	for _, s := range o.media {
		if s.kind == kind && s.receives {
			return true
		}
	}
	return false
}

// candidates gives the candidates written in the description.
func (o outline) candidates() []Candidate {
	var all []Candidate
	for _, s := range o.media {
		all = append(all, s.candidate...)
	}
	return all
}

// stripCandidates takes the candidates out of a description. Pion refuses a
// whole description for one candidate it cannot read, and may write one of
// our own twice, so candidates go their own way in both directions.
func stripCandidates(text string) string {
	var kept strings.Builder
	kept.Grow(len(text))
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "a=candidate:") || strings.HasPrefix(line, "a=end-of-candidates") {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// insertCandidates writes candidates, and the end marker if there are no
// more, into the first m-section: with one bundle it speaks for all (RFC 8843
// section 10.1.1). The text must not have any.
func insertCandidates(text string, candidates []Candidate, complete bool) string {
	var lines strings.Builder
	for _, candidate := range candidates {
		lines.WriteString("a=" + candidate.Candidate + "\r\n")
	}
	if complete {
		lines.WriteString("a=end-of-candidates\r\n")
	}
	first := strings.Index(text, "\r\nm=")
	if first < 0 {
		return text
	}
	second := strings.Index(text[first+2:], "\r\nm=")
	if second < 0 {
		return text + lines.String()
	}
	split := first + 2 + second + 2
	return text[:split] + lines.String() + text[split:]
}

// withoutPromises makes lines inactive on which we would say that we send but
// have nothing to: the answer to an offer to receive only (RFC 9429 section
// 5.3.1). Pion writes sendonly there. The lines are named by their mids.
func withoutPromises(text string, empty map[string]bool) string {
	head, rest, found := strings.Cut(text, "\r\nm=")
	if !found || len(empty) == 0 {
		return text
	}
	sections := strings.Split(rest, "\r\nm=")
	for i, section := range sections {
		_, after, _ := strings.Cut(section, "\r\na=mid:")
		mid, _, _ := strings.Cut(after, "\r\n")
		if empty[mid] {
			sections[i] = strings.Replace(section, "\r\na=sendonly", "\r\na=inactive", 1)
		}
	}
	return head + "\r\nm=" + strings.Join(sections, "\r\nm=")
}
