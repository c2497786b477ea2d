package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Starved says how short of processor a process is: it stands, what comes waits in its
// socket, and it goes on with all of it at one instant. Nothing is lost, and arrivals
// are those of when they are read.
type Starved struct {
	// Share is the part of the time in which it stands, whatever it has to do.
	Share float64
	// Wakes is how long, in the mean, it waits for its turn each time when it had nothing
	// to do; exponential.
	Wakes time.Duration
}

// How long a process stands: exponential, but some stalls are long.
const (
	stallMean  = 40 * time.Millisecond
	stallLong  = 0.05 // of all: evenly from longLeast to longMost
	longLeast  = 100 * time.Millisecond
	longMost   = 500 * time.Millisecond
	stallsMean = (1-stallLong)*float64(stallMean) + stallLong*float64(longLeast+longMost)/2
)

// process is who runs a receiver or a sender: the work that has come while it stood is
// done in the order in which it came.
type process struct {
	spec    Starved
	clock   *discrete.Clock
	luck    *rand.Rand
	from    unit.Instant // of the stall at hand, or of the next
	until   unit.Instant
	waiting []func(now unit.Instant)
}

func newProcess(spec Starved, clock *discrete.Clock, luck *rand.Rand) *process {
	return &process{spec: spec, clock: clock, luck: luck, from: discrete.Start, until: discrete.Start}
}

// stands reports whether what comes now has to wait.
func (p *process) stands(now unit.Instant) bool {
	switch {
	case len(p.waiting) > 0:
		return true
	case now < discrete.Start:
		return false
	case p.spec.Wakes > 0:
		if now > p.until {
			p.until = now.Add(p.draw(float64(p.spec.Wakes)))
		}
		return now < p.until
	case p.spec.Share > 0:
		for now >= p.until {
			p.from = p.until.Add(p.draw(stallsMean * (1 - p.spec.Share) / p.spec.Share))
			p.until = p.from.Add(p.stall())
		}
		return now >= p.from
	}
	return false
}

func (p *process) stall() time.Duration {
	if p.luck.Float64() < stallLong {
		return longLeast + time.Duration(p.luck.Int64N(int64(longMost-longLeast)))
	}
	return p.draw(float64(stallMean))
}

func (p *process) draw(mean float64) time.Duration { return time.Duration(mean * p.luck.ExpFloat64()) }

// later has something done when the process goes on.
func (p *process) later(work func(now unit.Instant)) {
	if p.waiting = append(p.waiting, work); len(p.waiting) == 1 {
		p.clock.At(p.until, p)
	}
}

// Wake goes on.
func (p *process) Wake(now unit.Instant) {
	for _, work := range p.waiting {
		work(now)
	}
	p.waiting = nil
}

// starving reports whether anybody is short of processor.
func (c *Case) starving() bool { return c.Starved != Starved{} || c.Late != Starved{} }

// settled is from when on an estimate is to be above what is achievable.
const settled = 5 * time.Second

// measureBelow fills in for how long a controller's target was below what is
// achievable, that of the worst flow.
func (r *run) measureBelow(result *Result) {
	if !r.spec.starving() {
		return
	}
	var all below
	for _, f := range r.flows {
		var b below
		for i := range f.samples {
			t := time.Duration(i+1) * sampleEvery
			if t >= f.spec.Start+settled && t < f.spec.End {
				b.see(f.samples[i].bounded(&f.spec) < r.spec.achievableAt(&f.spec, t), sampleEvery)
			}
		}
		all.share, all.longest = max(all.share, b.part()), max(all.longest, b.longest)
	}
	all.set(result)
}

// measureBelow is the same of a focus, for all layers together.
func (st *stage) measureBelow(result *Result) {
	if !st.spec.starving() {
		return
	}
	var b below
	most := float64(layeredSound) + float64(st.spec.Tracks)*float64(layerRates[len(layerRates)-1])
	samples := st.focus.samples
	for i := 1; i < len(samples); i++ {
		at := discrete.Since(samples[i-1].at)
		if at >= settled {
			wanted := min(most, float64(st.spec.Forward.Rates.At(at)))
			b.see(float64(samples[i-1].estimate) < wanted, samples[i].at.Sub(samples[i-1].at))
		}
	}
	b.share = b.part()
	b.set(result)
}

// below sums up time.
type below struct {
	all, under, now, longest time.Duration
	share                    float64
}

func (b *below) see(under bool, span time.Duration) {
	b.all += span
	if b.now += span; !under {
		b.now = 0
		return
	}
	b.under += span
	b.longest = max(b.longest, b.now)
}

func (b *below) part() float64 { return 100 * ratio(b.under.Seconds(), b.all.Seconds()) }

func (b *below) set(result *Result) {
	result.set(BelowLong, b.longest.Seconds())
	result.set(BelowShare, b.share)
}
