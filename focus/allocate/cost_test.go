package allocate

import (
	"testing"

	"meshfocus/internal/unit"
)

// twelve is a budget and demands of a call of twelve.
func twelve(tb testing.TB) ([]Demand, Budget) {
	tb.Helper()
	var demands []Demand
	l := usual()
	for i := range 12 {
		d := demand(Priority(i%5), l)
		d.Key, d.Most = uint64(i), all
		demands = append(demands, d)
	}
	return demands, Budget{Estimate: 9000 * kbit, Confirmed: 9000 * kbit, Sound: 40 * kbit, Loss: 0.01}
}

func TestNothingAllocates(t *testing.T) {
	a := New(Config{})
	demands, b := twelve(t)
	now := unit.Instant(1e12)
	a.Allocate(b, demands, now)
	var m Meter
	var row [Temporals]Offer
	var l Ladder
	var offers Offers
	if n := testing.AllocsPerRun(100, func() {
		now += 5e7
		a.Allocate(b, demands, now)
		a.Want()
		m.Count(Arrived{Bytes: 1200, Begins: true}, now)
		m.Offers(&row, now)
		offers[0] = row
		l.Build(&offers)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllocate(b *testing.B) {
	a := New(Config{})
	demands, budget := twelve(b)
	now := unit.Instant(1e12)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now += 5e7
		budget.Estimate = 9000*kbit - unit.BitRate(i%2)*4000*kbit
		a.Allocate(budget, demands, now)
	}
}

func BenchmarkMeter(b *testing.B) {
	var m Meter
	now := unit.Instant(1e12)
	for i := 0; b.Loop(); i++ {
		now += 3e6
		m.Count(Arrived{Bytes: 1200, Temporal: int8(i % 3), Begins: i%3 == 0}, now)
	}
}
