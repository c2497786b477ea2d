package message

import "errors"

// Sentinels that callers branch on. Faults in a content are not sentinels:
// use errors.As with Faults.
var (
	// ErrUnknownType is returned for an event type that is no call message.
	ErrUnknownType = errors.New("message: not the type of a call message, want m.call.*")
	// ErrIgnoredType is returned for a call message that a mesh has no use
	// for: asserted identities and call transfer.
	ErrIgnoredType = errors.New("message: a call message that a mesh ignores")
	// ErrTooLarge is returned for a content over MaxContent when read or over
	// MaxEncoded when written.
	ErrTooLarge = errors.New("message: content too large")
)

// Sizes of a content in bytes of JSON.
const (
	// MaxContent is what a homeserver takes at most for one event.
	MaxContent = 65536
	// MaxEncoded leaves room for the envelope and for what encryption adds;
	// candidates beyond it have to be trickled in a further message.
	MaxEncoded = 60000
)
