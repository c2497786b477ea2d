package report

import "strings"

// headlines are the figures by which a round is told in a line, where it has them.
var headlines = []Metric{
	Present, JoinMillis, FirstFrameMillis, ConnectedMillis, PairMillis, Delivered, PerSecond, CPUMicros, P50Micros, P99Micros, Loss, Repaired,
	Freezes, MemoryKB, PartyMB, Allocations,
}

// Tell says in a line what a round came to.
func Tell(r Round) string {
	var parts []string
	for _, m := range headlines {
		if value, ok := r.Has(m); ok {
			meaning := MeaningOf(m)
			parts = append(parts, meaning.Says+" "+meaning.Show(value))
		}
	}
	if part, ok := r.Has(Others); ok && part > 0.02 {
		parts = append(parts, MeaningOf(Others).Says+" "+MeaningOf(Others).Show(part))
	}
	if r.Note != "" {
		parts = append(parts, r.Note)
	}
	if r.Invalid != "" {
		parts = append(parts, "does not count: "+r.Invalid)
	}
	return strings.Join(parts, " · ")
}
