package focus

import (
	"meshfocus/focus/lane"
)

// Key names a track in its session, by the stream and the track of the descriptions
// that subscribers get (RFC 8830). It is as the publisher has it wherever that is
// possible: else, because it is no token or somebody else has it, a name is made.
type Key struct{ Stream, Track string }

func (k Key) String() string { return k.Stream + "/" + k.Track }

// Track is what is told of one published track.
type Track struct {
	Key  Key
	Kind lane.Kind
	// Owner is the party that publishes it, Stream and ID what it calls it itself.
	Owner      string
	Stream, ID string
	// Muted: nothing of it is forwarded at present.
	Muted bool
	// Label is what the publisher's holder says of its stream (Remark).
	Label string
	// Screen: it is said to be one (Remark).
	Screen bool
	// Width and Height are of the largest picture that has come, in pixels; 0 while
	// none has.
	Width, Height int

	media *lane.Track
}

// Media is the track below, for local readers (lane.Sink) and statistics.
func (t Track) Media() *lane.Track { return t.media }
