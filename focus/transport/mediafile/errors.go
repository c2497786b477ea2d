package mediafile

import "errors"

var (
	// ErrUnknownFormat: the file is none of those we read.
	ErrUnknownFormat = errors.New("unknown format")
	// ErrBroken: the file says what it is, but what follows is not that.
	ErrBroken = errors.New("damaged or not what it claims to be")
)
