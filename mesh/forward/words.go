package forward

import (
	"maps"
	"time"

	"meshfocus/focus"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// gather is how long an offer on the channel waits for candidates: it has none, since
// there is a connection already.
const gather = 0

// send says something on the channel, false if it found no channel, or no room in it:
// then it is lost, and an offer runs out of time.
func (s *seat) send(m message.FocusMessage) bool {
	if !s.open {
		return false
	}
	if err := s.party.Send(label, m.Encode(), true); err != nil {
		s.log.Debug("not said on the channel", "kind", string(m.Kind), "err", err)
		return false
	}
	return true
}

// tellStreams tells what there is; if it cannot be told now, then later as it is then.
func (s *seat) tellStreams() {
	told := s.send(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: s.streams()})
	if s.untold = s.open && !told; s.untold {
		s.tellNext = time.Now().Add(tellAgain)
	}
}

// tellResting tells the peer which of its layers nobody wants; if it cannot be told
// now, then later as it is then: one that rests for ever would be missed.
func (s *seat) tellResting() {
	if len(s.resting) == 0 {
		return
	}
	m := message.FocusMessage{Kind: message.FocusResting}
	there := make(map[focus.Key]bool)
	for _, track := range s.session.Tracks() {
		there[track.Key] = true
		if e, ok := s.resting[track.Key]; ok {
			m.Resting = append(m.Resting, message.FocusRest{StreamID: track.Stream, TrackID: track.ID, RIDs: append([]string{}, e.Names...)})
		}
	}
	maps.DeleteFunc(s.resting, func(key focus.Key, _ focus.LayersResting) bool { return !there[key] })
	if !s.send(m) && s.open {
		s.untold, s.tellNext = true, time.Now().Add(tellAgain)
	}
}

// negotiate offers on the channel what has changed, unless somebody negotiates: whoever
// does has us told again (focus.NegotiationNeeded).
func (s *seat) negotiate() {
	if !s.open {
		return
	}
	offer, made, err := s.exchanges.propose()
	if err != nil {
		s.log.Info("cannot offer", "err", err)
	}
	if made {
		s.due = time.Now().Add(answerTime)
		s.send(message.FocusMessage{Kind: message.FocusNegotiate, Description: message.Description(offer), Streams: s.streams()})
	}
}

// hear does what the peer says on the channel.
func (s *seat) hear(text []byte) {
	m, err := message.ParseFocusMessage(text)
	if err != nil {
		s.log.Debug("message on the channel", "err", err)
		return
	}
	s.pings, s.nextPing = 0, time.Now().Add(pingEvery) // whatever it says, it is there
	switch m.Kind {
	case message.FocusSubscription:
		s.subscribe(m)
	case message.FocusNegotiate:
		s.answered(m.Description)
	case message.FocusMetadataChanged:
		s.party.Describe(remarks(plain(m.Streams)))
	case message.FocusPing:
		s.send(message.FocusMessage{Kind: message.FocusPong})
	}
}

// subscribe gives the peer what it asks for, in the size in which it will show it.
func (s *seat) subscribe(m message.FocusMessage) {
	for _, track := range m.Unsubscribe {
		s.party.Unsubscribe(focus.Key{Stream: track.StreamID, Track: track.TrackID})
	}
	for _, track := range m.Subscribe {
		if track.StreamID == transport.SilentStreamID {
			continue
		}
		key := focus.Key{Stream: track.StreamID, Track: track.TrackID}
		if _, err := s.party.Subscribe(key, focus.Wish{Width: track.Width, Height: track.Height}); err != nil {
			s.log.Debug("subscription refused", "err", err)
		}
	}
}

// answered takes the answer to our offer. Offers of the peer's come as all others do,
// from device to device.
func (s *seat) answered(d message.Description) {
	if d.Type != transport.TypeAnswer {
		return
	}
	if err := s.exchanges.hear(transport.Description(d)); err != nil {
		s.fail(err.Error())
	}
}

// plain is what streams are for, without whose they are.
func plain(streams message.FocusStreams) message.StreamMetadata {
	metadata := make(message.StreamMetadata, len(streams))
	for id, stream := range streams {
		metadata[id] = stream.Stream
	}
	return metadata
}

// remarks are what a peer says of its own streams.
func remarks(streams message.StreamMetadata) map[string]focus.Remark {
	said := make(map[string]focus.Remark, len(streams))
	for id, stream := range streams {
		said[id] = focus.Remark{
			Label: stream.Purpose, AudioMuted: stream.AudioMuted, VideoMuted: stream.VideoMuted,
			Screen: stream.Purpose == message.PurposeScreenShare,
		}
	}
	return said
}

// purpose is what a track's publisher says its stream is for. Who does not say sends
// user media, and so does who says what nobody knows.
func purpose(t focus.Track) string {
	if t.Label == message.PurposeScreenShare {
		return message.PurposeScreenShare
	}
	return message.PurposeUserMedia
}

// streams is what the peer may subscribe to, with its owners, and the silence that it
// gets already. That of others, who call theirs the same, is nobody's to ask for.
func (s *seat) streams() message.FocusStreams {
	streams := message.FocusStreams{transport.SilentStreamID: {
		Stream: message.Stream{Purpose: message.PurposeUserMedia, AudioMuted: true, VideoMuted: true},
	}}
	for _, track := range s.session.Tracks() {
		if track.Owner == s.party.Key() || track.Stream == transport.SilentStreamID {
			continue
		}
		stream, known := streams[track.Key.Stream]
		if !known {
			owner := s.host.owner(s.place, track)
			stream = message.FocusStream{
				Stream: message.Stream{Purpose: purpose(track), AudioMuted: true, VideoMuted: true},
				UserID: owner.UserID, DeviceID: owner.DeviceID, Tracks: map[string]message.FocusStreamTrack{},
			}
		}
		stream.Tracks[track.Key.Track] = message.FocusStreamTrack{Kind: track.Kind.String(), Width: track.Width, Height: track.Height}
		if track.Kind == lane.Audio {
			stream.AudioMuted = track.Muted
		} else {
			stream.VideoMuted = track.Muted
		}
		streams[track.Key.Stream] = stream
	}
	return streams
}
