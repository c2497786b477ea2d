package jsep

import (
	"slices"
	"strings"
)

// PayloadTypes are the numbers of a format and of its retransmissions
// (RFC 4588). RTX is 0 if there are none.
type PayloadTypes struct{ Media, RTX uint8 }

// Codec is a format that we can receive and send, as we declare it.
type Codec struct {
	Kind     Kind
	Name     string // in a=rtpmap; read without regard to case
	Clock    uint32
	Channels uint8 // of sound; 0 is not written and means 1
	// Parameters are our a=fmtp, "" for none: what we want to get.
	Parameters string
	// Feedback is what we understand about it, as in a=rtcp-fb.
	Feedback []string
	// Preferred are the numbers in an offer of ours, unless the other side
	// has given it others before. Without RTX no retransmissions are asked for.
	Preferred PayloadTypes
}

// Format is a codec both sides have agreed to, or one that we offer.
type Format struct {
	Codec Codec
	// In are the numbers on what arrives, Out on what leaves. They are the
	// same unless the other side has answered with others.
	In, Out PayloadTypes
	// Parameters are the other side's a=fmtp: what it wants to get.
	Parameters string
	// Feedback is what both understand, in the order of Codec.
	Feedback []string

	declared string // our a=fmtp
}

// payload is a format as the other side has written it.
type payload struct {
	number     uint8
	rtx        uint8
	name       string
	clock      uint32
	channels   uint8
	parameters string
	feedback   []string
}

// videoFeedback is what we understand about pictures from a receiver.
var videoFeedback = []string{transportWide, "ccm fir", "nack", "nack pli"}

// Codecs gives what this program can receive and forward, in order of
// preference and with the numbers browsers use, so that both directions tend
// to agree. H.264 is packetization mode 1 in baseline and constrained
// baseline, which every browser decodes.
func Codecs() []Codec {
	video := func(name, parameters string, number, rtx uint8) Codec {
		return Codec{Kind: Video, Name: name, Clock: 90000, Parameters: parameters, Feedback: videoFeedback, Preferred: PayloadTypes{number, rtx}}
	}
	return []Codec{
		{Kind: Audio, Name: "opus", Clock: 48000, Channels: 2, Parameters: "minptime=10;useinbandfec=1", Feedback: []string{transportWide}, Preferred: PayloadTypes{Media: 111}},
		video("VP8", "", 96, 97),
		video("VP9", "profile-id=0", 98, 99),
		video("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", 102, 103),
		video("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 106, 107),
		video("AV1", "level-idx=5;profile=0;tier=0", 45, 46),
	}
}

// matches reports whether c and p are the same format (RFC 9429 section
// 5.3.1 by way of each format's own rules).
func (c Codec) matches(p payload) bool {
	if !strings.EqualFold(c.Name, p.name) || c.Clock != p.clock || max(c.Channels, 1) != max(p.channels, 1) {
		return false
	}
	switch strings.ToUpper(c.Name) {
	case "H264":
		return sameH264(parseParameters(c.Parameters), parseParameters(p.parameters))
	case "VP9": // RFC 9628 section 6
		return sameProfile("profile-id", c.Parameters, p.parameters)
	case "AV1": // RTP Payload Format For AV1 section 7
		return sameProfile("profile", c.Parameters, p.parameters)
	}
	return true
}

// identity tells codecs apart.
type identity struct {
	kind       Kind
	name       string
	clock      uint32
	channels   uint8
	parameters string
}

func (c Codec) identity() identity {
	return identity{c.Kind, c.Name, c.Clock, c.Channels, c.Parameters}
}

// agree gives the format of c and p, which match, for packets that arrive
// with the numbers in.
func (c Codec) agree(p payload, in PayloadTypes) Format {
	f := Format{Codec: c, In: in, Out: PayloadTypes{p.number, p.rtx}, Parameters: p.parameters, declared: c.Parameters}
	if in.RTX == 0 || p.rtx == 0 {
		f.In.RTX, f.Out.RTX = 0, 0
	}
	if strings.EqualFold(c.Name, "H264") {
		f.declared = declareH264(c.Parameters, p.parameters)
	}
	for _, each := range c.Feedback {
		if slices.Contains(p.feedback, each) {
			f.Feedback = append(f.Feedback, each)
		}
	}
	return f
}

// offer gives c as we offer it.
func (c Codec) offer(in PayloadTypes) Format {
	return Format{Codec: c, In: in, Out: in, Feedback: c.Feedback, declared: c.Parameters}
}

// common gives what an offered section and we have in common, in the order
// of the offer (RFC 3264 section 6.1), under the numbers of the offer.
func common(codecs []Codec, kind Kind, offered []payload) []Format {
	var formats []Format
	used := make([]bool, len(codecs))
	for _, p := range offered {
		for i, c := range codecs {
			if used[i] || c.Kind != kind || !c.matches(p) {
				continue
			}
			in := PayloadTypes{p.number, p.rtx}
			if c.Preferred.RTX == 0 {
				in.RTX = 0
			}
			formats = append(formats, c.agree(p, in))
			used[i] = true
			break
		}
	}
	return formats
}

// answered gives what an answer leaves of the formats we offered, in the
// order of the answer: the first is what the other side would rather get.
func answered(offered []Format, answer []payload) []Format {
	var formats []Format
	used := make([]bool, len(offered))
	for _, p := range answer {
		for i, f := range offered {
			if !used[i] && f.Codec.matches(p) {
				formats = append(formats, f.Codec.agree(p, f.In))
				used[i] = true
				break
			}
		}
	}
	return formats
}
