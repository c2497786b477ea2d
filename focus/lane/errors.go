package lane

import "errors"

// What a caller may want to tell apart.
var (
	// ErrSource: a subscription has no SSRC, or one that another subscription of
	// the End uses.
	ErrSource = errors.New("lane: SSRC missing or in use")
	// ErrFormat: a subscription names no payload format, or not that of the track
	// which is to take the place of another.
	ErrFormat = errors.New("lane: no payload format for it")
)
