package via

import (
	"cmp"
	"maps"
	"slices"

	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// Source is a track that a focus has of somebody.
type Source struct {
	Owner  message.Party
	Stream message.Stream // what the track's stream is for, and what of it is muted
	Kind   transport.Kind
}

// muted reports whether nothing is to be expected of the track.
func (s Source) muted() bool {
	return s.Kind == transport.Audio && s.Stream.AudioMuted || s.Kind == transport.Video && s.Stream.VideoMuted
}

// Size is that of the place where pictures are shown, in pixels; zero: as large as
// they come.
type Size struct{ Width, Height int }

// trackName names a track as a=msid does.
type trackName struct{ stream, track string }

// mostTracks is how many tracks we name in one message; a focus of ours reads 300.
const mostTracks = 100

// Talk is what is said on one data channel with a focus: heard and wanted in,
// messages out. It belongs to one goroutine.
type Talk struct {
	self message.Party
	size Size

	open    bool
	own     message.StreamMetadata
	streams message.FocusStreams
	wanted  map[message.Party]bool
	asked   map[trackName]bool
}

// NewTalk begins a conversation; nothing is said before Open.
func NewTalk(self message.Party, size Size) *Talk {
	return &Talk{self: self, size: size, asked: map[trackName]bool{}}
}

// Open says that there is a channel, where nothing has been said yet.
func (t *Talk) Open() []message.FocusMessage {
	t.open, t.streams = true, nil
	clear(t.asked)
	return t.describe()
}

// Close says that there is none any more.
func (t *Talk) Close() {
	t.open, t.streams = false, nil
	clear(t.asked)
}

// SetStreams says what our own streams are for, and what of them is muted.
func (t *Talk) SetStreams(own message.StreamMetadata) []message.FocusMessage {
	t.own = own
	return t.describe()
}

// Want says whose tracks are wanted.
func (t *Talk) Want(owners map[message.Party]bool) []message.FocusMessage {
	t.wanted = owners
	return t.subscribe()
}

// Hear takes what the focus says: what is to be said then, and the offer that is to
// be answered, if it is one.
func (t *Talk) Hear(m message.FocusMessage) (say []message.FocusMessage, offer message.Description) {
	if m.Streams != nil {
		t.streams = m.Streams
	}
	switch m.Kind {
	case message.FocusPing:
		return []message.FocusMessage{{Kind: message.FocusPong}}, offer
	case message.FocusNegotiate:
		if m.Description.Type == transport.TypeOffer {
			offer = m.Description
		}
	}
	return t.subscribe(), offer
}

// describe tells of our own streams.
func (t *Talk) describe() []message.FocusMessage {
	if !t.open || len(t.own) == 0 {
		return nil
	}
	streams := message.FocusStreams{}
	for id, stream := range t.own {
		streams[id] = message.FocusStream{Stream: stream, UserID: t.self.UserID, DeviceID: t.self.DeviceID}
	}
	return []message.FocusMessage{{Kind: message.FocusMetadataChanged, Streams: streams}}
}

// subscribe asks for what is wanted and was not asked for, and the other way round.
// What the focus does not name any more has ended there.
func (t *Talk) subscribe() []message.FocusMessage {
	if !t.open {
		return nil
	}
	there, wanted := map[trackName]bool{}, map[trackName]bool{}
	for stream, s := range t.streams {
		for track := range s.Tracks {
			name := trackName{stream, track}
			if there[name] = true; t.wants(stream, s) {
				wanted[name] = true
			}
		}
	}
	maps.DeleteFunc(t.asked, func(name trackName, _ bool) bool { return !there[name] })
	var on, off []message.FocusTrack
	for name := range t.asked {
		if !wanted[name] {
			off = append(off, message.FocusTrack{StreamID: name.stream, TrackID: name.track})
		}
	}
	for name := range wanted {
		if !t.asked[name] {
			on = append(on, message.FocusTrack{StreamID: name.stream, TrackID: name.track, Width: t.size.Width, Height: t.size.Height})
		}
	}
	t.asked = wanted
	return subscriptions(on, off)
}

// wants reports whether a stream's tracks are wanted: somebody's, who is not us.
func (t *Talk) wants(id string, s message.FocusStream) bool {
	owner := message.Party{UserID: s.UserID, DeviceID: s.DeviceID}
	return id != transport.SilentStreamID && owner != t.self && t.wanted[owner]
}

// subscriptions puts them into messages, in an order that is always the same.
func subscriptions(on, off []message.FocusTrack) (say []message.FocusMessage) {
	byName := func(a, b message.FocusTrack) int {
		return cmp.Or(cmp.Compare(a.StreamID, b.StreamID), cmp.Compare(a.TrackID, b.TrackID))
	}
	slices.SortFunc(on, byName)
	slices.SortFunc(off, byName)
	for some := range slices.Chunk(off, mostTracks) {
		say = append(say, message.FocusMessage{Kind: message.FocusSubscription, Unsubscribe: some})
	}
	for some := range slices.Chunk(on, mostTracks) {
		say = append(say, message.FocusMessage{Kind: message.FocusSubscription, Subscribe: some})
	}
	return say
}

// Source says whose a track is that we asked for. What we did not ask for is
// nobody's.
func (t *Talk) Source(stream, track string) (Source, bool) {
	s, told := t.streams[stream]
	if !told || !t.asked[trackName{stream, track}] {
		return Source{}, false
	}
	source := Source{Owner: message.Party{UserID: s.UserID, DeviceID: s.DeviceID}, Stream: s.Stream, Kind: transport.Audio}
	if s.Tracks[track].Kind == transport.Video.String() {
		source.Kind = transport.Video
	}
	return source, true
}

// Streams gives what the focus says of the streams of an owner.
func (t *Talk) Streams(owner message.Party) message.StreamMetadata {
	streams := message.StreamMetadata{}
	for id, s := range t.streams {
		if s.UserID == owner.UserID && s.DeviceID == owner.DeviceID && len(s.Tracks) > 0 {
			streams[id] = s.Stream
		}
	}
	return streams
}

// Expects counts the tracks that were asked for and are not muted.
func (t *Talk) Expects() (count int) {
	for name := range t.asked {
		if source, ok := t.Source(name.stream, name.track); ok && !source.muted() {
			count++
		}
	}
	return count
}
