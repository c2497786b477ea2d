package jsep

// Kind is the medium of an m-section.
type Kind uint8

// The kinds. The zero Kind is one we do not know; such sections are refused.
const (
	Audio Kind = iota + 1
	Video
	Data // data channels (RFC 8841)
)

// kindNames are the words of the m-line.
var kindNames = [...]string{"unknown", "audio", "video", "application"}

// String gives the word of the m-line, "unknown" for others.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// Direction says who sends on an m-section. In a Session it is always seen
// from our side.
type Direction uint8

// The directions.
const (
	Inactive    Direction = 0
	SendOnly    Direction = 1
	ReceiveOnly Direction = 2
	SendReceive Direction = SendOnly | ReceiveOnly
)

// directionNames are the attributes (RFC 8866 section 6.7).
var directionNames = [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}

// String gives the attribute's name.
func (d Direction) String() string { return directionNames[d&SendReceive] }

// Sends reports whether the side that says d sends.
func (d Direction) Sends() bool { return d&SendOnly != 0 }

// Receives reports whether the side that says d receives.
func (d Direction) Receives() bool { return d&ReceiveOnly != 0 }

// Reverse gives the direction as the other side sees it.
func (d Direction) Reverse() Direction { return d&SendOnly<<1 | d&ReceiveOnly>>1 }

// parseDirection reads an attribute's name.
func parseDirection(name string) (Direction, bool) {
	for d, known := range directionNames {
		if name == known {
			return Direction(d), true
		}
	}
	return 0, false
}
