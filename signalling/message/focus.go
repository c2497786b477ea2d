package message

import (
	"encoding/json"
	"fmt"
)

// FocusKind says which message of a data channel with a focus it is.
type FocusKind string

// The messages between a focus and those who publish to it (MSC3898): stable
// names on the channel, and none of the fields of VoIP messages around them.
const (
	FocusSubscription    FocusKind = "m.call.track_subscription"
	FocusNegotiate       FocusKind = "m.call.negotiate"
	FocusMetadataChanged FocusKind = "m.call.sdp_stream_metadata_changed"
	FocusPing            FocusKind = "m.call.ping"
	FocusPong            FocusKind = "m.call.pong"
	// FocusResting is ours: which layers nobody wants (docs/protocol.md).
	FocusResting FocusKind = "org.meshfocus.call.resting"
)

// FocusMessage is one message. Fields that its Kind does not use are zero.
type FocusMessage struct {
	Kind FocusKind
	// Subscribe and Unsubscribe of a FocusSubscription.
	Subscribe, Unsubscribe []FocusTrack
	// Description of a FocusNegotiate.
	Description Description
	// Streams of a FocusNegotiate or FocusMetadataChanged, nil if absent.
	Streams FocusStreams
	// Resting of a FocusResting.
	Resting []FocusRest
}

// FocusRest names a track of the one it is said to, and the layers of it that nobody
// wants by their names (RFC 8851); all others are wanted.
type FocusRest struct {
	StreamID string   `json:"stream_id"`
	TrackID  string   `json:"track_id"`
	RIDs     []string `json:"rids"`
}

// FocusTrack names a track by a=msid, and the size that it will be shown in,
// in pixels; 0 for any.
type FocusTrack struct {
	StreamID string `json:"stream_id"`
	TrackID  string `json:"track_id"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
}

// FocusStreams says of each stream what it is for, as StreamMetadata, and whose it
// is.
type FocusStreams map[string]FocusStream

// FocusStream is one entry of it. Tracks are by their ID.
type FocusStream struct {
	Stream
	UserID   string                      `json:"user_id"`
	DeviceID string                      `json:"device_id"`
	Tracks   map[string]FocusStreamTrack `json:"tracks,omitempty"`
}

// FocusStreamTrack is a track of a stream: "audio" or "video", and how large the
// picture is at most, in pixels; 0 if nobody knows.
type FocusStreamTrack struct {
	Kind   string `json:"kind"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
}

// mostFocusTracks is how many tracks one message may name: three of each of a
// hundred people.
const mostFocusTracks = 300

// largestPicture is what a width or a height may be; more is as good as this.
const largestPicture = 16384

type focusContent struct {
	Subscribe   []FocusTrack      `json:"subscribe,omitempty"`
	Unsubscribe []FocusTrack      `json:"unsubscribe,omitempty"`
	Description *focusDescription `json:"description,omitempty"`
	Streams     FocusStreams      `json:"sdp_stream_metadata,omitempty"`
	Resting     []FocusRest       `json:"resting,omitempty"`
}

type focusDescription struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// ParseFocusMessage reads a message of a data channel. Its errors are
// ErrUnknownType for kinds that are not ours, ErrTooLarge, and those that say what is
// wrong.
func ParseFocusMessage(text []byte) (FocusMessage, error) {
	if len(text) > MaxContent {
		return FocusMessage{}, ErrTooLarge
	}
	var envelope struct {
		Type    FocusKind       `json:"type"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return FocusMessage{}, fmt.Errorf("message of a data channel: %w", err)
	}
	m := FocusMessage{Kind: envelope.Type}
	var c focusContent
	switch m.Kind {
	case FocusPing, FocusPong:
		return m, nil
	case FocusSubscription, FocusNegotiate, FocusMetadataChanged, FocusResting:
	default:
		return m, ErrUnknownType
	}
	if err := json.Unmarshal(envelope.Content, &c); err != nil {
		return FocusMessage{}, fmt.Errorf("%s: %w", m.Kind, err)
	}
	return m, m.take(c)
}

// take fills in what its kind has.
func (m *FocusMessage) take(c focusContent) error {
	switch m.Kind {
	case FocusSubscription:
		if len(c.Subscribe)+len(c.Unsubscribe) > mostFocusTracks {
			return fmt.Errorf("%s: %d tracks, at most %d are taken", m.Kind, len(c.Subscribe)+len(c.Unsubscribe), mostFocusTracks)
		}
		for i := range c.Subscribe {
			c.Subscribe[i].Width = min(max(c.Subscribe[i].Width, 0), largestPicture)
			c.Subscribe[i].Height = min(max(c.Subscribe[i].Height, 0), largestPicture)
		}
		m.Subscribe, m.Unsubscribe = c.Subscribe, c.Unsubscribe
	case FocusNegotiate:
		if c.Description == nil || c.Description.Type != "offer" && c.Description.Type != "answer" || c.Description.SDP == "" {
			return fmt.Errorf("%s: description is missing, or neither an offer nor an answer", m.Kind)
		}
		m.Description, m.Streams = Description(*c.Description), c.Streams
	case FocusMetadataChanged:
		m.Streams = c.Streams
	case FocusResting:
		if len(c.Resting) > mostFocusTracks {
			return fmt.Errorf("%s: %d tracks, at most %d are taken", m.Kind, len(c.Resting), mostFocusTracks)
		}
		m.Resting = c.Resting
	}
	return nil
}

// Encode writes the message.
func (m FocusMessage) Encode() []byte {
	content := focusContent{Subscribe: m.Subscribe, Unsubscribe: m.Unsubscribe, Streams: m.Streams, Resting: m.Resting}
	if m.Kind == FocusNegotiate {
		description := focusDescription(m.Description)
		content.Description = &description
	}
	text, err := json.Marshal(struct {
		Type    FocusKind    `json:"type"`
		Content focusContent `json:"content"`
	}{m.Kind, content})
	if err != nil {
		panic(err) // strings, numbers and maps of them have no way to fail
	}
	return text
}
