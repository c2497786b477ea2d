package table

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"

	"meshfocus/bench/congestion"
)

// Print writes the rows, and what they come to.
func Print(w io.Writer, runs []Run) error {
	names, rows := Controllers(runs), Rows(runs)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "case\tmetric\tgoal\tworst seed")
	for _, name := range names {
		fmt.Fprintf(table, "\t%s", name)
		if name == Ours {
			fmt.Fprint(table, "\tverdict")
		}
	}
	fmt.Fprintln(table)
	for i := range rows {
		printRow(table, &rows[i], names)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, b := range Besides(runs) {
		fmt.Fprintf(w, "no goals, median: %s: %s\n\n", b.Title(), b.Text())
	}
	for at, name := range names {
		t := Count(rows, at)
		fmt.Fprintf(w, "%s: %d goal, %d above worst, %d LOST\n", name, t.Goal, t.Above, t.Lost)
	}
	_, err := fmt.Fprintln(w, "figures are median / worst of the seeds")
	return err
}

func printRow(w io.Writer, r *Row, names []string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s", r.Title(), r.Metric, r.bound(r.Median), r.bound(r.Worst))
	for at, v := range r.Verdicts {
		fmt.Fprintf(w, "\t%s", v.Figures())
		if names[at] == Ours {
			fmt.Fprintf(w, "\t%s", v.Word())
		}
	}
	fmt.Fprintln(w)
}

// Title names the case and its schedules.
func (r *Row) Title() string {
	if r.Varied {
		return r.Case + " varied"
	}
	return r.Case
}

// bound gives a demand with its sign; below zero is none.
func (r *Row) bound(figure float64) string {
	switch {
	case figure < 0:
		return "–"
	case r.Least:
		return "≥ " + figureText(figure)
	}
	return "≤ " + figureText(figure)
}

// Figures gives median and worst.
func (v Verdict) Figures() string {
	if v.Seeds == 0 {
		return "–"
	}
	return figureText(v.Got) + " / " + figureText(v.WorstGot)
}

// figureText gives a value with as many digits as tell something.
func figureText(value float64) string {
	digits := 3
	switch size := math.Abs(value); {
	case math.IsNaN(value):
		return "none"
	case size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	case size >= 1:
		digits = 2
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits == 0 {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

// Write appends a run as a line of JSON, without its curves.
func Write(w io.Writer, r Run) error {
	r.Curves = nil
	r.Figures = slices.DeleteFunc(slices.Clone(r.Figures), func(f congestion.Figure) bool {
		return math.IsNaN(f.Value) || math.IsInf(f.Value, 0) // JSON has neither
	})
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Wanted gives the goal for the median.
func (r Row) Wanted() string { return r.bound(r.Median) }

// Bar gives what the worst seed has to clear.
func (r Row) Bar() string { return r.bound(r.Worst) }

// Class is the verdict as the page's style knows it.
func (v Verdict) Class() string {
	switch v.Word() {
	case "goal":
		return "goal"
	case "above worst":
		return "above"
	case "LOST":
		return "lost"
	}
	return ""
}
