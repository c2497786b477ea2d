package negotiate

import (
	"slices"
	"strings"

	"meshfocus/signalling/message"
)

// maxSDP is the longest SDP that is sent whole. A to-device message must stay
// below 65 536 bytes; JSON escapes each line end, Olm and base64 add a third:
// 40 000 leaves room for all of it.
const maxSDP = 40_000

// outgoing prepares an own description for sending: candidates that would
// make it too long are sent after it.
func (m *Machine) outgoing(d message.Description) message.Description {
	sdp, cut := fit(d.SDP, maxSDP)
	c := m.call
	c.described = sdp
	c.pending = slices.DeleteFunc(append(cut, c.pending...), func(own message.Candidate) bool {
		return strings.Contains(sdp, own.Candidate)
	})
	return message.Description{Type: d.Type, SDP: sdp}
}

// fit takes candidate lines out of an SDP, the last first, until it is at most
// limit bytes long, and returns them as candidates of their own.
func fit(sdp string, limit int) (string, []message.Candidate) {
	if len(sdp) <= limit {
		return sdp, nil
	}
	lines := strings.SplitAfter(sdp, "\n")
	sections := sectionsOf(sdp)
	var cut []message.Candidate
	excess := len(sdp) - limit
	for i := len(lines) - 1; i >= 0 && excess > 0; i-- {
		text, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "a=candidate:")
		if !ok {
			continue
		}
		for index := len(sections) - 1; index >= 0; index-- {
			if s := sections[index]; i >= s.from {
				mid, line := s.mid, uint16(index)
				cut = append(cut, message.Candidate{
					Candidate: "candidate:" + text, SDPMid: &mid, SDPMLineIndex: &line,
				})
				break
			}
		}
		excess -= len(lines[i])
		lines[i] = ""
	}
	slices.Reverse(cut)
	return strings.Join(lines, ""), cut
}

// section is one m= part of an SDP, as far as it matters here.
type section struct {
	from    int // its first line
	kind    string
	mid     string
	sending bool
	streams []string
}

// sectionsOf reads the m= parts of an SDP (RFC 8866, RFC 8830 for msid).
func sectionsOf(sdp string) (sections []section) {
	for i, line := range strings.Split(sdp, "\n") {
		line = strings.TrimSpace(line)
		if media, ok := strings.CutPrefix(line, "m="); ok {
			kind, _, _ := strings.Cut(media, " ")
			sections = append(sections, section{from: i, kind: kind, sending: true})
			continue
		}
		if len(sections) == 0 {
			continue
		}
		s := &sections[len(sections)-1]
		switch {
		case strings.HasPrefix(line, "a=mid:"):
			s.mid = strings.TrimPrefix(line, "a=mid:")
		case line == "a=recvonly" || line == "a=inactive":
			s.sending = false
		case strings.HasPrefix(line, "a=msid:"):
			stream, _, _ := strings.Cut(strings.TrimPrefix(line, "a=msid:"), " ")
			s.streams = append(s.streams, stream)
		}
	}
	return sections
}

// streamsOf lists the media streams that an SDP sends, with what they are for.
// A stream whose purpose is not given is user media; a kind of media that it
// does not carry counts as muted (MSC3077).
func streamsOf(sdp string, known message.StreamMetadata) message.StreamMetadata {
	streams := message.StreamMetadata{}
	for _, s := range sectionsOf(sdp) {
		if !s.sending || s.kind != "audio" && s.kind != "video" {
			continue
		}
		for _, id := range s.streams {
			if id == "-" || id == "" {
				continue // RFC 8830: a track of no stream
			}
			stream, ok := streams[id]
			if !ok {
				stream = message.Stream{Purpose: message.PurposeUserMedia, AudioMuted: true, VideoMuted: true}
			}
			if s.kind == "audio" {
				stream.AudioMuted = false
			} else {
				stream.VideoMuted = false
			}
			streams[id] = stream
		}
	}
	for id, stream := range known {
		if _, sent := streams[id]; sent {
			streams[id] = stream
		}
	}
	return streams
}

// streamsChanged passes on what the peer says about its streams.
func streamsChanged(m *Machine, e *Event) {
	m.act(Action{Kind: Streams, CallID: m.call.id, Metadata: e.Signal.Metadata})
}

// tellStreams says what our streams are for now, all of them: js-sdk takes a
// stream that is missing for one that is gone. Before our first description
// there is nothing to tell.
func tellStreams(m *Machine, _ *Event) {
	if m.call.described != "" {
		m.send(message.Signal{Kind: message.MetadataChanged, Metadata: streamsOf(m.call.described, m.config.Streams)})
	}
}
