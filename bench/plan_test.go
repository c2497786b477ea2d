package bench_test

import (
	"math"
	"os"
	"testing"

	"meshfocus/bench/congestion"
	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
	"meshfocus/internal/unit"
	"meshfocus/mesh/plan"
)

// How far a plan is off what was measured (docs/plan.md): its two rates are measured
// as well, everything between them is not.
func TestPlan_IsCloseToWhatWasMeasured(t *testing.T) {
	file, err := os.Open("../docs/bench/forward.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, rounds, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, most := range map[string]float64{"even": 0.05, "slow": 0.05, "meeting": 0.15, "layers": 0.15, "lossy": 0.25} {
		book, err := scenario.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		measured := report.Figure(rounds, name, report.Ours, report.By(report.CPUMicros))
		_, planned := plan.Forwarding(book.Total())
		off := planned/measured.Median - 1
		t.Logf("%s: %.0f packets a second take %.2f µs each, planned %.2f: %+.0f %%", name, book.Total(), measured.Median, planned, 100*off)
		if measured.Rounds == 0 || math.Abs(off) > most {
			t.Errorf("%s is planned %+.0f %% off", name, 100*off)
		}
	}
}

// Four peers, one and three on an upload of 2 Mbit/s, as the estimator shares it.
func TestPlan_SharesAnUploadAsTheEstimatorDoes(t *testing.T) {
	simulated := congestion.Coupleds()[0].Run(1)
	used := simulated.Get(congestion.Utilisation)
	c := plan.Call{Layers: []unit.BitRate{60 * unit.Kilobit, 2500 * unit.Kilobit}, Sound: 20 * unit.Kilobit}
	for range 5 {
		c.People = append(c.People, plan.Person{Up: 2 * unit.Megabit, Down: 100 * unit.Megabit})
	}
	planned := float64(c.Mesh().Up[0]) / 2e6
	t.Logf("%.3f of the upload is used, planned %.3f: %+.1f %%", used, planned, 100*(planned/used-1))
	if math.Abs(planned/used-1) > 0.05 {
		t.Errorf("%.3f of the upload is used, planned were %.3f", used, planned)
	}
}
