// Package secret is bytes that may be used and must not be seen: no log line,
// error, JSON text or table shows them, whoever prints what contains them.
//
// It hides and does not protect: the bytes lie in memory as others do. Reveal
// is the one way to them, so that who uses them can be found by its name. All
// of it may be called from any goroutine, as long as nobody changes the bytes.
package secret

import (
	"crypto/subtle"
	"fmt"
	"slices"
)

// hidden stands wherever the bytes would.
const hidden = "(hidden)"

// Bytes are secret bytes. The zero value is none. Values share their memory
// when they are copied, and none of the methods gives it away but Reveal.
type Bytes struct {
	raw []byte
}

// Of takes a copy of raw.
func Of(raw []byte) Bytes { return Bytes{slices.Clone(raw)} }

// Reveal gives the bytes themselves: to be used, and not to be changed.
func (b Bytes) Reveal() []byte { return b.raw }

// Len is how many bytes there are.
func (b Bytes) Len() int { return len(b.raw) }

// Equal compares in a time that tells nothing of the bytes.
func (b Bytes) Equal(other Bytes) bool { return subtle.ConstantTimeCompare(b.raw, other.raw) == 1 }

// String hides the bytes.
func (b Bytes) String() string { return hidden }

// GoString hides the bytes from %#v.
func (b Bytes) GoString() string { return hidden }

// Format hides the bytes from every verb; %x would show them without it.
func (b Bytes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the bytes from JSON, from slog's handlers and their like.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(hidden), nil }
