package bwe

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

const (
	// contestAfter is how long a queue has to stand whatever we do before somebody
	// else is sure to fill it: our own is gone by then. Time without a queue counts
	// back twofold; a TCP that has just halved its window leaves one short moment.
	contestAfter = 1200 * time.Millisecond
	// contestTrips is how many round trips beside: yields take one each to be seen.
	contestTrips = 4
	// standsAt is what a standing queue is at least, also where our own rate has become so
	// low that it would let a longer one stand: who comes late knows no shorter
	// queue than the trough of the other's sawtooth, and sees little of it.
	standsAt = 25 * time.Millisecond
	// goneAfter is for how long the queue has to be almost empty before the other is
	// sure to have gone, and has not just halved its window.
	goneAfter = 1200 * time.Millisecond

	// beta, cubic and segment are RFC 9438's: what is kept after a loss, the growth,
	// and the size that windows are counted in: the
	// packets of the TCPs that it is to be equal to.
	beta = 0.7
	// betaOther is kept when the other has lost something: less than it gives up,
	// because we see each of its losses, and it none of ours.
	betaOther = 0.9
	cubic     = 0.4
	segment   = 1500
	// fullAt is the part of the longest queue seen lately from which on a loss tells
	// of a full queue; one below it happened on the way.
	fullAt = 0.6
	// topAt is the part of it that is as good as full, topFall the part that it
	// shrinks by when a TCP has lost something: three tenths of its window, of which
	// its queue is more than half.
	topAt   = 0.9
	topFall = 0.3
	// topLeast is more than queues differ between two frames, in seconds.
	topLeast = 0.03
	// fullMemory is how much of the longest queue is kept a report later: half after
	// 35 s at 20 reports in a second.
	fullMemory = 0.999

	// checkEvery is how often somebody beside a full queue sends less to see whether
	// it is its own.
	checkEvery = 30 * time.Second
	checkRate  = 0.5
	// trialLeast is how many seconds of arrivals tell, trialAlone the part of what came
	// before that still comes if nobody else is there.
	trialLeast = 0.15
	trialAlone = 0.9
	// checkFirst is when after the beginning; twice as late each time.
	checkFirst = 3 * time.Second

	// holdRate is a picture that can be watched, with sound; holdLoss what may be
	// lost of it, which a receiver that asks again makes good (10 % is where GCC
	// begins to cut, section 6 of draft-ietf-rmcat-gcc-02); seenMemory in seconds.
	holdRate   = 540e3
	holdLoss   = 0.05
	holdShare  = 0.9
	seenMemory = 300

	// goneAt is the part of the longest queue that no TCP falls below by halving its
	// window: below it is gone, and goneRate lets its queue drain.
	goneAt   = 0.45
	goneRate = 0.75
)

// competitor is the law beside one who fills the queue whatever we do, most often a
// TCP: to send less than it does only gives it more. So we take the same: the window
// of CUBIC (RFC 9438), as a rate.
type competitor struct {
	on     bool
	stood  time.Duration // for how long the queue stood
	peak   float64       // the rate when it began to
	lowFor unit.Instant  // since when it is almost empty, Never if it is not

	window  float64 // bytes
	most    float64 // the window at the last loss
	epoch   unit.Instant
	reduced unit.Instant
	full    float64 // seconds, the longest queue lately
	top     float64 // the longest since the last reduction
	base    time.Duration

	seen float64 // the most that came in a second, slowly forgotten
	held float64 // the rate that is not given up

	pause           time.Duration
	trial           trial
	again, second   bool         // the next trial, and this one, comes after one that was as if alone
	check, checking unit.Instant // when the next check is due; until when one lasts
}

// contested follows a report: whether the law is the competitor's now.
func (c *competitor) contested(e *Estimator, now unit.Instant) bool {
	q := &e.queue
	c.hold(e)
	if c.full == 0 {
		c.base = e.base.value
	}
	c.full = max((c.full-(e.base.value-c.base).Seconds())*fullMemory, q.fresh.Seconds())
	c.base = e.base.value
	c.top = max(c.top, q.fresh.Seconds())
	limit := yields(e.law.rate)
	if q.standing >= standsAt {
		c.stood = min(c.stood+e.facts.span, 5*contestAfter)
	} else {
		c.stood = max(c.stood-2*e.facts.span, 0)
	}
	if c.stood == 0 {
		c.peak = e.law.rate
	}
	switch {
	case q.standing >= limit:
		c.lowFor = unit.Never
	case c.lowFor == unit.Never:
		c.lowFor = now
	}
	if c.on {
		if c.trial.alone(e, c.checking) && c.twice(now) {
			e.law.set(checkRate*c.trial.before, Cut, now)
			c.leave(e, now)
			return false
		}
		if c.lowFor != unit.Never && now.Sub(c.lowFor) >= goneAfter {
			c.leave(e, now)
		}
		return c.on
	}
	if path := max(e.facts.trip-q.standing, 0); c.stood >= contestAfter+contestTrips*path {
		c.enter(e, now)
	}
	return c.on
}

// twice reports whether the trial was the second as if alone, and asks for that at once
// after the first. One alone may be luck: when the other has just lost something it sends
// nothing for half a round trip.
func (c *competitor) twice(now unit.Instant) bool {
	if c.second {
		return true
	}
	c.again, c.trial.on, c.check, c.checking = true, false, now, unit.Never
	return false
}

// enter begins with what was sent before the queue was met, and grows from there.
func (c *competitor) enter(e *Estimator, now unit.Instant) {
	c.on, c.epoch, c.reduced, c.stood = true, now, now, 0
	c.pause, c.checking = checkFirst, unit.Never
	c.check = now.Add(c.pause)
	rate := max(e.law.rate, c.peak)
	c.window = rate * e.facts.trip.Seconds() / 8
	c.most, c.held = c.window, max(c.held, min(c.peak, holdRate))
}

// leave goes on with the rate there is.
func (c *competitor) leave(e *Estimator, now unit.Instant) {
	c.on, c.trial.on, c.again, c.stood = false, false, false, 0
	e.law.draining, e.law.held = false, now
}

// law moves the window as CUBIC does.
func (c *competitor) law(e *Estimator, now unit.Instant) {
	l, trip := &e.law, e.facts.trip.Seconds()
	switch {
	case now.Sub(c.reduced) >= e.facts.trip && c.lost(e):
		c.reduce(beta, trip, now)
	case now.Sub(c.reduced) >= e.facts.trip && c.overflowed(e):
		c.reduce(betaOther, trip, now)
	case e.limited():
		c.epoch = c.epoch.Add(e.facts.span)
	default:
		c.grow(now.Sub(c.epoch).Seconds()+trip, trip)
	}
	rate := max(c.window*8/trip, c.held)
	switch {
	case c.checks(e, now):
		rate *= checkRate
	case e.queue.fresh.Seconds() < goneAt*c.full && c.lowFor != unit.Never && now.Sub(c.lowFor) > goneAfter/4:
		rate *= goneRate
	}
	if bound := max(contestBound*float64(e.facts.delivered), c.held); rate > bound {
		rate, c.window = bound, min(c.window, bound*trip/8)
	}
	l.set(rate, Contested, now)
	l.pace = unit.BitRate(l.rate * contestPace)
}

// contestBound: what leaves much faster than it comes finds the queue full.
const contestBound = 1.3

// reduce keeps a part of the window.
func (c *competitor) reduce(part, trip float64, now unit.Instant) {
	c.most, c.window = c.window, max(c.window*part, c.held*trip/8, 2*segment)
	c.epoch, c.reduced, c.top = now, now, 0
}

// lost reports whether something of ours has found the queue full since the last
// reduction.
func (c *competitor) lost(e *Estimator) bool {
	return e.facts.lossAt > c.reduced && (e.queue.fresh.Seconds() > fullAt*c.full || e.loss.share() > holdLoss)
}

// overflowed reports whether the queue was full and shrinks though we sent the same:
// then the other has lost something. Whoever paces loses less than who sends windows
// at once, and would get more for that if its own losses alone counted.
func (c *competitor) overflowed(e *Estimator) bool {
	return c.top > topAt*c.full && e.queue.fresh.Seconds() < c.top-max(topFall*c.full, topLeast)
}

// contestPace leaves the pacer little to hold, and makes no bursts.
const contestPace = 1.05

// grow follows the cubic, or what Reno would do if that is more (RFC 9438, sections
// 4.2 and 4.3).
func (c *competitor) grow(since, trip float64) {
	most := c.most / segment
	k := math.Cbrt(most * (1 - beta) / cubic)
	target := cubic*(since-k)*(since-k)*(since-k) + most
	reno := most*beta + 3*(1-beta)/(1+beta)*since/trip
	grown := max(target, reno) * segment
	c.window = max(c.window, min(grown, 1.5*c.window))
}

// hold follows the rate that is not given up to any number of competitors: what a
// call needs, at most half of the most that was seen to come, and less while so much
// is lost that it is of no use.
func (c *competitor) hold(e *Estimator) {
	seconds := e.facts.span.Seconds()
	c.seen = max(c.seen*(1-seconds/seenMemory), float64(e.facts.delivered), min(e.law.carried, e.law.rate))
	if e.loss.share() > holdLoss {
		c.held *= 1 - seconds/5
	} else {
		c.held += c.held * seconds / 2
	}
	c.held = min(max(c.held, e.law.least), holdRate, holdShare*c.seen)
}

// checks reports whether less is to be sent, to see whose the queue is.
func (c *competitor) checks(e *Estimator, now unit.Instant) bool {
	if now >= c.check {
		c.pause = min(2*c.pause, checkEvery)
		c.check = now.Add(c.pause)
		c.checking = now.Add(e.queue.standing/2 + e.facts.trip)
		before := float64(e.facts.delivered)
		if c.second, c.again = c.again, false; c.second {
			before = c.trial.before
		}
		c.trial = trial{on: true, from: now, before: before}
	}
	return now < c.checking
}

// trial is what becomes of packets that were sent at half of the rate. In a queue of
// their own they come as fast as all before, which is as fast as the path lets them;
// beside those of others they are a smaller part than before.
type trial struct {
	on          bool
	from        unit.Instant
	before      float64 // what came before
	first, last time.Duration
	bytes       int64
}

func (t *trial) observe(size int, left unit.Instant, at time.Duration) {
	switch {
	case !t.on || left < t.from:
	case t.first == 0:
		t.first, t.last = at, at
	default:
		t.bytes += int64(size)
		t.last = at
	}
}

// alone follows a report: whether the queue has proved to be ours. It can only be
// told while packets wait.
func (t *trial) alone(e *Estimator, until unit.Instant) bool {
	if !t.on || t.first == 0 {
		return false
	}
	if e.queue.standing < standsAt || e.facts.left > until {
		t.on = false
	}
	span := (t.last - t.first).Seconds()
	if span < trialLeast {
		return false
	}
	t.on = t.on && span < 2*trialLeast
	return float64(t.bytes)*8/span > trialAlone*t.before
}
