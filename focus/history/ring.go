package history

import (
	"time"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

// leastRing is how many packets a ring has room for at first: a second of audio.
const leastRing = 64

// Ring holds the packets of one published layer for a while after they arrived,
// so that those who lost them can have them again. It belongs to the read loop
// that adds them; others reach the packets by their handles.
type Ring struct {
	keep  time.Duration // set once
	limit int           // set once, a power of two

	cells       []*packet.Packet // a power of two
	first, next uint64           // held are those from first up to below next
}

// NewRing makes a ring that holds packets for the time, and at most so many
// (rounded up to a power of two). A second is longer than anybody waits for a
// frame of a call. Call Clear when the layer ends.
func NewRing(keep time.Duration, limit int) *Ring {
	return &Ring{keep: keep, limit: powerOfTwo(limit), cells: make([]*packet.Packet, min(leastRing, powerOfTwo(limit)))}
}

// Add holds a packet, with a reference of its own, and lets go of those that are
// too old or too many by it. It takes them in order of arrival, whatever their
// numbers.
func (r *Ring) Add(p *packet.Packet) {
	r.Expire(p.Arrived)
	if r.Len() == len(r.cells) {
		r.makeRoom()
	}
	p.Retain(1)
	r.cells[r.next&uint64(len(r.cells)-1)] = p
	r.next++
}

// Expire lets go of the packets that arrived too long before now. Add does it
// too; a layer that is silent needs it now and then, so that nothing is held for
// nobody.
func (r *Ring) Expire(now unit.Instant) {
	for r.first != r.next && now.Sub(r.cells[r.first&uint64(len(r.cells)-1)].Arrived) > r.keep {
		r.drop()
	}
}

// makeRoom grows the ring, or drops the oldest if it may not.
func (r *Ring) makeRoom() {
	if len(r.cells) == r.limit {
		r.drop()
		return
	}
	grown := make([]*packet.Packet, 2*len(r.cells))
	for at := r.first; at != r.next; at++ {
		grown[at&uint64(len(grown)-1)] = r.cells[at&uint64(len(r.cells)-1)]
	}
	r.cells = grown
}

// drop lets go of the oldest.
func (r *Ring) drop() {
	cell := &r.cells[r.first&uint64(len(r.cells)-1)]
	(*cell).Release()
	*cell = nil
	r.first++
}

// Shed lets go of the n oldest: when the pool has nothing left, what arrives is
// worth more than what may be asked for again.
func (r *Ring) Shed(n int) {
	for ; n > 0 && r.first != r.next; n-- {
		r.drop()
	}
}

// Clear lets go of all.
func (r *Ring) Clear() {
	r.Shed(r.Len())
}

// Len tells how many packets are held.
func (r *Ring) Len() int { return int(r.next - r.first) }

// powerOfTwo gives the least power of two that is not below n.
func powerOfTwo(n int) int {
	power := 1
	for power < n {
		power *= 2
	}
	return power
}
