package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// leap is by how much delay has to grow from one packet to the next to be a
	// new route: more than a packet of 1500 bytes takes at 400 kbit/s.
	leap = 30 * time.Millisecond
	// level is how far delay may stray afterwards, beside what packets are late by
	// themselves: a queue grows or drains by more meanwhile.
	level = 10 * time.Millisecond
	// proving is how long it has to be level.
	proving = 150 * time.Millisecond
	// drainless is for how long a queue may not shrink though less than shrinking of
	// what the path carries comes: it would be shorter by 200 ms.
	drainless = 500 * time.Millisecond
	shrinking = 0.6
	// leapLately is for how long after a leap that may be: beside a TCP a queue can be
	// level too, but it did not begin with one packet.
	leapLately = 3 * time.Second
)

// route watches for a path that has become longer at once. A queue cannot: it grows
// with the packets that enter it, and it goes on changing; the delay of another route
// begins with one packet and stays. A shorter route needs no proof, it shows in the
// base.
type route struct {
	on           bool
	since        time.Duration // arrival of the first that was late
	least, most  time.Duration // of the delays since, least of some packets each
	lowest       time.Duration
	slack        time.Duration // the queue before, which may drain
	packets      int
	last, before time.Duration // delays of the packets before
	lastAt       time.Duration
	lastLeft     unit.Instant
	rate         float64 // of the law, before

	flat flat
}

// flat is a time in which the queue did not change.
type flat struct {
	since       time.Duration
	least, most time.Duration // of the standing queue
	lowest      time.Duration // delay
}

// observe takes a packet in order.
func (r *route) observe(e *Estimator, delay, at time.Duration, left unit.Instant) {
	noise := 3 * e.queue.differs
	if !r.on {
		from := max(r.last, r.before)
		gap := left.Sub(r.lastLeft)
		switch grown := delay-from > leap+noise && gap < leap && at-r.lastAt > leap; {
		case !grown || r.lastAt == 0:
		case e.queue.fresh > yields(e.law.rate)+cutAt:
			r.since, r.flat = at, flat{} // a queue that grows does so with each packet where the path is slow
		default:
			*r = route{on: true, since: at, least: delay, most: delay, lowest: delay, slack: e.queue.standing, rate: e.law.rate}
		}
	} else {
		r.packets++
		r.lowest = min(r.lowest, delay)
	}
	r.before, r.last, r.lastAt, r.lastLeft = r.last, delay, at, left
}

// judge follows a report: true once it is certain that the route is another one.
func (r *route) judge(e *Estimator) bool {
	if !r.on || r.packets < 3 {
		return false
	}
	low := min(e.queue.last[0], e.queue.last[1], e.queue.last[2])
	if r.packets < 6 {
		r.least, r.most = low, low
	}
	r.least, r.most = min(r.least, low), max(r.most, low)
	if r.most-r.least > level+3*e.queue.differs+r.slack {
		r.on = false
		return false
	}
	if e.facts.at-r.since < proving || r.packets < 8 {
		return false
	}
	r.on = false
	return true
}

// stubborn reports whether what seemed a queue has not shrunk at all though little is
// sent: then it is the way that is longer. It is the slower proof, for a leap that was
// hidden among late packets. A TCP would have filled the gap, but not at once, and not
// to the millisecond.
func (r *route) stubborn(e *Estimator) bool {
	q, f := e.queue.standing, &r.flat
	least, most := min(f.least, q), max(f.most, q)
	draining := e.law.draining && q > yields(e.law.rate)
	if e.facts.at-r.since > leapLately || !draining || most-least > level+3*e.queue.differs {
		*f = flat{since: e.facts.at, least: q, most: q, lowest: e.queue.raw}
		return false
	}
	f.least, f.most, f.lowest = least, most, min(f.lowest, e.queue.raw)
	lasted := e.facts.at - f.since
	if lasted < drainless {
		return false
	}
	came := float64(e.flow.came.between(e.facts.at-lasted, e.facts.at)) * 8 / lasted.Seconds()
	if came > shrinking*e.law.before {
		return false
	}
	r.lowest, r.rate = f.lowest, e.law.before
	*f = flat{since: e.facts.at}
	return true
}
