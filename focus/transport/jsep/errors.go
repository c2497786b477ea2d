package jsep

import "errors"

var (
	// ErrDescription: the text of the other side could not be used. The
	// Session is as it was before.
	ErrDescription = errors.New("unusable session description")
	// ErrState: an offer was made or answered while one of ours is open, or
	// an answer came without one. The Session is as it was before.
	ErrState = errors.New("negotiation is in another state")
	// ErrWish: what was asked for cannot be written. This is a mistake of the
	// caller.
	ErrWish = errors.New("unusable wish")
)
