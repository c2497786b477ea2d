package allocate

import (
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// linger is how long after the last want a layer goes on: a subscriber that falls
// and rises again finds it, and encoders do not begin anew for nothing.
const linger = 10 * time.Second

// Wants is the layers of one track that anybody wants, so that its publisher may be
// asked to let the others rest. One subscriber's link bears on what that subscriber
// gets and, if nobody else wants it either, on nothing but work in vain.
//
// It belongs to the loop that receives the track; the zero Wants is not ready.
type Wants struct {
	last [Spatials]unit.Instant
}

// NewWants begins with everything wanted.
func NewWants(now unit.Instant) Wants {
	var w Wants
	for i := range w.last {
		w.last[i] = now
	}
	return w
}

// Want notes the layer that a subscriber is to get, gets still, or will be tried out
// for next. None is no want.
func (w *Wants) Want(layer simulcast.Layer, now unit.Instant) {
	if s := min(int(layer.Spatial), Spatials-1); s >= 0 {
		w.last[s] = max(w.last[s], now)
	}
}

// Resting gives a mask of the spatial layers that may rest, bit 0 the smallest.
func (w *Wants) Resting(now unit.Instant) (mask uint8) {
	for s, last := range w.last {
		if now.Sub(last) > linger {
			mask |= 1 << s
		}
	}
	return mask
}

// Next is when another layer may rest if nobody wants it until then, unit.Far if
// none is left.
func (w *Wants) Next(now unit.Instant) unit.Instant {
	next := unit.Far
	for _, last := range w.last {
		if at := last.Add(linger + 1); now.Before(at) {
			next = min(next, at)
		}
	}
	return next
}
