package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
)

// CSV writes a line for each figure of each round, under a line that names the
// columns. Values are as in the JSON lines, unrounded, units stand in the metrics'
// names; a round without figures has one line without.
func (s Sheet) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"at", "kind", "scenario", "target", "version", "round", "invalid", "metric", "value"}}
	for _, r := range s.Rounds {
		begin := []string{r.At, s.Case(r.Scenario).Kind, r.Scenario, r.Rival, r.Version, strconv.Itoa(r.Number), r.Invalid}
		metrics := metricsOf(r)
		for _, m := range metrics {
			lines = append(lines, append(slices.Clone(begin), string(m), strconv.FormatFloat(r.Figures[m], 'g', -1, 64)))
		}
		if len(metrics) == 0 {
			lines = append(lines, append(slices.Clone(begin), "", ""))
		}
	}
	return out.WriteAll(lines)
}

// metricsOf gives those of a round, in the order of tables, and behind them those that are
// not known here.
func metricsOf(r Round) (metrics []Metric) {
	for _, m := range meanings {
		if _, ok := r.Has(m.Metric); ok {
			metrics = append(metrics, m.Metric)
		}
	}
	known := len(metrics)
	for m := range r.Figures {
		if !slices.Contains(metrics[:known], m) {
			metrics = append(metrics, m)
		}
	}
	slices.Sort(metrics[known:])
	return metrics
}
