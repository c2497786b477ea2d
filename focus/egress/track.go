package egress

import (
	"time"

	"meshfocus/internal/unit"
)

// patience is how long a key frame that was asked for may take before it is asked
// for again (point 23 of the checklist).
const patience = 400 * time.Millisecond

// track is what is known of one source of pictures on the path.
type track struct {
	id    uint32
	bytes int64 // that wait

	begun   bool
	newest  uint32 // the picture that came last
	leaving uint32 // the picture whose packets left last
	left    bool   // there is one
	// refused: the rest of the newest picture is left out as its beginning was.
	refused bool
	// cut is the lowest temporal layer that is left out until a frame of layer 0
	// comes: somebody below was left out. 0: none.
	cut uint8
	// waiting: nothing is of use before a key frame.
	waiting bool
	wanted  bool // Wanted is to say so
	asked   unit.Instant
	tried   bool // by restart
}

// isLeaving reports whether a picture has begun to leave and may not be through.
func (t *track) isLeaving(id uint32) bool { return t.left && t.leaving == id }

// lose notes that a frame above layer 0 is left out.
func (t *track) lose(f Frame) {
	if f.ID == t.newest {
		t.refused = true
	}
	if t.cut == 0 || f.Temporal < t.cut {
		t.cut = f.Temporal
	}
}

// waitFor has the track wait for a key frame.
func (t *track) waitFor(now unit.Instant) {
	if !t.waiting {
		t.waiting, t.wanted, t.asked, t.cut = true, true, now, 0
	}
}

// remind asks once more if the key frame has not come.
func (t *track) remind(now unit.Instant) {
	if now.Sub(t.asked) >= patience {
		t.wanted, t.asked = true, now
	}
}

// late reports whether a picture came before the newest one.
func (t *track) late(id uint32) bool { return t.begun && int32(id-t.newest) < 0 }

// begin notes the first packet of a picture, and reports whether it is to be left
// out with all that follow. full: more waits than is good.
func (t *track) begin(f Frame, full bool, now unit.Instant) (refused bool) {
	t.begun, t.newest = true, f.ID
	if f.Key {
		t.waiting, t.wanted, t.cut, t.refused = false, false, 0, false
		return false
	}
	if f.Temporal == 0 {
		t.cut = 0
	}
	switch {
	case t.waiting:
		t.remind(now)
		t.refused = true
	case f.Temporal == 0:
		t.refused = false
	case t.cut > 0 && f.Temporal >= t.cut:
		t.refused = true
	case full:
		t.cut, t.refused = f.Temporal, true
	default:
		t.refused = false
	}
	return t.refused
}
