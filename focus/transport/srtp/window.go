package srtp

// estimate guesses the index of a packet from its sequence number and the
// highest index so far (RFC 3711 section 3.3.1 and appendix A): the one nearest
// to it. Before the first rollover there is nothing to go back to; there a
// number far ahead is just that, as libsrtp takes it too.
func estimate(highest uint64, sequence uint16) uint64 {
	const half = 1 << 15
	index := highest&^0xffff | uint64(sequence)
	last := int(highest & 0xffff)
	switch {
	case last < half && int(sequence)-last > half && highest > 0xffff:
		return index - 1<<16
	case last >= half && last-half > int(sequence):
		return index + 1<<16
	}
	return index
}

// The window in which late packets are told from repeated ones. RFC 3711
// section 3.3.2 asks for 64 at least; 960 packets are a second of video at
// 9 Mbit/s, as much as a retransmission without RTX or a reordering path may
// take. One word less than there are: the newest is filling up.
const (
	windowWords = 16
	windowSize  = (windowWords - 1) * 64
)

// window remembers which of the last indices of a stream were used: a ring of
// bits, as RFC 6479 has it, so that moving on clears words and shifts nothing.
type window struct {
	bits [windowWords]uint64
	used uint64 // the table's clock when last used
	ssrc uint32 // whose it is
}

// has reports whether an index inside the window was used.
func (w *window) has(index uint64) bool {
	return w.bits[index>>6%windowWords]>>(index&63)&1 != 0
}

// add marks an index. highest is the highest before it, or the index itself.
func (w *window) add(highest, index uint64) {
	if index > highest {
		words := min(index>>6-highest>>6, windowWords)
		for i := range words {
			w.bits[(index>>6-i)%windowWords] = 0
		}
	}
	w.bits[index>>6%windowWords] |= 1 << (index & 63)
}

// fill marks everything up to the highest index.
func (w *window) fill(highest uint64) {
	for i := range w.bits {
		w.bits[i] = ^uint64(0)
	}
	w.bits[highest>>6%windowWords] = ^uint64(0) >> (63 - highest&63)
}
