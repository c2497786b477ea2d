package congestion

import (
	"math"
	"time"

	"meshfocus/internal/simnet/discrete"
)

// binSize is how finely what a flow received is counted: windows of a second
// slide by this.
const binSize = 20 * time.Millisecond

// intake is what a flow received and could have received, as running sums over bins.
type intake struct {
	spec       *Flow
	ways       []passage
	received   []float64 // bits of media until the end of bin i-1
	achievable []float64
}

// achievableAt gives how fast a flow could be: its part of the bottleneck among
// the flows that are alive there, and no more than it makes.
func (c *Case) achievableAt(f *Flow, t time.Duration) float64 {
	if f.paused(t) {
		return 0
	}
	most := float64(SoundRate)
	if t >= f.Start+f.SoundOnly {
		most += float64(f.Most)
	}
	fair := func(rates discrete.Rates, in func(*Flow) bool) float64 {
		if len(rates) == 0 {
			return math.Inf(1)
		}
		flows := 0
		for i := range c.Flows {
			if o := &c.Flows[i]; in(o) && !o.paused(t) {
				flows++
			}
		}
		return float64(rates.At(t)) / float64(flows)
	}
	switch {
	case f.Reverse:
		return min(most, fair(c.Back.Rates, func(o *Flow) bool { return o.Reverse }))
	case f.Near:
		return min(most, fair(c.Cross.Rates, func(o *Flow) bool { return o.Near || o.Far }))
	}
	most = min(most, fair(c.Forward.Rates, func(o *Flow) bool { return !o.Near && !o.Reverse }))
	if f.Far {
		most = min(most, fair(c.Cross.Rates, func(o *Flow) bool { return o.Near || o.Far }))
	}
	return most
}

// newIntake adds up what a flow received, by the instant it arrived.
func newIntake(c *Case, f *Flow, ways []passage) *intake {
	bins := int(c.Length/binSize) + 2
	h := &intake{spec: f, ways: ways, received: make([]float64, bins+1), achievable: make([]float64, bins+1)}
	for i := range ways {
		p := &ways[i]
		if p.fate != discrete.Delivered || !p.kind.Media() {
			continue
		}
		if bin := int(discrete.Since(p.arrived) / binSize); bin < bins {
			h.received[bin+1] += float64(p.size) * 8
		}
	}
	for i := range bins {
		h.received[i+1] += h.received[i]
		middle := time.Duration(i)*binSize + binSize/2
		h.achievable[i+1] = h.achievable[i] + c.achievableAt(f, middle)*binSize.Seconds()
	}
	return h
}

// between gives how many bits of media came in a window, and how many could.
func (h *intake) between(w Window) (received, achievable float64) {
	from, to := h.bin(w.From), h.bin(w.To)
	return h.received[to] - h.received[from], h.achievable[to] - h.achievable[from]
}

func (h *intake) bin(t time.Duration) int {
	return min(max(int(t/binSize), 0), len(h.received)-1)
}

// Convergence is defined by these: 90 % of what is achievable for a second, and on average in
// the three that follow.
const (
	enough    = 0.9
	reaching  = time.Second
	following = 3 * time.Second
)

// convergence gives the time from an instant to the centre of the first second
// in which the flow has enough, and goes on to. If that never happens before
// until, it is the time until then.
func (h *intake) convergence(from, until time.Duration) time.Duration {
	for at := from; at+reaching <= until; at += binSize {
		if h.enough(Window{at, at + reaching}) && h.enough(Window{at + reaching, min(at+reaching+following, h.spec.End)}) {
			return at + reaching/2 - from
		}
	}
	return until - from
}

func (h *intake) enough(w Window) bool {
	received, achievable := h.between(w)
	return received >= enough*achievable
}
