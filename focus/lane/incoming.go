package lane

import (
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// Incoming is what a negotiation has agreed on about the media that an End
// sends us: the numbers that things have on the wire, and the track that each
// section of the description is.
type Incoming struct {
	// Numbers are those of the header extensions as they arrive; nil is none. It
	// must not change any more.
	Numbers *packet.Numbers
	// TransportWide: arrivals are reported by transport-wide numbers
	// (draft-holmer). Without it they are as RFC 8888 has it, if StreamReports.
	TransportWide bool
	StreamReports bool
	// ReducedSize: RTCP need not be compound (RFC 5506).
	ReducedSize bool
	Sections    []IncomingSection
}

// IncomingSection is one section of the description in which the peer sends.
type IncomingSection struct {
	// MID is told by packets that carry one.
	MID string
	// Track is what arrives in the section. A track that stays from one
	// negotiation to the next keeps all it knows; one that is not named any more
	// is ended.
	Track *Track
	// Formats are those agreed, of the section's kind.
	Formats []Format
	// Sources are the SSRCs that were announced, in the order of RIDs if there
	// are layers; it may be shorter, or empty.
	Sources []Source
	// RIDs are the names of the layers (RFC 8851), at most simulcast.Streams;
	// none: there is one layer without a name.
	RIDs []string
}

// Format is one encoding with its numbers, as a description has agreed on it.
type Format struct {
	// PayloadType is below 128. RTX is that of its retransmissions (RFC 4588), 0
	// for none; Red that of redundant sound around it (RFC 2198), 0 for none.
	PayloadType, RTX, Red uint8
	Codec                 simulcast.Codec
	// Clock is ticks of its timestamps in a second.
	Clock uint32
	// Nack, PLI and FIR say what may be asked for (RFC 4585, RFC 5104).
	Nack, PLI, FIR bool
}

// Source is one announced layer: its SSRC and that of its retransmissions, 0 for
// none.
type Source struct{ SSRC, RTX uint32 }

// Kind is what a track is to its listeners.
type Kind uint8

// The kinds. Sound goes first and is dropped last.
const (
	Audio Kind = iota + 1
	Video
)

// String names the kind as a session description does.
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}
