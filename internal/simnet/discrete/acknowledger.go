package discrete

import (
	"time"

	"meshfocus/internal/unit"
)

// ackDelay is how long the receiver of a TCP waits for a second segment: 40 ms as
// Linux has it, where RFC 1122 allows 500.
const ackDelay = 40 * time.Millisecond

// acknowledger is the receiver of a TCP: it acknowledges every second segment, and
// at once where one is missing (RFC 5681 section 4.2). An acknowledgement is of its
// Number, and if Index is 1 of the one before too.
type acknowledger struct {
	clock  *Clock
	back   *Link
	wire   int
	next   int64 // number that is expected
	held   bool  // the one before it is not acknowledged yet
	due    unit.Instant
	asleep unit.Instant
}

// Arrive takes a segment.
func (a *acknowledger) Arrive(p *Packet, now unit.Instant) {
	ordered := p.Number == a.next
	switch {
	case a.held && ordered:
		a.send(p.Number, 1, now)
	case ordered:
		a.held, a.due = true, now.Add(ackDelay)
		if a.due < a.asleep {
			a.asleep = a.due
			a.clock.At(a.due, a)
		}
	default:
		if a.held {
			a.send(a.next-1, 0, now)
		}
		a.send(p.Number, 0, now)
	}
	a.next = p.Number + 1
}

func (a *acknowledger) send(number int64, before int32, now unit.Instant) {
	a.held = false
	a.back.Put(Packet{Flow: a.wire, Kind: Acknowledgement, Size: ackSize, Number: number, Index: before}, now)
}

// Wake acknowledges a segment that no second one came for.
func (a *acknowledger) Wake(now unit.Instant) {
	if now >= a.asleep {
		a.asleep = unit.Far
	}
	switch {
	case a.held && now >= a.due:
		a.send(a.next-1, 0, now)
	case a.held && a.due < a.asleep:
		a.asleep = a.due
		a.clock.At(a.due, a)
	}
}
