package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/table"
)

// resultOf is a run of the outage case with one figure.
func resultOf(controller string, seed uint64, m congestion.Metric, value float64) table.Run {
	return table.Run{Controller: controller, Result: congestion.Result{Case: "outage", Seed: seed, Figures: []congestion.Figure{{Metric: m, Value: value}}}}
}

func TestLost_TheWorstRunBehindALostBarIsDrawn(t *testing.T) {
	goal := outageGoal(t)
	far := map[bool]float64{true: 0, false: 1e6}[goal.Least]
	runs := []table.Run{
		resultOf(table.Ours, 1, goal.Metric, goal.Median), resultOf(table.Ours, 2, goal.Metric, far),
		resultOf(table.Ours, 3, goal.Metric, goal.Worst), resultOf("NADA", 4, goal.Metric, far*2-1),
	}
	q := trial{lost: filepath.Join(t.TempDir(), "pictures")}
	if err := q.drawLost(runs); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(q.lost)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d pictures: %v", len(files), err)
	}
	text, err := os.ReadFile(filepath.Join(q.lost, files[0].Name()))
	if err != nil || !bytes.Contains(text, []byte("outage, seed 2")) {
		t.Errorf("it is not of the worst: %v, %.300s", err, text)
	}
}

// outageGoal is a goal of the outage case with a bar.
func outageGoal(t *testing.T) congestion.Goal {
	t.Helper()
	for _, g := range congestion.Goals() {
		if g.Case == "outage" && g.Worst >= 0 {
			return g
		}
	}
	t.Fatal("the outage has no bar")
	return congestion.Goal{}
}
