package allocate

// Reason is why a subscription gets what it gets, and not the rung above.
type Reason uint8

// The reasons; Reasons is how many there are.
const (
	// Best: there is nothing better, or it would not be seen where it is shown.
	Best Reason = iota
	// Full: the rung above does not fit.
	Full
	// Unproven: the rung above would fit the estimate, but nothing has shown yet
	// that so much arrives.
	Unproven
	// Proving: it failed soon after it was taken, and is not tried again yet.
	Proving
	// Fell: the budget has become too small for the rung before.
	Fell
	// Level: others of the same priority have to be served first.
	Level
	// Paused: not even the lowest rung fits. The subscriber is told.
	Paused
	// Silent: nothing of the track arrives.
	Silent
	// Unwanted: the subscriber asked for nothing.
	Unwanted

	Reasons
)

var reasonNames = [Reasons]string{
	"best", "full", "unproven", "proving", "fell", "level", "paused", "silent", "unwanted",
}

var reasonWords = [Reasons]string{
	"the best there is for the place where it is shown",
	"a better picture does not fit what the connection carries",
	"a better picture may fit; the connection is being tried out",
	"a better picture did not fit a moment ago and is tried again later",
	"the connection carries less than before",
	"others that matter as much come first",
	"the connection carries too little for this picture; sound goes on",
	"nothing of it is being sent",
	"not asked for",
}

// String names the reason in a word.
func (r Reason) String() string {
	if r < Reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Words tells whoever looks, the subscriber or an operator, in a sentence without a full
// stop.
func (r Reason) Words() string {
	if r < Reasons {
		return reasonWords[r]
	}
	return ""
}
