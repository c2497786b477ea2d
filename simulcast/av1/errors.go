package av1

import "errors"

// Why a payload is dropped.
var (
	// ErrShort: the payload ends within its header or an element.
	ErrShort = errors.New("av1: payload ends within its elements")
	// ErrHeader: the aggregation header says that a coded video sequence begins
	// in the middle of a unit, which cannot be.
	ErrHeader = errors.New("av1: new sequence within a fragment")
)
