package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// disturbed is how much of a core others may have before it shows: the threads
// of the kernel alone come to one or two in a hundred.
const disturbed = 0.05

// busy is how much of the servers' core others had.
func busy(rounds []Round) Estimate {
	var parts []float64
	for _, r := range rounds {
		if part, ok := r.Has(Others); ok {
			parts = append(parts, part)
		}
	}
	return estimate(parts)
}

// Versions gives a line for each server: which it is, and what it agreed to with
// subscribers.
func Versions(rounds []Round) (lines []string) {
	agreed := make(map[string]string)
	for _, r := range rounds {
		if r.Negotiated != "" {
			agreed[r.Rival] = ", with " + r.Negotiated
		}
	}
	for _, r := range rounds {
		if line := r.Rival + ": " + r.Version + agreed[r.Rival]; !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// printScenarios writes medians, and how far the processor time of rounds is
// apart.
func printScenarios(w io.Writer, rounds []Round) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "case\tserver\trounds\tµs/packet\tspread\tuser\tsystem\tp50\tp99\tloss\tmost/s\tkB/subscriber\tothers on the core")
	for _, key := range keys(rounds) {
		figure := func(m Metric) float64 { return Figure(rounds, key[0], key[1], By(m)).Median }
		cost := Figure(rounds, key[0], key[1], micros)
		low, high := spread(rounds, key[0], key[1], CPUMicros)
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%.3f %%\t%s\t%s\t%.1f %%\n", key[0], key[1], cost.Rounds,
			plain(cost.Median, 2), apart(low, high),
			plain(figure(UserMicros), 2),
			plain(figure(SystemMicros), 2),
			plain(figure(P50Micros), 0),
			plain(figure(P99Micros), 0),
			100*figure(Loss),
			plain(figure(PerSecond), 0),
			plain(figure(MemoryKB), 0),
			100*figure(Others))
	}
	_ = table.Flush() // whoever reads has gone
}

// keys gives scenario and rival of all rounds, in the order in which they came.
func keys(rounds []Round) (keys [][2]string) {
	for _, r := range rounds {
		if key := [2]string{r.Scenario, r.Rival}; !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.SortStableFunc(keys, func(a, b [2]string) int { return strings.Compare(order(rounds, a[0]), order(rounds, b[0])) })
	return keys
}

// order gives the place of a scenario among those measured, to sort by.
func order(rounds []Round, scenario string) string {
	return fmt.Sprintf("%08d", slices.IndexFunc(rounds, func(r Round) bool { return r.Scenario == scenario }))
}

func spread(rounds []Round, scenario, rival string, of Metric) (low, high float64) {
	for _, r := range rounds {
		if !counts(r, scenario, rival) {
			continue
		}
		value := r.Figures[of]
		if low == 0 || value < low {
			low = value
		}
		high = max(high, value)
	}
	return low, high
}

func plain(value float64, digits int) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, value)
}

func apart(low, high float64) string {
	if high == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f–%.2f", low, high)
}

// printTargets writes the table of what was to be reached where something was
// measured, and how much more there is.
func printTargets(w io.Writer, rounds []Round, targets []Target) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "target\tgoal\tat least\tmeasured\t90 %\trounds\tverdict")
	more := 0
	for _, t := range targets {
		if !slices.ContainsFunc(rounds, func(r Round) bool { return r.Scenario == t.Scenario }) {
			more++
			continue
		}
		e, verdict := t.Judge(rounds)
		value, interval := "–", "–"
		if e.Rounds > 0 {
			value, interval = t.Show(e.Median), t.Range(e)
		}
		fmt.Fprintf(table, "%s\t%s %s\t%s\t%s\t%s\t%d\t%s\n", t.Says, t.sign(), t.Show(t.Goal), t.Show(t.Least), value, interval, e.Rounds, t.Word(e, verdict))
	}
	_ = table.Flush()
	if more > 0 {
		fmt.Fprintf(w, "%d more targets are of scenarios that were not measured\n", more)
	}
}

// Wanted says what is to be reached, and what at least.
func (t Target) Wanted() string {
	if t.Goal == t.Least {
		return t.sign() + " " + t.Show(t.Goal)
	}
	return t.sign() + " " + t.Show(t.Goal) + ", at least " + t.Show(t.Least)
}

// sign is that between a figure and its bound.
func (t Target) sign() string {
	if t.More {
		return "≥"
	}
	return "≤"
}

// Show gives a value with its unit, or as a multiple of whom it is held
// against.
func (t Target) Show(value float64) string {
	switch {
	case t.Base != "":
		return fmt.Sprintf("%.2f × one", value)
	case t.Against != "":
		return fmt.Sprintf("%.2f × %s", value, t.Against)
	case t.Unit != "":
		return fmt.Sprintf("%.0f %s", value, t.Unit)
	}
	return fmt.Sprintf("%.3f", value)
}

// Range gives the interval of a value, with its unit once.
func (t Target) Range(e Estimate) string {
	low, _, _ := strings.Cut(t.Show(e.Low), " ")
	return low + " to " + t.Show(e.High)
}

// printNotes writes which rounds did not count, and why, and what else is to be known
// of some.
func printNotes(w io.Writer, rounds []Round) {
	for _, r := range rounds {
		if r.Note != "" {
			fmt.Fprintf(w, "%s, %s, round %d: %s\n", r.Scenario, r.Rival, r.Number, r.Note)
		}
		if r.Invalid != "" {
			fmt.Fprintf(w, "does not count: %s, %s, round %d: %s\n", r.Scenario, r.Rival, r.Number, r.Invalid)
		}
	}
}
