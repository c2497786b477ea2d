package mesh

import (
	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// streams follows which of a peer's media streams count, and passes tracks on
// once theirs does (MSC3077).
type streams struct {
	metadata message.StreamMetadata // nil: the peer named none
	said     bool                   // the peer has described its streams at all
	first    string                 // the only stream of a peer that names none
	waiting  []remoteTrack
}

// remoteTrack is a track and the ID of the stream it belongs to.
type remoteTrack struct {
	streamID string
	track    *transport.RemoteTrack
}

// describe takes the peer's latest words and returns tracks that now count.
func (s *streams) describe(metadata message.StreamMetadata) (counting []remoteTrack) {
	if s.said && metadata == nil {
		return nil // a later message without the map changes nothing
	}
	s.metadata, s.said = metadata, true
	waiting := s.waiting
	s.waiting = nil
	for _, track := range waiting {
		if s.add(track) {
			counting = append(counting, track)
		}
	}
	return counting
}

// add takes a new track and tells whether its stream counts. One that does
// not is kept, for the peer may name it later.
func (s *streams) add(track remoteTrack) bool {
	_, ok := s.purpose(track.streamID)
	if !ok {
		s.waiting = append(s.waiting, track)
	}
	return ok
}

// purpose says what a stream is for. Streams that a peer does not list, lists
// with a purpose that nobody knows, or that have no ID, do not count.
func (s *streams) purpose(id string) (message.Stream, bool) {
	if s.metadata == nil {
		if s.first == "" {
			s.first = id
		}
		return message.Stream{Purpose: message.PurposeUserMedia}, id != "" && id == s.first
	}
	stream, listed := s.metadata[id]
	known := stream.Purpose == message.PurposeUserMedia || stream.Purpose == message.PurposeScreenShare
	return stream, listed && known && id != ""
}
