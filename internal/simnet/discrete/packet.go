package discrete

import "meshfocus/internal/unit"

// Kind is what a packet carries.
type Kind uint8

// The kinds. What is Sound or Video counts as media; the rest is what it costs.
const (
	Sound Kind = iota + 1
	Video
	Repair          // video sent again
	Padding         // nothing, to try out a rate
	Feedback        // RTCP; Body holds it
	Segment         // of TCP
	Acknowledgement // of TCP
)

var kindNames = [...]string{"none", "sound", "video", "repair", "padding", "feedback", "segment", "acknowledgement"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Media reports whether the kind is sound or video sent for the first time.
func (k Kind) Media() bool { return k == Sound || k == Video }

// Packet is one IP packet. What it means beyond Flow and Size is between who
// sends it and who receives it; links look at nothing else.
type Packet struct {
	// Flow is the wire it takes at each link.
	Flow int
	// Size is that of the IP packet, in bytes.
	Size int
	Kind Kind
	// Marked is set by a queue that marks (ECN CE).
	Marked bool
	// Probe is the cluster it belongs to, 0 for none.
	Probe uint8
	// Layer and Track are the sender's: of which encoding, of which source.
	Layer, Track uint8
	// Last says that it ends its frame.
	Last bool
	// Key says that its frame needs no other.
	Key bool
	// Number counts the packets of its flow as they leave: the transport-wide
	// number, or that of a segment.
	Number int64
	// Frame counts the frames of its track, Index the packets of the frame.
	Frame int64
	Index int32
	// Captured is when the sample was taken.
	Captured unit.Instant
	// Body is bytes for those who want some.
	Body []byte
}

// Receiver gets the packets of a flow at the end of its wire.
type Receiver interface {
	Arrive(p *Packet, now unit.Instant)
}

// ReceiverFunc is a function that is a Receiver.
type ReceiverFunc func(p *Packet, now unit.Instant)

// Arrive calls the function.
func (f ReceiverFunc) Arrive(p *Packet, now unit.Instant) { f(p, now) }
