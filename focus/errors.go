package focus

import "errors"

// What a caller may want to tell apart.
var (
	// ErrClosed: the Focus, the Session or the Party has ended.
	ErrClosed = errors.New("focus: closed")
	// ErrTaken: a party of the key is in the session; it has to leave first.
	ErrTaken = errors.New("focus: party is there already")
	// ErrUnknown: no such track is published, or it is the party's own.
	ErrUnknown = errors.New("focus: no such track")
	// ErrChannel: the party has no data channel of the label.
	ErrChannel = errors.New("focus: no such data channel")
)
