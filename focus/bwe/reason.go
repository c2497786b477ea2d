package bwe

// Reason is why the rate changed.
type Reason uint8

// The reasons; Reasons is how many there are.
const (
	// Started: nothing is known yet.
	Started Reason = iota
	// Climbed: the queue is empty and all of the rate is used.
	Climbed
	// Proved: a probe was delivered.
	Proved
	// Yielded: packets begin to wait.
	Yielded
	// Cut: more was sent than the path carries.
	Cut
	// Lost: packets are lost that sending less saves.
	Lost
	// Warned: packets were marked (ECN).
	Warned
	// Contested: somebody keeps the queue full whatever we do.
	Contested
	// Silent: no feedback comes.
	Silent
	// Resumed: feedback comes again.
	Resumed
	// Rerouted: the path is another one.
	Rerouted

	Reasons
)

var reasons = [Reasons]string{
	"started", "climbed", "proved", "yielded", "cut", "lost", "warned", "contested", "silent", "resumed", "rerouted",
}

// String names the reason in a word.
func (r Reason) String() string {
	if r < Reasons {
		return reasons[r]
	}
	return "unknown"
}
