package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meshfocus/bench/congestion/table"
)

// drawLost draws the worst run behind each bar that ours has lost. Runs are played
// again for it: the same seed gives the same packets.
func (q *trial) drawLost(runs []table.Run) error {
	if err := os.MkdirAll(q.lost, 0o777); err != nil {
		return err
	}
	ours := controllers()[slices.IndexFunc(controllers(), func(c *controller) bool { return c.name == table.Ours })]
	for _, row := range table.Rows(runs) {
		if row.Verdicts[0].Word() != "LOST" {
			continue
		}
		worst := worstOf(runs, &row)
		all := scenes(q.interval)
		at := slices.IndexFunc(all, func(s scene) bool { return s.name == row.Case })
		again, err := (&play{controller: ours, scene: &all[at], seed: worst.Seed, varied: row.Varied, observe: true}).play(nil)
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%s, seed %d: %s is %.3g (bar %.3g, goal %.3g)", row.Title(), worst.Seed, row.Metric, worst.Get(row.Metric), row.Worst, row.Median)
		name := strings.NewReplacer(" ", "-", "%", "percent", "(", "", ")", "").Replace(row.Title()+" "+string(row.Metric)) + ".svg"
		name = filepath.Join(q.lost, name)
		if err := create(name, func(w *bufio.Writer) error { return table.Draw(w, title, &again) }); err != nil {
			return err
		}
		fmt.Printf("drawn: %s\n", name)
	}
	return nil
}

// worstOf gives the run of ours that is furthest on the wrong side of a goal. One in
// which there was nothing to measure is worse than any.
func worstOf(runs []table.Run, row *table.Row) *table.Run {
	badness := func(r *table.Run) float64 {
		switch v := r.Get(row.Metric); {
		case math.IsNaN(v):
			return math.Inf(1)
		case row.Least:
			return -v
		default:
			return v
		}
	}
	var worst *table.Run
	for i := range runs {
		r := &runs[i]
		if r.Controller == table.Ours && r.Case == row.Case && r.Varied == row.Varied && (worst == nil || badness(r) > badness(worst)) {
			worst = r
		}
	}
	return worst
}
