package discrete

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

// Constants of RFC 9438 sections 4.1, 4.3 and 4.6, in segments and seconds.
const (
	cubicC    = 0.4
	cubicBeta = 0.7
	// renoAlpha lets a window grow as Reno's would on average with that beta.
	renoAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
	// initialWindow is that of RFC 6928.
	initialWindow = 10
	leastWindow   = 2
)

// Cubic is the congestion window of a TCP (RFC 9438), in segments. Time and
// losses are told; it sends nothing.
type Cubic struct {
	window     float64
	threshold  float64 // of slow start
	most       float64 // W_max: the window before the last reduction
	reno       float64 // W_est
	prior      float64 // cwnd_prior: at the last reduction
	rise       float64 // K, in seconds
	epoch      unit.Instant
	epochStart float64 // cwnd_epoch
}

// NewCubic begins in slow start.
func NewCubic() Cubic { return Cubic{window: initialWindow, threshold: math.Inf(1)} }

// Window gives how many segments may be under way.
func (c *Cubic) Window() float64 { return c.window }

// Slow reports whether it is in slow start.
func (c *Cubic) Slow() bool { return c.window < c.threshold }

// Grow lets the window grow in slow start, by a segment for each acknowledged
// (RFC 5681 section 3.1) or less. over: slow start ends here.
func (c *Cubic) Grow(segments float64, over bool) {
	c.window += segments
	if over {
		c.threshold = c.window
	}
}

// Acknowledged takes that one segment was acknowledged while the window was in
// use, and slow start is over. trip is the smoothed round trip.
func (c *Cubic) Acknowledged(trip time.Duration, now unit.Instant) {
	if c.epoch == unit.Never {
		c.begin(now)
	}
	t := now.Sub(c.epoch)
	alpha := renoAlpha
	if c.reno >= c.prior { // section 4.3: it has regained what Reno had
		alpha = 1
	}
	c.reno += alpha / c.window
	if c.at(t) < c.reno { // Reno-friendly region
		c.window = max(c.window, c.reno)
		return
	}
	target := min(max(c.at(t+trip), c.window), 1.5*c.window) // section 4.2
	c.window += (target - c.window) / c.window
}

// begin begins to avoid congestion.
func (c *Cubic) begin(now unit.Instant) {
	c.epoch, c.epochStart, c.reno = now, c.window, c.window
	if c.most < c.window { // slow start has gone beyond
		c.most = c.window
	}
	c.rise = math.Cbrt((c.most - c.window) / cubicC)
}

// at is W_cubic (figure 1).
func (c *Cubic) at(t time.Duration) float64 {
	d := t.Seconds() - c.rise
	return cubicC*d*d*d + c.most
}

// Reduce takes that something was lost, once in a round trip.
func (c *Cubic) Reduce() {
	c.remember()
	c.window = max(c.window*cubicBeta, leastWindow)
	c.threshold = c.window
}

// remember keeps where the window was, or a little less if it had not come back
// to where it was before: others want some too (fast convergence, section 4.7).
func (c *Cubic) remember() {
	c.prior = c.window
	if c.window < c.most {
		c.most = c.window * (1 + cubicBeta) / 2
	} else {
		c.most = c.window
	}
	c.epoch = unit.Never
}

// Timeout takes that nothing was acknowledged for too long (section 4.8).
func (c *Cubic) Timeout() {
	c.remember()
	c.threshold = max(c.window*cubicBeta, leastWindow)
	c.window = 1
}
