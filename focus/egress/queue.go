package egress

import "meshfocus/internal/unit"

// Frame says what a packet of video is part of.
type Frame struct {
	// Track tells apart what can be decoded on its own: a subscription.
	Track uint32
	// ID is one picture's: it goes up within a track and may wrap, like a timestamp.
	ID uint32
	// Temporal is its temporal layer: no frame of a lower one needs it, and after
	// the next frame of layer 0 nobody does. 0 is needed by all that follow.
	Temporal uint8
	// Key: it needs no other frame. A source whose pictures do not need each other
	// marks them all.
	Key bool
}

// entry is one item that waits.
type entry[T any] struct {
	item  T
	size  int
	frame Frame
	since unit.Instant
	gone  bool // was left out
	// untold: the peer does not tell of its arrival
	untold bool
}

// queue is items in the order in which they came. Those left out in its middle
// keep their places until they come to its head.
type queue[T any] struct {
	cells      []entry[T] // a power of two
	head, tail int64
	bytes      int64 // of what was not left out
}

func (q *queue[T]) cell(at int64) *entry[T] { return &q.cells[at&int64(len(q.cells)-1)] }

func (q *queue[T]) push(e entry[T]) {
	if q.tail-q.head == int64(len(q.cells)) {
		q.grow()
	}
	*q.cell(q.tail) = e
	q.tail++
	q.bytes += int64(e.size)
}

func (q *queue[T]) grow() {
	before := *q
	q.cells = make([]entry[T], max(2*len(before.cells), leastQueue))
	for at := q.head; at < q.tail; at++ {
		*q.cell(at) = *before.cell(at)
	}
}

// leastQueue is the room of a queue at first.
const leastQueue = 16

// first gives what is next, nil if nothing waits. It is valid until the next push.
func (q *queue[T]) first() *entry[T] {
	for ; q.head < q.tail; q.head++ {
		if e := q.cell(q.head); !e.gone {
			return e
		}
	}
	return nil
}

// pop takes away what first has given.
func (q *queue[T]) pop() (item T) {
	e := q.cell(q.head)
	item = e.item
	q.bytes -= int64(e.size)
	*e = entry[T]{}
	q.head++
	return item
}

// leave takes an entry out of the middle and gives its item.
func (q *queue[T]) leave(e *entry[T]) (item T) {
	item = e.item
	q.bytes -= int64(e.size)
	*e = entry[T]{gone: true}
	return item
}
