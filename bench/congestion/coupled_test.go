package congestion

import (
	"math"
	"testing"
	"time"
)

func TestCoupled_PathsOfOneUplinkAreEqualAtOnce(t *testing.T) {
	t.Parallel()
	cases := Coupleds()
	for i := range cases {
		cases[i].Length = 12 * time.Second
		cases[i].Judged.To = cases[i].Length
	}
	coupled, blind := cases[0].Run(1), cases[1].Run(1)
	if again := cases[0].Run(1); again.Hash != coupled.Hash {
		t.Error("the same seed gives other packets")
	}
	if fair := coupled.Get(Fairness); fair < 0.99 {
		t.Errorf("Jain's index is %v, blind %v", fair, blind.Get(Fairness))
	}
	if used := coupled.Get(Utilisation); used < 0.8 {
		t.Errorf("%v of the uplink is used", used)
	}
	if math.Abs(1-coupled.Get(Fairness)) > math.Abs(1-blind.Get(Fairness)) {
		t.Errorf("Jain's index is %v, blind %v", coupled.Get(Fairness), blind.Get(Fairness))
	}
	for _, g := range CoupledGoals() {
		if math.IsNaN(coupled.Get(g.Metric)) {
			t.Errorf("%s is not measured", g.Metric)
		}
	}
}
