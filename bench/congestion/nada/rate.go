package nada

import (
	"math"
	"slices"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// The parameters of NADA with the defaults of RFC 8698, figure 3; delays in
// milliseconds, as its equations have them.
const (
	referenceLevel = 10.0  // XREF: congestion level that the rate settles at
	kappa          = 0.5   // KAPPA, ETA and TAU scale the gradual update
	eta            = 2.0   //
	tau            = 500.0 //
	quietDelay     = 10.0  // QEPS: queueing below it is none
	filterDelay    = 120.0 // DFILT: bound of the delay by filtering
	growthMost     = 0.5   // GAMMA_MAX: most growth of the ramp-up
	rampQueue      = 50.0  // QBOUND: most queue that the ramp-up may make
	warpDelay      = 50.0  // QTH: delay from which it is warped
	lambda         = 0.5   // LAMBDA: how fast the warped delay falls
	lossRatio      = 0.01  // PLRREF: the loss that costs lossDelay
	lossDelay      = 10.0  // DLOSS
	markRatio      = 0.01  // PMRREF: the marks that cost markDelay
	markDelay      = 2.0   // DMARK
	alpha          = 0.1   // ALPHA: for the ratios of loss and marks
	frames         = 30.0  // FPS
	beta           = 0.1   // BETA_S and BETA_V: how the shaping buffer counts
	bufferMost     = 0.05  // and its most, as a share of the rate

	// levelMost is XMAX of ns3-rmcat, not in the RFC: without it the change of a
	// level that loss has driven to seconds makes the rate swing for good.
	levelMost = 500.0

	// delta is DELTA, the feedback that the RFC aims at: reports that come
	// more often are taken together.
	delta = 100 * time.Millisecond
	// window is LOGWIN, over which packets are counted.
	window = 500 * time.Millisecond
	// taps of the minimum filter over delays (section 5.1.1).
	taps = 15
	// few packets say nothing.
	few = 5
)

// rate is the reference rate of NADA (RFC 8698 section 4), with the
// receiver's part done by the sender, who hears of every packet (section 5.3).
// Delays are milliseconds, rates bit/s.
type rate struct {
	least, most float64
	priority    float64 // PRIO
	reference   float64 // r_ref
	last        unit.Instant

	samples []sample      // what left within window, by number
	delays  [taps]float64 // the last that were measured
	delayed int
	base    float64 // d_base: the least delay ever. What else to do about clocks the RFC leaves open
	lossy   bool    // a packet was lost once
	loss    float64 // p_loss
	marks   float64 // p_mark
	level   float64 // x_curr
}

// sample is one packet that feedback spoke of.
type sample struct {
	left      unit.Instant
	at        time.Duration
	size      int
	delay     float64 // d_fwd: one way, filtered, less an unknown constant
	roundTrip float64
	lost      bool
	marked    bool
}

func newRate(least, most unit.BitRate, priority float64) *rate {
	return &rate{least: float64(least), most: float64(most), priority: priority, reference: float64(least)}
}

// told takes what feedback says of one packet; at is the receiver's clock.
func (r *rate) told(d history.Departure, fate history.Fate, at time.Duration, marked bool, now unit.Instant) {
	s := sample{left: d.Left, at: at, size: int(d.Size), marked: marked}
	switch fate {
	case history.Missing:
		s.lost = true
		r.lossy = true
	case history.Received:
		s.delay = r.filtered(milliseconds(at - time.Duration(d.Left)))
		s.roundTrip = milliseconds(now.Sub(d.Left))
	default:
		return
	}
	r.samples = append(r.samples, s)
}

// filtered gives d_fwd of a measured delay, the least of the last few, and takes
// it for d_base if there was none less.
func (r *rate) filtered(delay float64) float64 {
	r.delays[r.delayed%taps] = delay
	r.delayed++
	if r.delayed == 1 {
		r.base = delay
	}
	r.base = min(r.base, delay)
	return slices.Min(r.delays[:min(r.delayed, taps)])
}

// update ends a report: a new rate, once in delta.
func (r *rate) update(now unit.Instant) {
	since := now.Sub(r.last)
	if r.last == unit.Never {
		r.last = now
		return
	}
	if since < delta || len(r.samples) == 0 {
		return
	}
	r.last = now
	newest := r.samples[len(r.samples)-1].left
	for newest.Sub(r.samples[0].left) > window {
		r.samples = r.samples[1:]
	}
	before := r.level
	quiet := r.measure()
	if quiet {
		r.rampUp()
	} else {
		r.gradual(milliseconds(since), r.level-before)
	}
	r.reference = min(max(r.reference, r.least), r.most)
}

// measure takes the congestion level of the window (section 4.2) and tells
// whether neither loss nor queue is in it.
func (r *rate) measure() (quiet bool) {
	quiet = true
	lost, marked, came := 0, 0, 0
	queue := 0.0
	for _, s := range r.samples {
		if s.lost {
			lost++
			continue
		}
		came++
		if s.marked {
			marked++
		}
		queue = s.delay - r.base
		quiet = quiet && queue < quietDelay
	}
	if len(r.samples) >= few {
		r.loss += alpha * (float64(lost)/float64(len(r.samples)) - r.loss)
		r.marks += alpha * (float64(marked)/float64(len(r.samples)) - r.marks)
	}
	if came == 0 {
		return false
	}
	r.level = min(levelMost, r.warped(queue)+
		markDelay*math.Pow(r.marks/markRatio, 2)+lossDelay*math.Pow(r.loss/lossRatio, 2))
	return quiet && lost == 0
}

// warped gives the delay that counts beside flows that fill the queue until it
// overflows: less than it is, as long as losses are recent (equation 1). Recent is
// seven (MULTILOSS) mean intervals between losses as RFC 5348 section 5.4 has them. That mean
// is never below a sixth of the present interval, so a loss stays recent for ever,
// in the authors' simulation as well.
func (r *rate) warped(queue float64) float64 {
	if !r.lossy || queue < warpDelay {
		return queue
	}
	return warpDelay * math.Exp(-lambda*(queue-warpDelay)/warpDelay)
}

// rampUp is the accelerated mode (equations 3 and 4).
func (r *rate) rampUp() {
	trip := r.samples[len(r.samples)-1].roundTrip
	growth := min(growthMost, rampQueue/(trip+milliseconds(delta)+filterDelay))
	r.reference = max(r.reference, (1+growth)*r.received())
}

// gradual is the other mode (equations 5 to 7).
func (r *rate) gradual(since, rise float64) {
	offset := r.level - r.priority*referenceLevel*r.most/r.reference
	r.reference -= kappa*(since/tau)*(offset/tau)*r.reference + kappa*eta*(rise/tau)*r.reference
}

// received is the rate at which the packets of the window came, bit/s.
func (r *rate) received() float64 {
	var first, last time.Duration
	bytes, came := 0, 0
	for _, s := range r.samples {
		if s.lost {
			continue
		}
		if came == 0 {
			first, last = s.at, s.at
		} else {
			bytes += s.size
		}
		came, last = came+1, max(last, s.at)
	}
	if came < few || last <= first {
		return 0
	}
	return float64(bytes) * 8 / (last - first).Seconds()
}

// shaped gives the rates for the encoder and for what leaves, from the bytes
// that wait (section 5.2.2): the buffer empties at the cost of both.
func (r *rate) shaped(waiting int64) (encoder, leaves float64) {
	least := min(bufferMost*r.reference, beta*8*float64(waiting)*frames)
	return max(r.least, r.reference-least), min(r.most, r.reference+least)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
