package lane

import (
	"sync/atomic"

	"meshfocus/focus/packet"
)

// delayLen is the length of a playout delay: two numbers of 12 bits.
const delayLen = 3

// saidDelay is the newest playout delay that a publisher has said of a stream
// (http://www.webrtc.org/experiments/rtp-hdrext/playout-delay), 0 for none, else with
// the bit above its 24 set. The read loop sets it, send loops read it.
type saidDelay struct{ value atomic.Uint32 }

// remember takes it from a packet that has one.
func (d *saidDelay) remember(p *packet.Packet) {
	if v := p.Value(packet.PlayoutDelay); len(v) == delayLen {
		d.value.Store(1<<24 | uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2]))
	}
}

// toldDelay is what a subscriber has been told of it: a value holds until another
// comes, so that publishers repeat it only until we have it. To who joins later, or
// has not got the packet that brought it, it is told with every packet until a
// reception report covers one of them. It is owned by the send loop.
type toldDelay struct {
	value   uint32
	since   uint16 // number of the first packet with it
	pending bool
}

// follow notes a packet that is to leave while the publisher's newest is a value.
func (d *toldDelay) follow(newest uint32, sequence uint16) {
	if newest != 0 && newest != d.value {
		*d = toldDelay{newest, sequence, true}
	}
}

// acknowledge takes the highest number that the subscriber has got.
func (d *toldDelay) acknowledge(highest uint16) {
	d.pending = d.pending && int16(highest-d.since) < 0
}

// append appends the element, if it is to be told.
func (d *toldDelay) append(own []packet.Element, scratch *[delayLen]byte) []packet.Element {
	if !d.pending {
		return own
	}
	*scratch = [delayLen]byte{byte(d.value >> 16), byte(d.value >> 8), byte(d.value)}
	return append(own, packet.Element{Extension: packet.PlayoutDelay, Value: scratch[:]})
}
