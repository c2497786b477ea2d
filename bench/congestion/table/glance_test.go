package table

import (
	"testing"

	"meshfocus/bench/congestion"
)

// A case at a glance: medians of the schedule as it stands, and the worst verdict of
// all its goals.
func TestGlances_SayWhatTellsMost(t *testing.T) {
	runs := []Run{
		run(Ours, 1, false, 0.98), run(Ours, 2, false, 0.99), run(Ours, 3, false, 0.97), run(Ours, 1, true, 0.5),
		run("other", 1, false, 0.7),
	}
	runs[4].Figures = []congestion.Figure{{Metric: congestion.Utilisation, Value: 0.7}}
	seen := glances(runs, Rows(runs), map[string]string{"5.4": "three flows"})
	if len(seen) != 1 || seen[0].Name != "5.4" || seen[0].About != "three flows" || len(seen[0].Each) != 2 {
		t.Fatalf("%+v", seen)
	}
	if ours := seen[0].Each[0]; ours.Used != "0.98" || ours.Waited != "20 ms" || ours.Share != 98 || ours.Word != "LOST" {
		t.Errorf("ours is seen as %+v", ours)
	}
	if other := seen[0].Each[1]; other.Used != "0.7" || other.Waited != "–" || other.Class != "lost" {
		t.Errorf("the other is seen as %+v", other)
	}
}
