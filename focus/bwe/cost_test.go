package bwe

import (
	"testing"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// flood is 4 Mbit/s through a path with room, in full swing: 20 packets for each
// report.
type flood struct {
	e      *Estimator
	now    unit.Instant
	number int64
	told   []Acknowledged
}

func newFlood() *flood {
	f := &flood{e: New(Config{}), now: unit.Instant(time.Hour)}
	for range 200 {
		f.fill()
		f.report()
	}
	return f
}

func (f *flood) send() {
	f.now = f.now.Add(2500 * time.Microsecond)
	f.e.Sent(1200, 0, f.now)
	f.number++
}

func (f *flood) fill() {
	f.told = f.told[:0]
	for range 20 {
		f.send()
		f.told = append(f.told, Acknowledged{
			Number: f.number, Left: f.now, At: time.Duration(f.now) + 30*time.Millisecond, Size: 1200, Fate: history.Received,
		})
	}
}

func (f *flood) report() {
	f.e.Report(f.told, f.now.Add(60*time.Millisecond))
	f.e.Probe(f.now)
	f.e.Tick(f.now)
}

func TestEstimator_AllocatesNothing(t *testing.T) {
	f := newFlood()
	if got := testing.AllocsPerRun(500, f.send); got != 0 {
		t.Errorf("a packet: %v allocations", got)
	}
	if got := testing.AllocsPerRun(500, func() { f.fill(); f.report(); f.e.Estimate() }); got != 0 {
		t.Errorf("a report: %v allocations", got)
	}
}

func BenchmarkSent(b *testing.B) {
	f := newFlood()
	b.ReportAllocs()
	for b.Loop() {
		f.send()
	}
}

// BenchmarkReport is a report of twenty packets with all that follows, and the
// packets themselves.
func BenchmarkReport(b *testing.B) {
	f := newFlood()
	b.ReportAllocs()
	for b.Loop() {
		f.fill()
		f.report()
	}
}
