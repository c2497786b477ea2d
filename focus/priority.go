package focus

import (
	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
)

// chosen is how many times as large as the next largest the place for a picture is
// that its subscriber has chosen: twice as wide and twice as high. In a grid all are
// alike; beside a picture that fills the window the others are a strip.
const chosen = 4

// priorities appends to all how much a party's pictures matter to it, in the order of
// its shares: where not all fit, those that matter more are good first (allocate.Priority).
// What is read comes first, then who speaks, then what the party has chosen to see
// large. A wish tells no more than a size, so it is by that.
func priorities(all []allocate.Priority, shares []*share, speaker string) []allocate.Priority {
	largest, next := 0, 0
	for _, sh := range shares {
		switch area := sh.place(); {
		case area > largest:
			largest, next = area, largest
		case area > next:
			next = area
		}
	}
	pinned := next > 0 && largest >= chosen*next
	for _, sh := range shares {
		switch {
		case sh.of.Screen:
			all = append(all, allocate.Screen)
		case sh.of.Owner == speaker:
			all = append(all, allocate.Speaker)
		case pinned && sh.place() == largest:
			all = append(all, allocate.Pinned)
		default:
			all = append(all, allocate.Visible)
		}
	}
	return all
}

// place is how large a picture is shown, in pixels; 0 for what is not shown, or in any
// size, and for sound.
func (sh *share) place() int {
	if sh.of.Kind != lane.Video || sh.wish.Paused {
		return 0
	}
	return max(sh.wish.Width, 0) * max(sh.wish.Height, 0)
}
