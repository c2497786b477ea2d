package report

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// same makes rounds of ours with one figure.
func same(m Metric, values ...float64) (all []Round) {
	for i, value := range values {
		all = append(all, Round{Scenario: "even", Rival: Ours, Number: i + 1, Figures: Figures{m: value}})
	}
	return all
}

func TestChanges_JudgeOnlyWhatIsSure(t *testing.T) {
	for _, c := range []struct {
		name        string
		metric      Metric
		before, now []float64
		want        Difference
	}{
		{"cheaper", CPUMicros, []float64{10, 10.1, 9.9, 10, 10.2}, []float64{8, 8.1, 7.9, 8, 8.2}, BetterNow},
		{"dearer", CPUMicros, []float64{8, 8.1, 7.9}, []float64{10, 10.1, 9.9}, WorseNow},
		{"more packets", PerSecond, []float64{8, 8.1, 7.9}, []float64{10, 10.1, 9.9}, BetterNow},
		{"noise", CPUMicros, []float64{10, 14, 6, 11, 9}, []float64{9, 13, 7, 12, 10}, Unsure},
		{"the same", CPUMicros, []float64{10, 10.01, 9.99}, []float64{10, 10.01, 9.99}, Same},
		{"sure, but a trifle", CPUMicros, []float64{10, 10, 10}, []float64{10.05, 10.05, 10.05}, Same},
		{"two rounds", CPUMicros, []float64{10, 10}, []float64{5, 5}, FewRounds},
		{"none before, none now", Loss, []float64{0, 0, 0}, []float64{0, 0, 0}, Same},
		{"none before", Loss, []float64{0, 0, 0}, []float64{1, 1, 1}, Unsure},
	} {
		got := Changes(same(c.metric, c.before...), same(c.metric, c.now...))
		if len(got) != 1 || got[0].Verdict != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
	if got := Changes(same(Sent, 1, 2, 3), same(Sent, 4, 5, 6)); len(got) != 0 {
		t.Errorf("a figure that has no better is compared: %+v", got)
	}
	invalid := same(CPUMicros, 1, 1, 1)
	for i := range invalid {
		invalid[i].Invalid = "disturbed"
	}
	if got := Changes(invalid, same(CPUMicros, 2, 2, 2)); len(got) != 0 {
		t.Errorf("rounds that do not count are compared: %+v", got)
	}
}

// Whatever the rounds, what is compared with itself is neither better nor worse.
func TestChanges_OfTheSameRoundsAreNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 1, 12).Draw(t, "values")
		for _, c := range Changes(same(CPUMicros, values...), same(CPUMicros, values...)) {
			if c.Verdict == BetterNow || c.Verdict == WorseNow || math.IsNaN(c.Ratio.Low+c.Ratio.High) {
				t.Fatalf("%+v", c)
			}
		}
	})
}

func TestPrintChanges_TellsWhatIsWorse(t *testing.T) {
	var out strings.Builder
	if err := PrintChanges(&out, Changes(same(P99Micros, 8000, 8000, 8000), same(P99Micros, 10_000, 10_000, 10_000))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99 ms", "8.00", "10.00", "1.250", "worse", "0 better, 1 worse"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
}

func TestMeanings_AreOneForEach(t *testing.T) {
	seen, says := make(map[Metric]bool), make(map[string]bool)
	for _, m := range Meanings() {
		if seen[m.Metric] || says[m.Says] || m.Times == 0 {
			t.Errorf("%+v", m)
		}
		seen[m.Metric], says[m.Says] = true, true
	}
}

func TestTarget_Agrees(t *testing.T) {
	target := Target{Says: "cheap", Scenario: "even", Of: micros, Goal: 5, Least: 10}
	for _, c := range []struct {
		name        string
		before, now []float64
		want        Agreement
	}{
		{"both reach it", []float64{3, 3, 3}, []float64{4, 4, 4}, Agree},
		{"one reaches it, and each is sure", []float64{3, 3, 3}, []float64{7, 7, 7}, Differ},
		{"one reaches it, and may be wrong", []float64{3, 3, 3}, []float64{4, 6, 7}, Waver},
		{"two rounds", []float64{3, 3, 3}, []float64{7, 7}, Waver},
		{"one has not measured it", []float64{3, 3, 3}, nil, OnlyOne},
		{"nobody has", nil, nil, ""},
	} {
		if got, words := target.Agrees(same(CPUMicros, c.before...), same(CPUMicros, c.now...)); got != c.want {
			t.Errorf("%s: %q (%q), want %q", c.name, got, words, c.want)
		}
	}
}
