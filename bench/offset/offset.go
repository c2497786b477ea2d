// Package offset is how far apart two clocks are, found by asking: what one-way
// latencies between two machines are worth. On one machine there is one clock and
// nothing to find.
//
// Pure: who exchanges the messages gives the four instants of each.
package offset

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrUnknown: there is no exchange that tells anything.
	ErrUnknown = errors.New("the offset of the clocks is not known")
	// ErrWrong: what was measured cannot be with this offset.
	ErrWrong = errors.New("the offset of the clocks is wrong")
)

// Exchange is a question and its answer, in nanoseconds: Asked and Heard by the
// clock of who asks, Came and Answered by that of who is asked (RFC 5905 section 8:
// T1, T4, T2 and T3).
type Exchange struct{ Asked, Came, Answered, Heard int64 }

// roundTrip is how long question and answer were under way.
func (e Exchange) roundTrip() time.Duration {
	return time.Duration(e.Heard - e.Asked - (e.Answered - e.Came))
}

// Offset is how far the other's clock is ahead of ours, and by how much that may be
// wrong either way. The zero Offset is of one clock.
type Offset struct{ Ahead, Bound time.Duration }

func (o Offset) String() string { return fmt.Sprintf("%v ± %v", o.Ahead, o.Bound) }

// Reading is an offset as it was at an instant of our clock, in nanoseconds.
type Reading struct {
	At int64
	Offset
}

// Measure finds the offset by the exchange that was under way for the shortest time:
// that had the least to wait for, so that the two ways differ the least. It is wrong
// by half of that time at most, as no way takes less than nothing. The error is
// ErrUnknown.
func Measure(exchanges []Exchange) (r Reading, err error) {
	found := false
	for _, e := range exchanges {
		trip := e.roundTrip()
		if trip < 0 || e.Answered < e.Came || found && (trip+1)/2 >= r.Bound {
			continue
		}
		found = true
		r.At, r.Bound = e.Asked+(e.Heard-e.Asked)/2, (trip+1)/2
		r.Ahead = time.Duration(e.Came - e.Asked - int64(trip)/2)
	}
	if !found {
		return r, fmt.Errorf("%w: of %d exchanges none makes sense", ErrUnknown, len(exchanges))
	}
	return r, nil
}

// Latency corrects what lies between an instant of the other's clock and a later one
// of ours.
func (o Offset) Latency(theirs, ours int64) time.Duration {
	return time.Duration(ours-theirs) + o.Ahead
}

// Check holds the least latency that was measured with an offset against it: nothing
// arrives before it was sent. The error is ErrWrong.
func (o Offset) Check(least time.Duration) error {
	if least < -o.Bound {
		return fmt.Errorf("%w: something arrived %v before it was sent, and the clocks are known to %v", ErrWrong, -least, o.Bound)
	}
	return nil
}

// Covers gives an offset that was used a bound by which it holds what was measured
// meanwhile.
func (o Offset) Covers(measured Offset) Offset {
	o.Bound = max(o.Bound, (measured.Ahead-o.Ahead).Abs()+measured.Bound)
	return o
}
