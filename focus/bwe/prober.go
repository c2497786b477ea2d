package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// probePackets is how many packets a probe has at least: the rate is measured
	// over the gaps between them, to a tenth with arrivals in steps of 250 µs.
	probePackets = 6
	// probeTime is how long it lasts at least.
	probeTime = 15 * time.Millisecond
	probeSize = 1200
	// probePause is between one that found nothing and the next, limitedPause how much
	// longer it is while the application sends less than it may: then nearly all of
	// a probe is padding.
	probePause   = time.Second
	limitedPause = 700 * time.Millisecond
	// probeNoise is how many times longer than what packets are late by themselves.
	probeNoise = 10
	// probeDoubt is what delay may grow by in a probe that came as it was sent.
	probeDoubt = 7 * time.Millisecond
	// probeFirst is how long it lasts at least until the path has been full once.
	probeFirst = 20 * time.Millisecond

	// probeLonger is how many times longer it lasts when it is repeated because it seemed
	// to find the path full and left no queue behind: late packets tilt the line through n
	// delays over a time t by their spread times √(12 ÷ n) ÷ t, a third as much then.
	probeLonger = 2
	// probeClear is how many times more than doubtful delay has to grow by to be believed.
	probeClear = 2

	// firstProbe is how many times the start rate is tried at once.
	firstProbe = 5
	// further is how many times what was proved is tried next.
	further = 3
	// usual is the step otherwise.
	usual = 2

	// absent is for how many times as long as usual there has to be no queue before that
	// means room: where flows share one it is empty after each of their yields, and who took
	// a short moment of that for room took it from the others.
	absent = 2

	// fullLately is for how long it counts that the path was full.
	fullLately = 3 * time.Second

	// delivered of what was sent: as fast, or pulled apart.
	asSent = 0.93
	// apart is what is taken of a rate that arrived slower than it left.
	apart = 0.9
)

// prober tries whether the path carries more.
type prober struct {
	notBefore unit.Instant // the earliest instant of the next probe
	factor    float64
	due       bool
	tag       uint8
	wanted    int64
	running   bool
	until     unit.Instant
	cluster   cluster
	starting  bool
	second    bool // it repeats one that was not believed
	roomy     bool // the last came as it had left
	longer    bool // it repeats one that seemed to find the path full
}

// cluster is a probe under way, and the line through delay over time of leaving.
type cluster struct {
	rate    float64
	sent    int64
	packets int

	came, lost          int
	bytes               int64 // of those after the first
	firstLeft, lastLeft unit.Instant
	firstDelay          time.Duration
	x, y, xx, xy        float64 // sums, seconds
}

func (p *prober) start() {
	p.starting, p.due, p.factor = true, true, firstProbe
}

// again wants a probe soon.
func (p *prober) again(now unit.Instant) { p.due, p.factor, p.notBefore = true, usual, now }

func (p *prober) next() unit.Instant {
	if p.running {
		return p.until
	}
	return unit.Far
}

// tick gives up a probe of which nothing is heard.
func (p *prober) tick(e *Estimator, now unit.Instant) {
	if p.running && now >= p.until {
		p.finish(e, now)
	}
}

// take gives out a probe that is due.
func (p *prober) take(e *Estimator, now unit.Instant) (Probe, bool) {
	if !p.due || p.running || now < p.notBefore {
		return Probe{}, false
	}
	shown := e.shown()
	rate := min(p.factor*shown, float64(e.demand)*1.15, e.law.most)
	p.due = false
	p.longer = p.longer && !e.law.met
	if rate <= 1.05*shown {
		p.longer = false
		return Probe{}, false
	}
	p.running = true
	if p.tag++; p.tag == 0 {
		p.tag = 1
	}
	lasts := max(p.least(e), probeNoise*e.queue.differs)
	if p.longer {
		lasts *= probeLonger
	}
	bytes := max(probePackets*probeSize, int(unit.BitRate(rate).Bytes(lasts)))
	p.wanted = int64(bytes)
	p.cluster = cluster{rate: rate}
	p.until = now.Add(e.facts.roundTrip + time.Second)
	return Probe{Tag: p.tag, Rate: unit.BitRate(rate), Bytes: bytes}, true
}

// shown is the rate above which a probe would tell something new. A path that shares an
// uplink may have been lent all that it wants without ever having sent so much, and
// layers are chosen by what it has shown itself.
func (e *Estimator) shown() float64 {
	l := &e.law
	if l.whole > 0 && float64(e.demand) < 1.05*l.rate {
		return min(l.rate, max(float64(l.confirmed), l.least))
	}
	return l.rate
}

func (p *prober) left(size int, tag uint8, now unit.Instant) {
	if p.running && tag == p.tag {
		p.cluster.sent += int64(size)
		p.cluster.packets++
	}
}

func (p *prober) heard(a *Acknowledged, at time.Duration) {
	c := &p.cluster
	if !p.running || a.Tag != p.tag || c.came > 0 && a.Left < c.firstLeft {
		return
	}
	delay := at - time.Duration(a.Left)
	if c.came == 0 {
		c.firstLeft, c.lastLeft, c.firstDelay = a.Left, a.Left, delay
	} else {
		c.bytes += int64(a.Size)
	}
	c.came++
	c.lastLeft = max(c.lastLeft, a.Left)
	x, y := a.Left.Sub(c.firstLeft).Seconds(), (delay - c.firstDelay).Seconds()
	c.x, c.y, c.xx, c.xy = c.x+x, c.y+y, c.xx+x*x, c.xy+x*y
}

func (p *prober) lost(a *Acknowledged) {
	if p.running && a.Tag == p.tag {
		p.cluster.lost++
	}
}

// least is how long a probe lasts at least.
func (p *prober) least(e *Estimator) time.Duration {
	if e.law.met {
		return probeTime
	}
	return probeFirst
}

// doubt is what delay may grow by during a probe that came as it was sent. While the
// path has never been full, one more step costs less than to have missed one.
func (p *prober) doubt(e *Estimator) time.Duration {
	if e.law.met {
		return e.queue.differs
	}
	return max(2*e.queue.differs, probeDoubt)
}

// growth is how many seconds of queue the cluster made in a second.
func (c *cluster) growth() float64 {
	n := float64(c.came)
	spread := n*c.xx - c.x*c.x
	if spread <= 0 {
		return 0
	}
	return (n*c.xy - c.x*c.y) / spread
}

// after looks whether all of a probe has come, and whether another should follow.
func (p *prober) after(e *Estimator, now unit.Instant) {
	if c := &p.cluster; p.running && c.packets > 0 && (c.came+c.lost >= c.packets && c.sent >= p.wanted || c.came >= 4 && e.facts.left > c.lastLeft.Add(closest)) {
		p.finish(e, now)
	}
	l := &e.law
	if e.rival.on || p.running || p.due || now < p.notBefore || float64(e.demand) < 1.05*e.shown() || e.queue.standing >= waits && (l.met || e.queue.standing >= yields(l.rate)+waits) {
		return
	}
	room := l.rate > 1.02*l.carried && (!l.met || e.trains.free() && now.Sub(l.full).Seconds() > absent*l.cycle)
	if room || e.limited() && now.Sub(l.changed) > time.Second && now.Sub(p.notBefore) > limitedPause {
		p.due, p.factor = true, usual
	}
}

// finish draws the conclusion.
func (p *prober) finish(e *Estimator, now unit.Instant) {
	p.running = false
	c := &p.cluster
	p.notBefore = now.Add(probePause)
	if !e.law.met {
		p.notBefore = now.Add(300 * time.Millisecond)
	}
	span := c.lastLeft.Sub(c.firstLeft).Seconds()
	if c.came < 4 || span <= 0 || c.lost > c.came/2 {
		return
	}
	sent, growth := float64(c.bytes)*8/span, c.growth()
	asSent := growth < 1-asSent || growth*span < p.doubt(e).Seconds()
	if asSent || p.starting || e.queue.standing < waits {
		if p.sceptical(e, now) {
			return
		}
	}
	p.second, p.roomy = false, asSent
	if asSent {
		if !e.law.met {
			e.base.set(e.queue.raw) // nothing waits; and many packets overtake each other less than few
		}
		e.law.proved(min(sent, c.rate), now) // more was not asked for
		p.due, p.factor, p.notBefore, p.longer = true, further, now, false
		return
	}
	arrived := sent / (1 + growth)
	if p.starting || e.queue.standing < waits {
		e.law.carried = max(e.law.carried, arrived)
		e.law.proved(min(apart*arrived, c.rate), now)
	}
	p.starting = false
	if p.longer = growth*span < probeClear*p.doubt(e).Seconds() && p.doubtful(e); p.longer {
		p.due, p.factor, p.notBefore = true, c.rate/e.shown(), now
	}
}

// sceptical reports whether a probe has to be repeated before it is believed: where
// flows share a queue each of them finds it empty for a moment now and then, and whoever
// believed that at once would take from the others. The repetition finds what the
// first has left.
func (p *prober) sceptical(e *Estimator, now unit.Instant) bool {
	if p.second || !e.law.met || now.Sub(e.law.full) > fullLately {
		return false
	}
	p.second, p.due, p.notBefore = true, true, now
	return true
}

// doubtful reports whether a probe that came slower than it left is to be repeated at
// once: nothing waits behind it, the path was never full, and it was a short one.
func (p *prober) doubtful(e *Estimator) bool {
	return !p.longer && !e.law.met && e.queue.standing < waits
}
