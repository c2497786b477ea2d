package report

import (
	"math/rand/v2"
	"slices"
)

// Of gives a figure of a round; false if it has none.
type Of func(Round) (value float64, ok bool)

// Estimate is a median with how sure it is: nine of ten bootstrap samples have
// theirs between Low and High.
type Estimate struct {
	Median, Low, High float64
	Rounds            int
}

// draws of the bootstrap: the ends of an interval of nine in ten then rest on
// fifty each.
const draws = 1000

// Ours is the name of what is held against rivals.
const Ours = "ours"

// Figure gives the estimate of a figure over the valid rounds of a rival in a
// scenario.
func Figure(rounds []Round, scenario, rival string, of Of) Estimate {
	return estimate(slices.Collect(func(yield func(float64) bool) {
		for _, r := range rounds {
			if value, ok := of(r); ok && counts(r, scenario, rival) && !yield(value) {
				return
			}
		}
	}))
}

// Ratio gives the estimate of ours to a rival's, round by round: those of one
// number were measured one after the other.
func Ratio(rounds []Round, scenario, rival string, of Of) Estimate {
	var ratios []float64
	for _, ours := range rounds {
		value, ok := of(ours)
		if !ok || !counts(ours, scenario, Ours) {
			continue
		}
		for _, theirs := range rounds {
			other, ok := of(theirs)
			if ok && counts(theirs, scenario, rival) && theirs.Number == ours.Number && other > 0 {
				ratios = append(ratios, value/other)
			}
		}
	}
	return estimate(ratios)
}

// Above gives the estimate of by how much a figure of one is above that of another,
// round by round.
func Above(rounds []Round, scenario, one, other string, of Of) Estimate {
	var differences []float64
	for _, r := range rounds {
		value, ok := of(r)
		if !ok || !counts(r, scenario, one) {
			continue
		}
		for _, o := range rounds {
			if base, ok := of(o); ok && counts(o, scenario, other) && o.Number == r.Number {
				differences = append(differences, value-base)
			}
		}
	}
	return estimate(differences)
}

func counts(r Round, scenario, rival string) bool {
	return r.Scenario == scenario && r.Rival == rival && r.Invalid == ""
}

// estimate draws samples by a generator that begins the same way each time, so
// that a report read twice says the same.
func estimate(values []float64) Estimate {
	if len(values) == 0 {
		return Estimate{}
	}
	e := Estimate{Median: median(values), Rounds: len(values)}
	random := rand.New(rand.NewPCG(1, uint64(len(values))))
	medians := make([]float64, draws)
	sample := make([]float64, len(values))
	for i := range medians {
		for j := range sample {
			sample[j] = values[random.IntN(len(values))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	e.Low, e.High = medians[draws/20], medians[draws-1-draws/20]
	return e
}

// median of at least one value: the one in the middle, or the mean of the two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
