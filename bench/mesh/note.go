package mesh

import (
	"fmt"
	"slices"
	"time"

	"meshfocus/bench/report"
)

// lastConnected is how long it took until the last pair was connected, in ms.
func (g *gathering) lastConnected(start time.Time) float64 {
	last := start
	for _, l := range g.links {
		if l.ConnectedAt.After(last) {
			last = l.ConnectedAt
		}
	}
	return millis(last.Sub(start))
}

// course is how many ordered pairs were connected, over time.
func (g *gathering) course(start time.Time) map[string][]report.Point {
	var instants []float64
	for _, l := range g.links {
		instants = append(instants, l.ConnectedAt.Sub(start).Seconds())
	}
	slices.Sort(instants)
	var curve []report.Point
	for i, at := range instants {
		curve = append(curve, report.Point{at, float64(i + 1)})
	}
	return map[string][]report.Point{"pairs connected": curve}
}

// note writes down what the links and the homeserver tell.
func (g *gathering) note(r *report.Round) {
	var pairs, pictures []float64
	var packets, lost uint64
	for _, l := range g.links {
		pairs = append(pairs, millis(l.ConnectTime()))
		if first := pictured(l.Link); !first.IsZero() {
			pictures = append(pictures, millis(first.Sub(later(l.SeenAt, l.came))))
		}
		for _, received := range l.Stats.Received {
			packets, lost = packets+received.Packets, lost+received.Lost
		}
	}
	f := r.Figures
	f[report.PairMillis], f[report.FirstFrameMillis] = median(pairs), median(pictures)
	if len(g.joins) > 0 {
		var joins []float64
		for _, took := range g.joins {
			joins = append(joins, millis(took))
		}
		f[report.JoinMillis] = median(joins)
	}
	both := float64(len(g.links)) / 2
	f[report.Messages], f[report.MessageBytes] = float64(g.front.messages.Load())/both, float64(g.front.bytes.Load())/both
	f[report.Loss] = float64(lost) / float64(max(packets+lost, 1))
}

// fault says whether the machine was the limit: late is how long it took at the
// 99th percentile until what could run did.
func fault(late time.Duration) error {
	const most = 5 * time.Millisecond
	if late > most {
		return fmt.Errorf("the machine was the limit: what could run waited %v for a core (p99)", late.Round(100*time.Microsecond))
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// median gives 0 of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
