package bwe

import "meshfocus/internal/unit"

// Couple has the estimator go on from the rate that is this path's share of a
// bottleneck which several paths have in common (RFC 8699; allocate.Uplink). A
// smaller one is another path's answer to the queue that this one is about to hear
// of: packets that have left by now say nothing against it. whole is the rate of all
// of them together, which says how long a queue of a few packets is.
func (e *Estimator) Couple(rate, whole unit.BitRate, now unit.Instant) {
	l := &e.law
	l.whole = float64(whole)
	shared := min(max(float64(rate), l.least), l.most)
	if shared < l.rate {
		l.held = now
		l.confirmed = min(l.confirmed, unit.BitRate(shared))
	}
	l.pace = unit.BitRate(max(float64(l.pace)*shared/max(l.rate, 1), l.least))
	l.rate = shared
	if line, ok := e.note("couple", now); ok {
		line = appendInt(line, "rate", int64(rate))
		e.noted(appendInt(line, "whole", int64(whole)))
	}
}
