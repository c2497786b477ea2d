package transport

import (
	"slices"

	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/jsep"
	"meshfocus/simulcast"
)

// arrival is what the other side sends on one section.
type arrival struct {
	name   string
	mid    string
	kind   Kind
	remote jsep.Track
	track  *lane.Track
}

// incoming says what arrives by what was agreed, and tells of tracks that begin
// and end with it.
func (s *strand) incoming(agreed jsep.Agreement) lane.Incoming {
	in := lane.Incoming{Numbers: &packet.Numbers{}, ReducedSize: true}
	live := map[string]bool{}
	for _, section := range agreed.Sections {
		if section.Refused || section.Kind != jsep.Audio && section.Kind != jsep.Video {
			continue
		}
		in.ReducedSize = in.ReducedSize && section.ReducedSize
		for _, e := range section.Extensions {
			if known := packet.ExtensionOf(e.URI); known != packet.None && e.Direction.Receives() {
				_ = in.Numbers.Set(known, e.ID) // one that is taken means the same there
			}
		}
		if !section.Direction.Receives() {
			continue
		}
		live[section.Mid] = true
		a := s.arrive(section)
		in.Sections = append(in.Sections, incomingSection(section, a.track))
		in.TransportWide = in.TransportWide || section.Arrivals == jsep.TransportWide
		in.StreamReports = in.StreamReports || section.Arrivals == jsep.StreamReports
	}
	for mid := range s.arriving {
		if !live[mid] {
			s.stop(mid)
		}
	}
	return in
}

// arrive gives the arrival of a section: the one before if it is still the
// same track.
func (s *strand) arrive(section jsep.Section) *arrival {
	if before := s.arriving[section.Mid]; before != nil {
		if sameTrack(before.remote, section.Remote) {
			s.mu.Lock()
			renamed := before.remote.ID != section.Remote.ID || before.remote.Stream != section.Remote.Stream
			before.remote, before.name = section.Remote, section.Name
			s.mu.Unlock()
			if renamed {
				s.of.hear(before.told())
			}
			return before
		}
		s.stop(section.Mid)
	}
	kind := kindOf(section.Kind)
	a := &arrival{name: section.Name, mid: section.Mid, kind: kind, remote: section.Remote}
	a.track = s.lane().NewTrack(lane.TrackConfig{Name: section.Remote.ID, Kind: kind})
	s.arriving[section.Mid] = a
	s.of.hear(a.told())
	return a
}

func (a *arrival) told() LineReceived {
	return LineReceived{Name: a.name, Mid: a.mid, Kind: a.kind, StreamID: a.remote.Stream, TrackID: a.remote.ID, Track: a.track, arrival: a}
}

// stop ends the arrival of a section.
func (s *strand) stop(mid string) {
	a := s.arriving[mid]
	delete(s.arriving, mid)
	s.of.hear(LineEnded{Name: a.name, Mid: mid, Track: a.track, arrival: a})
	a.track.Close()
}

// names gives what the other side calls an arrival now.
func (s *strand) names(a *arrival) (track, stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.remote.ID, a.remote.Stream
}

// sameTrack reports whether a section still carries what it did: under the
// same name, or from the same source under another.
func sameTrack(before, now jsep.Track) bool {
	if before.ID == now.ID && before.Stream == now.Stream {
		return true
	}
	return slices.ContainsFunc(now.Sources, func(o jsep.Source) bool {
		return slices.ContainsFunc(before.Sources, func(b jsep.Source) bool { return b.SSRC == o.SSRC })
	})
}

func incomingSection(section jsep.Section, track *lane.Track) lane.IncomingSection {
	in := lane.IncomingSection{MID: section.Mid, Track: track, RIDs: section.Layers}
	if len(in.RIDs) > simulcast.Streams {
		in.RIDs = in.RIDs[:simulcast.Streams]
	}
	for _, f := range section.Formats {
		in.Formats = append(in.Formats, laneFormat(f, f.In))
	}
	for _, source := range section.Remote.Sources {
		in.Sources = append(in.Sources, lane.Source{SSRC: source.SSRC, RTX: source.RTX})
	}
	return in
}

// laneFormat is a format with the numbers of one direction.
func laneFormat(f jsep.Format, numbers jsep.PayloadTypes) lane.Format {
	return lane.Format{
		PayloadType: numbers.Media, RTX: numbers.RTX, Codec: laneCodec(codecNamed(f.Codec.Name)), Clock: f.Codec.Clock,
		Nack: slices.Contains(f.Feedback, "nack"), PLI: slices.Contains(f.Feedback, "nack pli"), FIR: slices.Contains(f.Feedback, "ccm fir"),
	}
}
