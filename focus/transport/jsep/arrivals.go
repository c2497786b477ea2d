package jsep

import (
	"slices"
	"strings"
)

const (
	// transportWide is feedback by the numbers of ExtensionTransportSeq
	// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
	transportWide = "transport-cc"
	// streamReports is feedback by stream and number. It is said of all payload
	// types at once, a=rtcp-fb:* (RFC 8888 section 6).
	streamReports = "ack ccfb"
)

// Arrivals is how one side tells the other when its packets came, for an
// estimate of what the way carries. It is the same for all sections of a
// bundle, which is one way.
type Arrivals uint8

// The ways of telling. Of a peer that knows both we choose TransportWide, in
// our answer and of its answer, unless Config.PreferStreams: it counts what left,
// retransmissions and probes too, in one series. An answer of libwebrtc that knows both leaves
// StreamReports.
const (
	Untold Arrivals = iota
	TransportWide
	StreamReports
)

// String names it as a=rtcp-fb does.
func (a Arrivals) String() string {
	return [...]string{"untold", transportWide, streamReports}[a]
}

// tellsByStream reports whether a section says that it knows StreamReports, of
// all payload types or, as Pion and Chromium do, of each.
func tellsByStream(section attributes) bool {
	return slices.ContainsFunc(section, func(a attribute) bool {
		words := strings.Fields(a.value)
		return a.key == "rtcp-fb" && len(words) > 1 && strings.Join(words[1:], " ") == streamReports
	})
}

// offersStreamReports reports whether an offer of ours says that we know
// StreamReports: not where something else was agreed.
func (s Session) offersStreamReports() bool {
	return s.config.StreamReports && s.arrivals() != TransportWide
}

// arrivals is what was agreed last.
func (s Session) arrivals() Arrivals {
	for _, section := range s.sections {
		if section.Arrivals != Untold {
			return section.Arrivals
		}
	}
	return Untold
}

// countsDepartures reports whether both know transport-wide feedback, and the
// numbers that it goes by.
func (s Section) countsDepartures() bool {
	return slices.ContainsFunc(s.Formats, func(f Format) bool { return slices.Contains(f.Feedback, transportWide) }) &&
		slices.ContainsFunc(s.Extensions, func(e Extension) bool { return e.URI == ExtensionTransportSeq })
}

// chooseArrivals leaves one way of telling arrivals in sections that were
// agreed. Before is how they were told: an offer that says nothing of
// StreamReports, and has nothing in their place, does not end them. Those of
// Chromium 156 are such, which goes by them nevertheless.
func (s Session) chooseArrivals(sections []Section, before Arrivals) {
	way, prefers := Untold, s.prefers(sections)
	for _, s := range sections {
		switch {
		case prefers:
			way = StreamReports
		case s.countsDepartures():
			way = TransportWide
		case s.streamReports && way == Untold:
			way = StreamReports
		}
	}
	if way == Untold && before == StreamReports {
		way = before
	}
	for i := range sections {
		s := &sections[i]
		if s.streamReports = s.streamReports && way == StreamReports; s.Refused || s.Kind == Data {
			continue
		}
		s.Arrivals = way
		if prefers {
			s.forgetNumbers()
		}
	}
}

// prefers reports whether StreamReports are chosen though both sides may know
// TransportWide.
func (s Session) prefers(sections []Section) bool {
	return s.config.PreferStreams && slices.ContainsFunc(sections, func(s Section) bool { return s.streamReports })
}

// forgetNumbers takes out what transport-wide feedback needs: who is left both may choose
// the other.
func (s *Section) forgetNumbers() {
	s.Formats = slices.Clone(s.Formats)
	for i := range s.Formats {
		f := &s.Formats[i]
		f.Feedback = slices.DeleteFunc(slices.Clone(f.Feedback), func(word string) bool { return word == transportWide })
	}
	s.Extensions = slices.DeleteFunc(slices.Clone(s.Extensions), func(e Extension) bool { return e.URI == ExtensionTransportSeq })
}
