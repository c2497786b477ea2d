package congestion

import (
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// passage is one packet's way through all bottlenecks of its flow.
type passage struct {
	entered unit.Instant  // the first queue
	left    unit.Instant  // the last; never if dropped
	arrived unit.Instant  // never unless delivered
	queued  time.Duration // in all queues
	number  int64
	size    int32
	kind    discrete.Kind
	fate    discrete.Fate
	marked  bool
}

func passageOf(e *discrete.Entry) passage {
	p := passage{
		entered: e.Entered, left: e.Left, arrived: e.Arrived, number: e.Number,
		size: e.Size, kind: e.Kind, fate: e.Fate, marked: e.Marked,
	}
	if e.Left != unit.Never {
		p.queued = e.Left.Sub(e.Entered)
	}
	return p
}

// passages gives the packets of a wire, in the order they entered.
func passages(log *discrete.Log, wire int) []passage {
	count := 0
	for i := range log.Entries {
		if int(log.Entries[i].Flow) == wire {
			count++
		}
	}
	found := make([]passage, 0, count)
	for i := range log.Entries {
		if e := &log.Entries[i]; int(e.Flow) == wire {
			found = append(found, passageOf(e))
		}
	}
	return found
}

// through joins the ways through two links in series: what the first delivers,
// the second gets in the same order. What had not come to the second when the run
// ended stands as delivered by nobody.
func through(first, second []passage) []passage {
	next := 0
	for i := range first {
		p := &first[i]
		if p.fate != discrete.Delivered {
			continue
		}
		if next == len(second) {
			return first[:i]
		}
		q := &second[next]
		next++
		p.left, p.arrived, p.fate = q.left, q.arrived, q.fate
		p.queued += q.queued
		p.marked = p.marked || q.marked
	}
	return first
}

// ways gives the packets of a flow.
func (r *run) ways(i int) []passage {
	spec := &r.flows[i].spec
	switch {
	case spec.Reverse:
		return passages(&r.backLog, 2*i)
	case spec.Near:
		return passages(&r.crossLog, 2*i)
	case spec.Far:
		return through(passages(&r.forwardLog, 2*i), passages(&r.crossLog, 2*i))
	}
	return passages(&r.forwardLog, 2*i)
}
