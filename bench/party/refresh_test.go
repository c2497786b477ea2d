package party

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// TestEnd_DoesNotHearWishesThatComeTooSoon: a faithful one is deaf for 300 ms, one that
// only looks like it never.
func TestEnd_DoesNotHearWishesThatComeTooSoon(t *testing.T) {
	for _, faithful := range []bool{true, false} {
		e := &End{sources: []*source{newSource(1, 0, 2), newSource(2, 1, 2)}}
		for _, c := range []struct {
			after time.Duration
			heard bool
		}{{0, true}, {299 * time.Millisecond, !faithful}, {300 * time.Millisecond, true}, {310 * time.Millisecond, !faithful}, {600 * time.Millisecond, true}} {
			for _, s := range e.sources {
				s.wantKey = false
			}
			e.refresh(faithful, unit.Instant(1).Add(time.Second+c.after))
			for _, s := range e.sources {
				if s.wantKey != c.heard {
					t.Errorf("faithful %v, after %v: heard %v", faithful, c.after, s.wantKey)
				}
			}
		}
	}
}
