package report

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
)

// Change is a figure of one target in one scenario, in rounds of before and of
// now. Ratio is now to before, of medians.
type Change struct {
	Scenario, Rival string
	Metric          Metric
	Before, Now     Estimate
	Ratio           Estimate
	Verdict         Difference
}

// Difference says what a change comes to.
type Difference string

// The differences.
const (
	BetterNow Difference = "better"
	WorseNow  Difference = "worse"
	Moved     Difference = "changed" // of a figure that has no better
	Same      Difference = "same"    // no more than trifle, and it is sure
	Unsure    Difference = "unsure"  // the rounds do not tell
	FewRounds Difference = "too few rounds"
	trifle               = 0.01
)

// LeastRounds are those from which on the bootstrap says anything.
const LeastRounds = 3

// Changes compares rounds of before with rounds of now. They were not measured by
// turns, so what the machine did between is in it: only figures of the same
// machine are worth comparing.
func Changes(before, now []Round) (changes []Change) {
	for _, key := range keys(now) {
		for _, meaning := range meanings {
			if meaning.Better == Neither {
				continue
			}
			old, fresh := valuesOf(before, key, meaning.Metric), valuesOf(now, key, meaning.Metric)
			if len(old) == 0 || len(fresh) == 0 {
				continue
			}
			c := Change{Scenario: key[0], Rival: key[1], Metric: meaning.Metric, Before: estimate(old), Now: estimate(fresh), Ratio: ratioOf(old, fresh)}
			c.Verdict = c.judge(meaning.Better)
			changes = append(changes, c)
		}
	}
	return changes
}

func valuesOf(rounds []Round, key [2]string, m Metric) (values []float64) {
	for _, r := range rounds {
		if value, ok := r.Has(m); ok && counts(r, key[0], key[1]) {
			values = append(values, value)
		}
	}
	return values
}

// ratioOf draws both sides apart from each other; without a median above 0 before
// there is no ratio, and its Rounds are 0.
func ratioOf(old, fresh []float64) Estimate {
	if median(old) <= 0 {
		return Estimate{}
	}
	random := rand.New(rand.NewPCG(2, uint64(len(old)+len(fresh))))
	draw := func(values []float64) float64 {
		sample := make([]float64, len(values))
		for i := range sample {
			sample[i] = values[random.IntN(len(values))]
		}
		return median(sample)
	}
	ratios := make([]float64, 0, draws)
	for range draws {
		if base := draw(old); base > 0 {
			ratios = append(ratios, draw(fresh)/base)
		}
	}
	if len(ratios) == 0 {
		return Estimate{}
	}
	slices.Sort(ratios)
	return Estimate{
		Median: median(fresh) / median(old), Low: ratios[len(ratios)/20], High: ratios[len(ratios)-1-len(ratios)/20],
		Rounds: min(len(old), len(fresh)),
	}
}

func (c Change) judge(better Better) Difference {
	switch {
	case c.Before.Rounds < LeastRounds || c.Now.Rounds < LeastRounds:
		return FewRounds
	case c.Ratio.Rounds == 0:
		if c.Now.Median == c.Before.Median {
			return Same
		}
		return Unsure
	case c.Ratio.Low >= 1-trifle && c.Ratio.High <= 1+trifle:
		return Same
	case c.Ratio.Low > 1 && c.Ratio.Median > 1+trifle:
		return better.of(More)
	case c.Ratio.High < 1 && c.Ratio.Median < 1-trifle:
		return better.of(Less)
	}
	return Unsure
}

// of says what going one way is.
func (b Better) of(way Better) Difference {
	switch b {
	case Neither:
		return Moved
	case way:
		return BetterNow
	}
	return WorseNow
}

// PrintChanges writes them as a table, and in a line how many there are of each.
func PrintChanges(w io.Writer, changes []Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(w, "the two have no scenario and target in common")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "scenario\ttarget\tfigure\tbefore\tnow\tratio\t90 %\trounds\t")
	tally := make(map[Difference]int)
	for _, c := range changes {
		m := MeaningOf(c.Metric)
		ratio, interval := "–", "–"
		if c.Ratio.Rounds > 0 {
			ratio, interval = fmt.Sprintf("%.3f", c.Ratio.Median), fmt.Sprintf("%.3f to %.3f", c.Ratio.Low, c.Ratio.High)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d, %d\t%s\n", c.Scenario, c.Rival, m.Says, m.Show(c.Before.Median), m.Show(c.Now.Median),
			ratio, interval, c.Before.Rounds, c.Now.Rounds, c.Verdict)
		tally[c.Verdict]++
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d better, %d worse, %d the same; of %d the rounds do not tell\n", tally[BetterNow], tally[WorseNow], tally[Same], tally[Unsure]+tally[FewRounds])
	return nil
}
