package dependency

import "errors"

// Why a descriptor is not taken. The packet is to be dropped; the State goes on
// as if it had not been there, but for what is said of ErrContradiction.
var (
	// ErrShort: the extension ends before its fields do.
	ErrShort = errors.New("dependency: descriptor is cut short")
	// ErrBounds: more templates, layers or frame differences than there can be
	// (MaxTemplates and those beside it).
	ErrBounds = errors.New("dependency: more templates, layers or differences than there can be")
	// ErrContradiction: another structure under the identifiers of the present
	// one, which the specification forbids. If the next structure contradicts
	// again, it is taken: whoever sent it has begun anew.
	ErrContradiction = errors.New("dependency: structure contradicts the present one")
	// ErrTemplate: no structure is known that has the frame's template, for the
	// key frame that brought it was lost. Start, End and Number are valid.
	ErrTemplate = errors.New("dependency: frame of an unknown template")
)
