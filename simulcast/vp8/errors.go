package vp8

import "errors"

// ErrShort: the payload ends within the descriptor, or there is no frame behind
// it.
var ErrShort = errors.New("vp8: payload ends within its descriptor")
