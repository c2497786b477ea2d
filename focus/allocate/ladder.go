package allocate

import (
	"math"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const (
	// Spatials and Temporals are how many layers of either kind are told apart.
	Spatials  = simulcast.Streams
	Temporals = 4
	// mostRungs is how long a ladder can be.
	mostRungs = Spatials * Temporals
)

// Offer is what one layer costs, those temporal layers included that it needs.
type Offer struct {
	// Mean is what arrives of it at present, key frames counted as common frames.
	Mean unit.BitRate
	// Peak is the most that arrived within one of the last seconds, key frames
	// included.
	Peak unit.BitRate
}

// Offers is what the layers of a track cost; the zero Offer is a layer of which
// nothing is known, which is not the same as one that costs nothing: it is no rung.
type Offers [Spatials][Temporals]Offer

// Rung is one way to show a track.
type Rung struct {
	Layer simulcast.Layer
	Offer
	// Worth is what it looks like: 1 more is about twice the picture.
	Worth float64
}

// Ladder is the rungs of one track, from the least worth up; each costs more than
// the one below it. It is made by Build and then only read, by as many Allocators as
// there are subscribers.
type Ladder struct {
	rungs  [mostRungs]Rung
	length int
	offers Offers
}

const (
	// A picture with half of its frames is worth halved less, one with a quarter of
	// them quartered: less than the next smaller picture in full, which is at most
	// mostStep less.
	halved, quartered = 0.8, 2.5
	mostStep          = 2.0
	leastStep         = 0.9
)

// Build makes the ladder from what the layers cost now.
func (l *Ladder) Build(offers *Offers) {
	l.offers, l.length = *offers, 0
	worth, below := 0.0, unit.BitRate(0)
	for s := range offers {
		top := offers.top(s)
		if top < 0 {
			continue
		}
		full := offers[s][top].Mean
		if below > 0 {
			worth += min(max(math.Log2(float64(full)/float64(below)), leastStep), mostStep)
		}
		below = full
		for t := 0; t <= top; t++ {
			if o := offers[s][t]; o.Mean > 0 {
				o.Peak = max(o.Peak, o.Mean)
				l.insert(Rung{simulcast.Layer{Spatial: int8(s), Temporal: int8(t)}, o, worth - thinned(top-t)})
			}
		}
	}
	l.prune()
}

// top is the highest temporal layer of which something arrives, -1 if none.
func (o *Offers) top(s int) int {
	for t := Temporals - 1; t >= 0; t-- {
		if o[s][t].Mean > 0 {
			return t
		}
	}
	return -1
}

// thinned is how much less a picture is worth with its frames halved so many times.
func thinned(times int) float64 {
	switch times {
	case 0:
		return 0
	case 1:
		return halved
	default:
		return quartered + float64(times-2)*mostStep
	}
}

// insert puts a rung where its worth has it.
func (l *Ladder) insert(r Rung) {
	i := l.length
	for ; i > 0 && l.rungs[i-1].Worth > r.Worth; i-- {
		l.rungs[i] = l.rungs[i-1]
	}
	l.rungs[i] = r
	l.length++
}

// prune takes out what costs no less than a rung that is worth as much or more.
func (l *Ladder) prune() {
	kept := l.length
	for i := l.length - 1; i >= 0; i-- {
		r := l.rungs[i]
		switch {
		case kept == l.length || r.Mean < l.rungs[kept].Mean && r.Worth < l.rungs[kept].Worth:
			kept--
			l.rungs[kept] = r
		case r.Mean < l.rungs[kept].Mean:
			l.rungs[kept] = r
		}
	}
	copy(l.rungs[:], l.rungs[kept:l.length])
	l.length -= kept
}

// Rungs gives the rungs, the least worth first. The slice belongs to the ladder.
func (l *Ladder) Rungs() []Rung { return l.rungs[:l.length] }

// cost is what arrives of a layer, 0 if nothing is known.
func (l *Ladder) cost(layer simulcast.Layer) unit.BitRate {
	if layer.Spatial < 0 || int(layer.Spatial) >= Spatials || layer.Temporal < 0 {
		return 0
	}
	row := &l.offers[layer.Spatial]
	for t := min(int(layer.Temporal), Temporals-1); t >= 0; t-- {
		if row[t].Mean > 0 {
			return row[t].Mean
		}
	}
	return 0
}

// next is the first rung above i that is in both directions no larger than a layer,
// -1 if there is none.
func (l *Ladder) next(i int, most simulcast.Layer) int {
	for i++; i < l.length; i++ {
		if r := l.rungs[i].Layer; r.Spatial <= most.Spatial && r.Temporal <= most.Temporal {
			return i
		}
	}
	return -1
}

// find is the rung of a layer or, if it is none any more, the best of those that are
// smaller; -1 if there is none.
func (l *Ladder) find(layer simulcast.Layer) int {
	for i := l.length - 1; i >= 0; i-- {
		r := l.rungs[i].Layer
		if r.Spatial < layer.Spatial || r.Spatial == layer.Spatial && r.Temporal <= layer.Temporal {
			return i
		}
	}
	return -1
}
