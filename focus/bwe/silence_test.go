package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// Who had no processor himself has not read what may have come; who is always late
// cannot go on for ever.
func TestSilence_IsNotToldByWhoLooksLate(t *testing.T) {
	const left = 100 * millisecond
	due := left.Add(patience)
	for _, c := range []struct {
		name  string
		looks []time.Duration // after it was due
		falls int             // at which of them
	}{
		{"in time", []time.Duration{0}, 0},
		{"a little late", []time.Duration{40 * time.Millisecond}, 0},
		{"late", []time.Duration{200 * time.Millisecond, 250 * time.Millisecond}, 1},
		{"late twice", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 450 * time.Millisecond}, 2},
		{"very late", []time.Duration{2 * time.Second}, 0},
	} {
		var s silence
		s.left(left)
		for i, look := range c.looks {
			now := due.Add(look)
			if now < s.next() {
				t.Errorf("%s: looks %v too soon", c.name, s.next().Sub(now))
			}
			if fell := s.tick(now); fell != (i == c.falls) {
				t.Errorf("%s: at look %d it falls: %v", c.name, i, fell)
			}
		}
	}
	var s silence
	s.left(left)
	s.tick(due.Add(200 * time.Millisecond))
	if got := s.next(); got != due.Add(250*time.Millisecond) {
		t.Errorf("it looks again after %v", got.Sub(unit.Instant(due)))
	}
}
