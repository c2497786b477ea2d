package udp

import (
	"net/netip"
	"time"
)

// Datagram is one that was received.
type Datagram struct {
	// From has an IPv4 address as such, also on a socket of both families.
	From netip.AddrPort
	// Data lies in the buffer of the slot, perhaps with others before and after
	// it. It may be written to, but not beyond its end.
	Data []byte
	Slot int
	// ECN is what was on it, if Config.ReadECN was set.
	ECN ECN
	// Waited is how long it lay in the kernel before it was read, if Config.ReadTimes
	// was set: a program that the scheduler held up hears late what came in time.
	Waited time.Duration
}

// Inbox is where datagrams are read to: a buffer in each slot, all brought by
// the caller. It belongs to the read loop.
type Inbox struct {
	// Datagrams are what the last Read brought, those of one sender in the order
	// in which they came. They are good until the next Read; who wants one for
	// longer takes its buffer away by Exchange.
	Datagrams []Datagram

	// Timed has the next Read measure the system call that brings something, and
	// Took says how long it was, without the wait before it; 0 from the portable
	// engine, which cannot tell them apart.
	Timed bool
	Took  time.Duration

	buffers [][]byte
	kernel  kernelInbox
}

// NewInbox takes a buffer for each slot. A datagram that fills a buffer may
// have been cut and is left out: a buffer is to be longer than any that is
// wanted. Eight slots are within 4 % of what thirty-two cost.
func NewInbox(buffers ...[]byte) *Inbox {
	i := &Inbox{buffers: make([][]byte, len(buffers)), Datagrams: make([]Datagram, 0, segments*len(buffers))}
	i.kernel.prepare(len(buffers))
	for slot, buffer := range buffers {
		i.Exchange(slot, buffer)
	}
	return i
}

// Exchange takes the buffer of a slot away and puts a fresh one there.
func (i *Inbox) Exchange(slot int, fresh []byte) []byte {
	if len(fresh) == 0 {
		panic("udp: an inbox without a buffer in one of its slots") // ours: no peer can bring this about
	}
	old := i.buffers[slot]
	i.buffers[slot] = fresh
	i.kernel.place(slot, fresh)
	return old
}

// Buffers makes buffers that do not push each other out of the cache: so many
// of a size that is a power of two would begin in the same cache lines.
func Buffers(count, size int) [][]byte {
	const stagger = 17 * 64 // lines of a datagram of 1088 bytes
	all := make([]byte, count*(size+stagger))
	buffers := make([][]byte, count)
	for n := range buffers {
		at := n * (size + stagger)
		buffers[n] = all[at : at+size : at+size]
	}
	return buffers
}

// take puts what came into a slot among the datagrams, cut into pieces of size; of is
// what is true of each.
// It says how many bytes were taken: none if the buffer was too short.
func (i *Inbox) take(slot, length, size int, of Datagram) int {
	buffer := i.buffers[slot]
	if length >= len(buffer) {
		return 0
	}
	if size <= 0 {
		size = length
	}
	for at := 0; at < length; at += size {
		end := min(at+size, length)
		of.Data, of.Slot = buffer[at:end:end], slot
		i.Datagrams = append(i.Datagrams, of)
	}
	return length
}
