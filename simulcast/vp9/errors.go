package vp9

import "errors"

// Why a payload is dropped.
var (
	// ErrShort: the payload ends within its descriptor, or there is no frame
	// behind it.
	ErrShort = errors.New("vp9: payload ends within its descriptor")
	// ErrReferences: more than three differences (RFC 9628 section 4.2).
	ErrReferences = errors.New("vp9: more than three reference indices")
)
