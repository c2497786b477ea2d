package allocate

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const kbit = unit.Kilobit

// usual is what a camera sends in three layers, with three temporal ones of 40, 60
// and 100 per cent: the publisher of the simulcast cases.
func usual() *Ladder { return ladder(150*kbit, 500*kbit, 1500*kbit) }

// ladder makes one of full rates, with 40, 60 and 100 per cent by temporal layer; a
// rate of 0 is a layer that is silent.
func ladder(full ...unit.BitRate) *Ladder {
	var offers Offers
	for s, rate := range full {
		for t, percent := range []unit.BitRate{40, 60, 100} {
			offers[s][t] = Offer{Mean: rate * percent / 100, Peak: rate * percent / 100}
		}
	}
	l := new(Ladder)
	l.Build(&offers)
	return l
}

var all = simulcast.Layer{Spatial: 127, Temporal: 127}

func layer(spatial, temporal int8) simulcast.Layer {
	return simulcast.Layer{Spatial: spatial, Temporal: temporal}
}

// viewer is an allocator and what it is asked for.
type viewer struct {
	t *testing.T
	*Allocator
	now     unit.Instant
	demands []Demand
	shares  []Share
}

func watch(t *testing.T, demands ...Demand) *viewer {
	for i := range demands {
		demands[i].Key = uint64(100 + i)
		if demands[i].Most == (simulcast.Layer{}) {
			demands[i].Most = all
		}
	}
	return &viewer{t: t, Allocator: New(Config{}), now: unit.Instant(time.Hour), demands: demands}
}

// demand is what one subscription asks for.
func demand(p Priority, l *Ladder) Demand {
	return Demand{Priority: p, Ladder: l, Current: simulcast.None}
}

// give hands out a budget that is proven, 100 ms after the last, and lets what was
// answered come true.
func (v *viewer) give(rate unit.BitRate) []Share {
	return v.hand(Budget{Estimate: rate, Confirmed: rate})
}

func (v *viewer) hand(b Budget) []Share {
	v.now = v.now.Add(100 * time.Millisecond)
	v.shares = v.Allocate(b, v.demands, v.now)
	for i, s := range v.shares {
		v.demands[i].Current = s.Layer
	}
	return v.shares
}

// settle gives the same until nothing changes any more.
func (v *viewer) settle(rate unit.BitRate) []Share {
	for range 40 {
		v.give(rate)
	}
	return v.shares
}

func (v *viewer) layers(want ...simulcast.Layer) {
	v.t.Helper()
	for i, w := range want {
		if got := v.shares[i].Layer; got != w {
			v.t.Errorf("share %d is %v (%v), want %v", i, got, v.shares[i].Reason, w)
		}
	}
}

func (v *viewer) reasons(want ...Reason) {
	v.t.Helper()
	for i, w := range want {
		if got := v.shares[i].Reason; got != w {
			v.t.Errorf("share %d: %v, want %v", i, got, w)
		}
	}
}
