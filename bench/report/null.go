package report

import (
	"fmt"
	"io"
	"slices"
)

// Null is the name of what is measured where there is next to no server.
const Null = "null"

// Calibration says in lines, one for each scenario in which Null was measured, how
// much of each target's latency is not the target's: what there is with next to no
// server between. It is not taken off any figure.
func Calibration(rounds []Round) (lines []string) {
	for _, key := range keys(rounds) {
		if key[1] != Null {
			continue
		}
		figure := func(rival string, m Metric) Estimate { return Figure(rounds, key[0], rival, By(m)) }
		base, late, cost := figure(Null, P50Micros), figure(Null, LateMicros), figure(Null, GeneratorMicros)
		if base.Rounds == 0 {
			continue
		}
		ms, micros := MeaningOf(P50Micros), MeaningOf(GeneratorMicros)
		lines = append(lines, fmt.Sprintf("%s: %s ms of every p50 are the generator's, the kernel's and a process' that wakes (null); bursts leave late by %s ms at p99, a packet takes %s µs of the generator's processor time",
			key[0], ms.Show(base.Median), MeaningOf(LateMicros).Show(late.Median), micros.Show(cost.Median)))
		for _, other := range keys(rounds) {
			if e := figure(other[1], P50Micros); other[0] == key[0] && other[1] != Null && e.Rounds > 0 {
				lines = append(lines, fmt.Sprintf("  %s: %s ms, %s of it not its own", other[1], ms.Show(e.Median), ms.Show(base.Median)))
			}
		}
	}
	return slices.Clip(lines)
}

// printCalibration writes it.
func printCalibration(w io.Writer, rounds []Round) {
	for _, line := range Calibration(rounds) {
		fmt.Fprintln(w, line)
	}
}
