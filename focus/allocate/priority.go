package allocate

// Priority is how much a subscription matters to its subscriber, among the others.
type Priority uint8

// The priorities, the lowest first.
const (
	Other   Priority = iota // out of sight: small, or soon to be scrolled to
	Visible                 // one of many
	Pinned                  // the subscriber has chosen it
	Speaker                 // speaks, or did last
	Screen                  // what is read: unreadable is worth nothing

	priorities
)

// weights is how much more a bit gains for those of a priority than for others. Each
// is twice the one below: about what rungs gain less from one to the next, so that
// whoever matters more is a rung ahead for each priority between.
var weights = [priorities]float64{1, 2, 4, 8, 16}

var priorityNames = [priorities]string{"other", "visible", "pinned", "speaker", "screen"}

// String names the priority in a word.
func (p Priority) String() string {
	if p < priorities {
		return priorityNames[p]
	}
	return "unknown"
}

func (p Priority) weight() float64 { return weights[min(p, priorities-1)] }
