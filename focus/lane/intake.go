package lane

import (
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

// intake is what an End knows of what it receives, guarded by the End's mutex.
type intake struct {
	closed bool
	opener *srtp.Opener // nil before there are keys

	numbers  *packet.Numbers
	sections []section
	payloads [128]payload
	routes   routes
	tracks   []*Track

	arrivals *feedback.Arrivals       // nil if not agreed on
	streamed *feedback.StreamArrivals // nil if not agreed on
	base     feedback.Base
	upstream upstream
	stats    ReceivedStats
}

// init makes an intake whose RTCP has the SSRC self.
func (in *intake) init(self uint32) {
	in.numbers = &packet.Numbers{}
	in.upstream = upstream{self: self, reported: unit.Never, due: unit.Far}
}

// agree takes what a negotiation has agreed on, and gives the tracks that ended by
// it. The caller holds the End's mutex.
func (in *intake) agree(e *End, now Incoming) (ended []*Track) {
	if in.numbers = now.Numbers; in.numbers == nil {
		in.numbers = &packet.Numbers{}
	}
	in.reports(e, now)
	before := in.tracks
	in.tracks, in.sections, in.payloads = nil, nil, [128]payload{}
	for _, agreed := range now.Sections {
		if agreed.Track != nil && in.own(e, agreed.Track) {
			in.enter(newSection(agreed))
		}
	}
	for _, track := range before {
		if !in.has(track) {
			ended = append(ended, track)
		}
	}
	in.routes.keep(func(r *inflow) bool { return in.has(r.stream.track) })
	for i := range in.sections {
		in.announce(&in.sections[i], sourcesOf(now, in.sections[i].track))
	}
	return ended
}

// sourcesOf finds what was announced for a track.
func sourcesOf(in Incoming, track *Track) []Source {
	for i := range in.Sections {
		if in.Sections[i].Track == track {
			return in.Sections[i].Sources
		}
	}
	return nil
}

// reports makes what tells the peer of arrivals.
func (in *intake) reports(e *End, now Incoming) {
	in.upstream.reduced = now.ReducedSize
	switch {
	case !now.TransportWide:
		in.arrivals = nil
	case in.arrivals == nil:
		in.arrivals = feedback.NewArrivals()
	}
	switch {
	case now.TransportWide || !now.StreamReports:
		in.streamed = nil
	case in.streamed == nil:
		in.streamed = feedback.NewStreamArrivals(e.lane.epoch)
	}
}

func (in *intake) has(track *Track) bool {
	for _, t := range in.tracks {
		if t == track {
			return true
		}
	}
	return false
}

// own makes a track the End's, and is false if it is another's. From then on the
// End's mutex guards it.
func (in *intake) own(e *End, t *Track) bool {
	if t.guard.Load() == &e.mutex {
		return !t.closed && !in.has(t)
	}
	t.own.Lock()
	defer t.own.Unlock()
	if t.guard.Load() != &t.own || t.lane != e.lane || t.local || t.closed {
		return false
	}
	t.end = e
	t.guard.Store(&e.mutex)
	return true
}

// enter takes a section with its formats.
func (in *intake) enter(s section) {
	index := int16(len(in.sections))
	in.sections, in.tracks = append(in.sections, s), append(in.tracks, s.track)
	for i := range s.formats {
		f := &s.formats[i]
		in.means(f.PayloadType, payload{format: f, section: index}, true)
		in.means(f.RTX, payload{format: f, rtx: true, section: index}, f.RTX != 0)
		in.means(f.Red, payload{format: f, red: true, section: index}, f.Red != 0)
	}
}

// means notes what a payload type is. Sections of one kind share it: then it says
// the format and not the section.
func (in *intake) means(number uint8, p payload, is bool) {
	if !is || int(number) >= len(in.payloads) {
		return
	}
	if known := &in.payloads[number]; known.format != nil {
		if known.section != p.section {
			known.section = -1
		}
		return
	}
	in.payloads[number] = p
}

// announce makes routes of the SSRCs that a description named.
func (in *intake) announce(s *section, sources []Source) {
	for i, source := range sources {
		index := uint8(i)
		if i >= max(len(s.rids), 1) {
			return
		}
		stream := s.track.stream(index, s.rid(index))
		if source.SSRC != 0 {
			in.routes.set(source.SSRC, stream, false)
		}
		if source.RTX != 0 {
			in.routes.set(source.RTX, stream, true)
		}
	}
}
