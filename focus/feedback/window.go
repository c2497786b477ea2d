package feedback

import "meshfocus/internal/unit"

// How many numbers are remembered, powers of two: a second of a connection at
// 20 Mbit/s, of a stream at 5 Mbit/s. A quarter behind the highest a packet may
// come and be reported still.
const (
	transportWindow = 2048
	streamWindow    = 512
)

// arrival is when a packet came, and its ECN field.
type arrival struct {
	at     unit.Instant
	marked uint8
}

// window is which packets came since the last report.
type window struct {
	order order
	begin int64 // the first that was not reported
	slots []arrival
	fresh bool         // something came since the last report
	first unit.Instant // when the first of that came
}

func newWindow(size int) window { return window{slots: make([]arrival, size)} }

// put notes a packet. Of a packet that comes twice the first counts.
func (w *window) put(number uint16, marked uint8, now unit.Instant) {
	before := w.order.highest
	at, where := w.order.put(number)
	switch where {
	case placeStrange:
		return
	case placeRestart:
		clear(w.slots)
		w.begin = at
	case placeNew:
		w.advance(before, at)
	case placeLate:
		if w.order.highest-at >= int64(len(w.slots)/4) || w.slot(at).at != unit.Never {
			return
		}
		w.begin = min(w.begin, at)
	}
	*w.slot(at) = arrival{now, marked}
	if !w.fresh {
		w.fresh, w.first = true, now
	}
}

// advance empties the slots of numbers that were jumped over.
func (w *window) advance(before, to int64) {
	oldest := to - int64(len(w.slots)) + 1
	for n := max(before+1, oldest); n < to; n++ {
		*w.slot(n) = arrival{}
	}
	w.begin = max(w.begin, oldest)
}

func (w *window) slot(n int64) *arrival { return &w.slots[n&int64(len(w.slots)-1)] }

// done ends the interval: everything was reported.
func (w *window) done() {
	w.begin, w.fresh = w.order.highest+1, false
}
