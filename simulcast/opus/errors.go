package opus

import "errors"

// Why a payload is not read.
var (
	// ErrShort: the payload ends within its headers or blocks.
	ErrShort = errors.New("opus: payload ends within its headers or blocks")
	// ErrFrames: no frame, or more than 120 ms of them (RFC 6716 section 3.4,
	// R5).
	ErrFrames = errors.New("opus: no frames, or more than 120 ms of them")
	// ErrBlocks: more redundant blocks than MaxBlocks.
	ErrBlocks = errors.New("opus: too many redundant blocks")
)
