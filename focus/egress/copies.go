package egress

import "time"

const (
	// losing is the share of packets from which on a path is taken to lose them at
	// random, idle the queue below which it is not the queue that drops them.
	losing = 0.01
	idle   = 15 * time.Millisecond
	// together is how seldom a packet that others need and all its copies are to be
	// lost: with 3 % loss and 55 such packets in a second, as temporal layer 0 of 1.5
	// Mbit/s has, once in half an hour.
	together = 1e-4
	// mostCopies is how often a packet is sent again at all (history.Sent).
	mostCopies = 3
)

// Need is how much depends on the frame of a packet that is missing.
type Need uint8

// The needs: nothing that was sent later, the frames until the next key frame, or
// whether there is any picture at all.
const (
	NeedNone Need = iota
	NeedFollowing
	NeedKey
)

// Copies says how often a packet that the receiver misses is put again, side by side:
// more than once if others need its frame and the path loses packets at random. When
// a copy is lost as well the receiver asks once more 100 ms later, and with the 55 ms
// that the first took that is a freeze by the W3C's measure. Where the queue drops
// packets more copies would only feed it. Copies of one question count as one.
func (p *Path[T]) Copies(n Need) int {
	e := p.estimator.Estimate()
	switch {
	case n == NeedNone || e.Queue >= idle:
		return 1
	case e.Loss < losing && n == NeedKey: // the first key frame, before loss is known
		return 2
	case e.Loss < losing:
		return 1
	}
	copies := 1
	for lost := e.Loss; lost > together && copies < mostCopies; lost *= e.Loss {
		copies++
	}
	return copies
}
