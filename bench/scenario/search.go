package scenario

const (
	// stride is by how much a search goes up while everything arrives.
	stride = 1.3
	// fine is how close the rate that was kept up with and the one that was not
	// are in the end.
	fine = 1.03
)

// Search looks for the highest rate that a server keeps up with: up in strides,
// then halving. It is a value.
type Search struct {
	next       float64
	kept, lost float64 // highest that was kept up with, lowest that was not; 0: none yet
}

// NewSearch begins at a rate.
func NewSearch(rate float64) Search { return Search{next: rate} }

// Next gives the rate to try; false when the search is over.
func (s Search) Next() (rate float64, more bool) {
	if s.kept > 0 && s.lost > 0 && s.lost/s.kept <= fine {
		return 0, false
	}
	// Below a hundredth of a packet a second nothing is forwarded at all.
	return s.next, s.next > 0.01
}

// Tried tells how the rate went that Next gave.
func (s Search) Tried(keptUp bool) Search {
	if keptUp {
		s.kept = s.next
	} else {
		s.lost = s.next
	}
	switch {
	case s.lost == 0:
		s.next = s.kept * stride
	case s.kept == 0:
		s.next = s.lost / stride
	default:
		s.next = (s.kept + s.lost) / 2
	}
	return s
}

// Found gives the highest rate that was kept up with, 0 if there is none.
func (s Search) Found() float64 { return s.kept }

// TooMuch gives the lowest rate that was not kept up with, 0 if there is none.
func (s Search) TooMuch() float64 { return s.lost }

// Reopened is the search after TooMuch was tried once more and kept up with: it
// goes up from there.
func (s Search) Reopened() Search { return Search{kept: s.lost, next: s.lost * stride} }
