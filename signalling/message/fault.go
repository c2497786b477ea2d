package message

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a content.
type Fault struct {
	// Path of the field, such as "m.calls[0].m.devices[2].expires_ts"; empty
	// for the content as a whole.
	Path string
	// Wrong says what stands there, Want what would be right.
	Wrong string
	Want  string
	// Essential is true when nothing can be made of the content, or of the
	// entry of a list, without this field.
	Essential bool
}

// String gives "path: wrong, want right".
func (f Fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("%s, want %s", f.Wrong, f.Want)
	}
	return fmt.Sprintf("%s: %s, want %s", f.Path, f.Wrong, f.Want)
}

// Faults is everything that is wrong with one content, in the order in which
// it was read. As an error it says that the content is of no use.
type Faults []Fault

// Error lists all faults in one line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return "message: " + strings.Join(lines, "; ")
}

// essential reports whether one of the faults makes the content useless.
func (f Faults) essential() bool {
	for _, fault := range f {
		if fault.Essential {
			return true
		}
	}
	return false
}
