package congestion

import (
	"math"
	"slices"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// measure turns what was noted into figures.
func (r *run) measure() Result {
	c := r.spec
	result := Result{Case: c.Name, Seed: r.seed, Hash: r.hash(), Events: r.clock.Woken}
	flows := make([]*intake, len(r.flows))
	for i, f := range r.flows {
		flows[i] = newIntake(c, &f.spec, r.ways(i))
	}
	r.measurePassing(&result, flows)
	if len(flows) > 1 {
		result.set(Fairness, jain(flows, c.Judged))
	}
	if len(r.transfers) > 0 {
		received, _ := together(flows, c.Judged)
		fair := c.Forward.Rates.Bits(c.Judged.From, c.Judged.To, 1, 0) / float64(len(flows)+len(r.transfers))
		result.set(ShareOfTCP, received/float64(len(flows))/fair)
	}
	if slices.ContainsFunc(c.Flows, func(f Flow) bool { return f.Weight > 0 }) {
		result.set(Shares, weightError(flows, c.Judged))
	}
	for _, h := range flows {
		if h.spec.Far {
			result.set(LongShare, ratio(h.between(c.Judged)))
		}
	}
	r.measureMedia(&result, flows)
	r.measureBelow(&result)
	return result
}

// hash sums up everything that happened.
func (r *run) hash() uint64 {
	return r.forwardLog.Hash() ^ 3*r.backLog.Hash() ^ 5*r.crossLog.Hash()
}

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// together adds flows up.
func together(flows []*intake, w Window) (received, achievable float64) {
	for _, h := range flows {
		a, b := h.between(w)
		received, achievable = received+a, achievable+b
	}
	return received, achievable
}

// utilisation is of all flows together, and of the worse direction if there are
// two.
func utilisation(flows []*intake, w Window) float64 {
	var received, achievable [2]float64
	for _, h := range flows {
		way := 0
		if h.spec.Reverse {
			way = 1
		}
		a, b := h.between(w)
		received[way], achievable[way] = received[way]+a, achievable[way]+b
	}
	if achievable[1] == 0 {
		return ratio(received[0], achievable[0])
	}
	return min(ratio(received[0], achievable[0]), ratio(received[1], achievable[1]))
}

// jain is Jain's index over the media rates of flows: (Σx)² ÷ n Σx².
func jain(flows []*intake, w Window) float64 {
	sum, squares := 0.0, 0.0
	for _, h := range flows {
		x, _ := h.between(w)
		sum, squares = sum+x, squares+x*x
	}
	return ratio(sum*sum, float64(len(flows))*squares)
}

// weightError gives how far the share of some flow is off its weight's.
func weightError(flows []*intake, w Window) float64 {
	received, _ := together(flows, w)
	weights, worst := 0.0, 0.0
	for _, h := range flows {
		weights += max(h.spec.Weight, 1)
	}
	for _, h := range flows {
		x, _ := h.between(w)
		worst = max(worst, math.Abs(ratio(x, received)/(max(h.spec.Weight, 1)/weights)-1))
	}
	return worst
}

// measureQueue fills in queueing delay and loss.
func (r *run) measureQueue(result *Result, flows []*intake) {
	judged := r.spec.Judged
	var worst spread4
	dropped, sent, burst := 0, 0, 0.0
	for _, h := range flows {
		worst.worst(queueing(h.ways, judged))
		d, s := losses(h.ways, judged)
		dropped, sent = dropped+d, sent+s
		burst = max(burst, worstLoss(h.ways, h.spec, r.spec.Broken))
	}
	result.set(QueueMean, worst.mean)
	result.set(QueueMedian, worst.p50)
	result.set(Queue95, worst.p95)
	result.set(Queue99, worst.p99)
	result.set(Loss, 100*ratio(float64(dropped), float64(sent)))
	result.set(LossBurst, 100*burst)
}

// spread4 is how times lie, in ms.
type spread4 struct{ mean, p50, p95, p99 float64 }

func (s *spread4) worst(o spread4) {
	s.mean, s.p50 = max(s.mean, o.mean), max(s.p50, o.p50)
	s.p95, s.p99 = max(s.p95, o.p95), max(s.p99, o.p99)
}

// queueing gives how long packets that entered in a window were queued.
func queueing(ways []passage, w Window) spread4 {
	var times []time.Duration
	for i := range ways {
		if p := &ways[i]; p.fate != discrete.Dropped && w.Has(discrete.Since(p.entered)) {
			times = append(times, p.queued)
		}
	}
	return spreadOf(times)
}

// spreadOf sorts times and gives mean and percentiles by nearest rank.
func spreadOf(times []time.Duration) spread4 {
	if len(times) == 0 {
		return spread4{}
	}
	slices.Sort(times)
	sum := 0.0
	for _, t := range times {
		sum += milliseconds(t)
	}
	rank := func(share float64) float64 {
		return milliseconds(times[max(int(math.Ceil(share*float64(len(times))))-1, 0)])
	}
	return spread4{sum / float64(len(times)), rank(0.5), rank(0.95), rank(0.99)}
}

func milliseconds(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }

// losses counts what was dropped of what was sent in a window.
func losses(ways []passage, w Window) (dropped, sent int) {
	for i := range ways {
		if p := &ways[i]; w.Has(discrete.Since(p.entered)) {
			sent++
			if p.fate == discrete.Dropped {
				dropped++
			}
		}
	}
	return dropped, sent
}

// worstLoss gives the share dropped in the worst ten seconds that begin with a
// packet and do not touch apart. A flow that begins, also after its pause, is
// judged once it has sent for ten: of the first three packets one is a third.
func worstLoss(ways []passage, spec *Flow, apart Window) float64 {
	const length = 10 * time.Second
	worst, first, dropped, begin := 0.0, 0, 0, time.Duration(0)
	for i := range ways {
		now := discrete.Since(ways[i].entered)
		resumed := spec.PauseTo > 0 && begin < spec.PauseTo && now >= spec.PauseTo
		if touched := apart.To > 0 && now >= apart.From && now < apart.To; i == 0 || resumed || touched {
			first, dropped, begin = i, 0, now
		}
		for ; discrete.Since(ways[first].entered) <= now-length; first++ {
			worst = max(worst, float64(dropped)/float64(i-first))
			if ways[first].fate == discrete.Dropped {
				dropped--
			}
		}
		if ways[i].fate == discrete.Dropped {
			dropped++
		}
	}
	return worst
}

// measureTurns fills in what is asked of rises, falls, starts and returns.
func (r *run) measureTurns(result *Result, flows []*intake) {
	c := r.spec
	start := time.Duration(0)
	for i, h := range flows {
		if h.spec.Near || h.spec.Reverse && i > 0 {
			continue
		}
		from := h.spec.Start + h.spec.SoundOnly
		start = max(start, h.convergence(from, c.turnAfter(from)))
	}
	result.set(StartUp, start.Seconds())
	for i, metric := range []Metric{FirstRise, SecondRise} {
		if rises := c.turns(true); i < len(rises) {
			result.set(metric, flows[0].convergence(rises[i], c.turnAfter(rises[i])).Seconds())
		}
	}
	if falls := c.turns(false); len(falls) > 0 {
		worst := time.Duration(0)
		for _, fall := range falls {
			for _, h := range flows {
				worst = max(worst, settles(h.ways, fall, c.turnAfter(fall), drained))
			}
		}
		result.set(Drain, worst.Seconds())
	}
	if c.Gone > 0 {
		worst := time.Duration(0)
		for _, h := range flows {
			worst = max(worst, settles(h.ways, c.Gone, h.spec.End, emptied))
		}
		result.set(Emptied, worst.Seconds())
	}
	for _, h := range flows {
		if h.spec.PauseTo > 0 {
			result.set(Resumed, h.convergence(h.spec.PauseTo, h.spec.End).Seconds())
		}
	}
}

// A queue has drained at 75 ms; after TCP has gone it is to be at 50.
const (
	drained = 75 * time.Millisecond
	emptied = 50 * time.Millisecond
)

// settles gives the time from an instant until no packet leaves the queue for a
// second that was in it for longer than most, or until the end if that never is.
func settles(ways []passage, from, until, most time.Duration) time.Duration {
	at := from
	for i := range ways {
		p := &ways[i]
		left := discrete.Since(p.left)
		if p.fate == discrete.Dropped {
			left = discrete.Since(p.entered)
		}
		if left < from || left >= until {
			continue
		}
		if p.fate != discrete.Dropped && p.queued <= most {
			continue
		}
		if left-at >= time.Second {
			break
		}
		at = left
	}
	return at - from
}

// turns gives when the capacity of the first flow's bottleneck rises or falls.
func (c *Case) turns(rise bool) []time.Duration {
	var found []time.Duration
	rates := c.bottleneck(&c.Flows[0])
	if len(rates) > 20 { // a trace turns all the time
		return nil
	}
	for i := 1; i < len(rates); i++ {
		if up := rates[i].Rate > rates[i-1].Rate; up == rise && rates[i].Rate != rates[i-1].Rate {
			found = append(found, rates[i].At)
		}
	}
	return found
}

// turnAfter gives the next turn behind a time, or the end.
func (c *Case) turnAfter(t time.Duration) time.Duration {
	for _, step := range c.bottleneck(&c.Flows[0]) {
		if step.At > t {
			return step.At
		}
	}
	return c.Length
}

// phases gives the parts of the run with constant capacity.
func (c *Case) phases() []Window {
	rates := c.bottleneck(&c.Flows[0])
	if len(rates) > 20 {
		return nil
	}
	var found []Window
	for at := time.Duration(0); at < c.Length; {
		next := c.turnAfter(at)
		found = append(found, Window{at, next})
		at = next
	}
	return found
}

// sizeOf counts bytes of kinds that a window saw sent.
func sizeOf(ways []passage, w Window) (padding, all int64) {
	for i := range ways {
		if p := &ways[i]; w.Has(discrete.Since(p.entered)) {
			all += int64(p.size)
			if p.kind == discrete.Padding {
				padding += int64(p.size)
			}
		}
	}
	return padding, all
}

// never is for those who read instants.
const never = unit.Never
