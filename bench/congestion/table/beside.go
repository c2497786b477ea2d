package table

import (
	"fmt"
	"slices"
	"strings"

	"meshfocus/bench/congestion"
)

// Beside is what a controller came to in a case that has no goals: it is played
// to be looked at beside another, such as N blind controllers beside coupled ones.
type Beside struct {
	Case, Controller string
	Varied           bool
	// Figures is the median of each metric.
	Figures []congestion.Figure
}

// Besides gives the cases of runs that have no goals, in the order in which they
// were played.
func Besides(runs []Run) (found []Beside) {
	rows := Rows(runs)
	for i := range runs {
		r := &runs[i]
		b := Beside{Case: r.Case, Controller: r.Controller, Varied: r.Varied}
		if slices.ContainsFunc(rows, func(row Row) bool { return row.Case == r.Case }) ||
			slices.ContainsFunc(found, func(o Beside) bool { return o.Case == b.Case && o.Controller == b.Controller && o.Varied == b.Varied }) {
			continue
		}
		for _, f := range r.Figures {
			b.Figures = append(b.Figures, congestion.Figure{Metric: f.Metric, Value: median(runs, r, f.Metric)})
		}
		found = append(found, b)
	}
	return found
}

// median gives that of a metric over the runs that are like one.
func median(runs []Run, like *Run, metric congestion.Metric) float64 {
	var values []float64
	for i := range runs {
		if r := &runs[i]; r.Case == like.Case && r.Controller == like.Controller && r.Varied == like.Varied {
			values = append(values, r.Get(metric))
		}
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Title names the case, its schedules and who played.
func (b Beside) Title() string {
	title := b.Case
	if b.Varied {
		title += " varied"
	}
	return title + ", " + b.Controller
}

// Text tells the figures.
func (b Beside) Text() string {
	var parts []string
	for _, f := range b.Figures {
		parts = append(parts, fmt.Sprintf("%s %s", f.Metric, figureText(f.Value)))
	}
	return strings.Join(parts, " · ")
}
