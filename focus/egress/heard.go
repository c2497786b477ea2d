package egress

import (
	"cmp"
	"slices"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// hearing is what is kept between reports.
type hearing struct {
	transport wrapping // reference times of draft-holmer
	report    wrapping // instants of RFC 8888
	told      []bwe.Acknowledged
	last      unit.Instant
	interval  time.Duration // between reports, smoothed
	count     uint8
	counted   bool
}

// wrapping is times that begin anew: each is taken as the one nearest to the last.
type wrapping struct {
	begun bool
	last  time.Duration
}

func (w *wrapping) unwrap(at, period time.Duration) time.Duration {
	if !w.begun {
		w.begun, w.last = true, at
		return at
	}
	step := (at - w.last) % period
	switch {
	case step > period/2:
		step -= period
	case step < -period/2:
		step += period
	}
	w.last += step
	return w.last
}

// middleUnit is that of the middle of an NTP instant, 1/65536 s, and middleWrap
// when it begins anew: after 18 hours.
const middleWrap = time.Second << 16

// congestionExperienced is the ECN field of a packet that a queue has marked (RFC
// 3168 section 5).
const congestionExperienced = 3

// Heard takes transport-wide feedback or that of RFC 8888; anything else means
// nothing here.
func (p *Path[T]) Heard(m feedback.Message, now unit.Instant) {
	h := &p.hearing
	h.told = h.told[:0]
	switch m.Kind {
	case feedback.TransportReport:
		p.counted(m.Count())
		for a := range m.Transport() {
			if a.Received {
				a.At = h.transport.unwrap(a.At, feedback.ReferenceWrap)
			}
			p.acknowledge(a.Number, a)
		}
	case feedback.StreamReport:
		p.streams(m)
	default:
		return
	}
	p.shy = false
	p.stats.Reports++
	p.cover(now)
	p.estimator.Backlog(p.waits())
	p.estimator.Report(h.told, now)
	p.follow(now)
}

// counted notices reports that were lost on their way.
func (p *Path[T]) counted(count uint8) {
	h := &p.hearing
	if missed := count - h.count - 1; h.counted && missed < 1<<7 {
		p.stats.ReportsLost += int64(missed)
	}
	h.count, h.counted = count, true
}

// streams reads a report of RFC 8888.
func (p *Path[T]) streams(m feedback.Message) {
	h := &p.hearing
	made := h.report.unwrap(time.Duration(m.Instant())*time.Second>>16, middleWrap)
	var of *stream
	for ssrc, a := range m.Streams() {
		if of == nil || of.ssrc != ssrc {
			of = p.names.find(ssrc)
		}
		if of == nil || a.Early { // when that came nobody can say any more
			p.stats.Unknown++
			continue
		}
		number, ok := of.number(a.Number)
		if !ok {
			p.stats.Unknown++
			continue
		}
		a.At += made
		if fate := p.acknowledge(number, a); fate == history.Received || fate == history.Recovered {
			p.stats.ECN[a.Marked&3]++
		}
	}
	slices.SortFunc(h.told, func(a, b bwe.Acknowledged) int { return cmp.Compare(a.Number, b.Number) })
}

// acknowledge takes what is said of one departure, and says what became of it.
func (p *Path[T]) acknowledge(number uint16, a feedback.Arrival) history.Fate {
	d, fate := p.left.Acknowledge(number, a.Received)
	p.stats.Fates[fate]++
	if fate == history.Unknown || fate == history.Repeated {
		return fate
	}
	p.hearing.told = append(p.hearing.told, bwe.Acknowledged{
		Number: d.Number, Left: d.Left, At: a.At, Size: int(d.Size), Tag: d.Tag, Fate: fate,
		Marked: a.Marked == congestionExperienced,
	})
	return fate
}

// longestInterval is how seldom receivers report at the most: libwebrtc's 250 ms.
const longestInterval = 250 * time.Millisecond

// cover has departures remembered for as long as feedback may take.
func (p *Path[T]) cover(now unit.Instant) {
	h := &p.hearing
	if h.last != unit.Never {
		h.interval += (now.Sub(h.last) - h.interval) / 8
	}
	h.last = now
	e := p.estimator.Estimate()
	p.left.Cover(e.RoundTrip, e.Queue, max(h.interval, longestInterval))
}
