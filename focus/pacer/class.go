package pacer

// Class is what a packet is to the pacer, what goes first first.
type Class uint8

// The classes; Classes is how many there are.
const (
	Sound Class = iota
	Repair
	Video
	Padding

	Classes
)

var names = [Classes]string{"sound", "repair", "video", "padding"}

// String names the class in a word.
func (c Class) String() string {
	if c < Classes {
		return names[c]
	}
	return "unknown"
}
