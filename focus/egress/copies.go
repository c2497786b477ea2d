package egress

import "time"

const (
	// idle is the queue below which it is not the queue that drops packets, but the
	// path, at random.
	idle = 15 * time.Millisecond
	// losing is the share of packets that a path is thought to lose at least, where one
	// is missing.
	losing = 0.01
	// together is how seldom a packet that others need and all its copies are to be
	// lost: with 3 % loss and 55 such packets in a second, as temporal layer 0 of 1.5
	// Mbit/s has, once in half an hour.
	together = 1e-4
	// mostCopies is how often a packet is sent again at all (history.Sent).
	mostCopies = 3
)

// Copies says how often a packet that the receiver misses is put again, side by side:
// more than once if others need its frame and no queue drops packets. When
// a copy is lost as well the receiver asks once more 100 ms later, and with the 55 ms
// that the first took that is a freeze by the W3C's measure. Where the queue drops
// packets more copies would only feed it. Copies of one question count as one.
func (p *Path[T]) Copies(needed bool) int {
	e := p.estimator.Estimate()
	if !needed || e.Queue >= idle {
		return 1
	}
	copies := 1
	for lost := max(e.Loss, losing); lost > together && copies < mostCopies; lost *= e.Loss {
		copies++
	}
	return copies
}
