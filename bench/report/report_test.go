package report

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogram_TellsQuantilesToThreePercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histogram
		d := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "duration"))
		h.Add(d)
		got := h.Quantile(0.99)
		if got < d.Truncate(time.Microsecond) || float64(got) > float64(d)*(1+1.0/fine)+2000 {
			t.Fatalf("%v is told as %v", d, got)
		}
	})
}

// TestHistogram_TellsTheMiddleOfABucket: even ones that share buckets of 128 µs.
func TestHistogram_TellsTheMiddleOfABucket(t *testing.T) {
	var h Histogram
	for micros := 4800; micros <= 5200; micros++ {
		h.Add(time.Duration(micros) * time.Microsecond)
	}
	if off := (h.Quantile(0.5) - 5*time.Millisecond).Abs(); off > 20*time.Microsecond {
		t.Errorf("the median of 4.8 to 5.2 ms is %v", h.Quantile(0.5))
	}
}

func TestHistogram_CountsWhatIsShort(t *testing.T) {
	var h Histogram
	for i := range 100 {
		h.Add(time.Duration(i) * time.Millisecond)
	}
	early := h.Clone()
	if got := h.Quantile(0.5); got < 49*time.Millisecond || got > 52*time.Millisecond {
		t.Errorf("the median of 0 to 99 ms is %v", got)
	}
	h.Add(time.Hour)
	late := h.Since(early)
	if late.Count() != 1 || late.Quantile(0.5) < time.Hour {
		t.Errorf("after the clone %d came, median %v", late.Count(), late.Quantile(0.5))
	}
	if got := (&Histogram{}).Quantile(0.99); got != 0 {
		t.Errorf("nothing has a quantile of %v", got)
	}
}

// rounds makes rounds of processor times, ours and a rival's by turns.
func rounds(ours, theirs []float64) (all []Round) {
	for i := range ours {
		all = append(all, Round{Scenario: "even", Rival: Ours, Number: i + 1, Figures: Figures{Forwarded: 1, CPUMicros: ours[i]}})
	}
	for i := range theirs {
		all = append(all, Round{Scenario: "even", Rival: "livekit", Number: i + 1, Figures: Figures{Forwarded: 1, CPUMicros: theirs[i]}})
	}
	return all
}

func TestRatio_ComparesRoundsThatWereNeighbours(t *testing.T) {
	// The machine slows down by half, which no ratio sees.
	all := rounds([]float64{1, 2, 4}, []float64{4, 8, 16})
	if got := Ratio(all, "even", "livekit", micros); got.Median != 0.25 || got.Low != 0.25 || got.High != 0.25 || got.Rounds != 3 {
		t.Errorf("%+v, want a quarter in all three", got)
	}
	all[1].Invalid = "disturbed"
	if got := Ratio(all, "even", "livekit", micros); got.Rounds != 2 {
		t.Errorf("%d rounds count, want the two that are valid", got.Rounds)
	}
	if got := Ratio(all, "even", "janus", micros); got.Rounds != 0 {
		t.Errorf("%+v against nobody", got)
	}
}

func TestEstimate_IsAsWideAsItsRoundsAreApart(t *testing.T) {
	narrow, wide := estimate([]float64{10, 10, 10.1, 9.9, 10}), estimate([]float64{10, 14, 6, 11, 9})
	if narrow.High-narrow.Low > 0.2 || wide.High-wide.Low < 2 {
		t.Errorf("narrow %+v, wide %+v", narrow, wide)
	}
	if again := estimate([]float64{10, 14, 6, 11, 9}); again != wide {
		t.Errorf("the same rounds come to %+v and %+v", wide, again)
	}
}

func TestTarget_Judges(t *testing.T) {
	cost := Target{Scenario: "even", Against: "livekit", Of: micros, Goal: 0.36, Least: 0.40}
	more := Target{Scenario: "core", Of: perSecond, Goal: 600, Least: 550, More: true}
	second := Target{Scenario: "cores", Base: "core", Of: perSecond, Goal: 1.8, Least: 1.6, More: true}
	core := func(scenario string, perSecond float64) Round {
		return Round{Scenario: scenario, Rival: Ours, Number: 1, Figures: Figures{PerSecond: perSecond}}
	}
	for _, c := range []struct {
		name   string
		target Target
		rounds []Round
		want   Verdict
	}{
		{"the goal", cost, rounds([]float64{1.4}, []float64{4}), Reached},
		{"on the goal", cost, rounds([]float64{0.36}, []float64{1}), Reached},
		{"at least", cost, rounds([]float64{1.56}, []float64{4}), Enough},
		{"missed", cost, rounds([]float64{2}, []float64{4}), Missed},
		{"nothing of theirs", cost, rounds([]float64{2}, nil), Unmeasured},
		{"more is better", more, []Round{core("core", 610_000)}, Reached},
		{"less is worse", more, []Round{core("core", 500_000)}, Missed},
		{"against one core", second, []Round{core("core", 500_000), core("cores", 850_000)}, Enough},
		{"against no core", second, []Round{core("cores", 850_000)}, Unmeasured},
	} {
		if e, got := c.target.Judge(c.rounds); got != c.want {
			t.Errorf("%s: %s of %+v, want %s", c.name, got, e, c.want)
		}
	}
}

func TestTarget_IsSureWhereTheIntervalIs(t *testing.T) {
	less, more := Target{Goal: 1, Least: 2}, Target{Goal: 2, Least: 1, More: true}
	for _, c := range []struct {
		name   string
		target Target
		e      Estimate
		want   bool
	}{
		{"all of it reaches the goal", less, Estimate{0.8, 0.7, 0.9, 5}, true},
		{"some does not", less, Estimate{0.8, 0.7, 1.1, 5}, false},
		{"at least, all of it", less, Estimate{1.5, 1.1, 1.9, 5}, true},
		{"some misses", less, Estimate{1.5, 1.1, 2.1, 5}, false},
		{"all misses", less, Estimate{3, 2.1, 4, 5}, true},
		{"more is better", more, Estimate{3, 2.1, 4, 5}, true},
		{"more is better, some does not reach it", more, Estimate{3, 1.9, 4, 5}, false},
		{"two rounds", less, Estimate{0.8, 0.7, 0.9, 2}, false},
	} {
		if got := c.target.Sure(c.e); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := less.Word(Estimate{0.8, 0.7, 1.1, 5}, Reached); got != "goal, unsure" {
		t.Errorf("%q", got)
	}
}

func TestSure_AsksWhatTheScenarioTells(t *testing.T) {
	slow := func(ours ...float64) (rounds []Round) {
		for i, micros := range ours {
			for name, cpu := range map[string]float64{Ours: micros, "livekit": 20} {
				rounds = append(rounds, Round{Scenario: "slow", Rival: name, Number: i + 1, Figures: Figures{CPUMicros: cpu}})
			}
		}
		return rounds
	}
	for _, c := range []struct {
		name   string
		rounds []Round
		want   bool
	}{
		{"all within the goal", slow(8, 8.1, 8.2), true},
		{"across a bound", slow(8, 9.5, 8.2), false},
		{"two rounds", slow(8, 8), false},
		{"a scenario of which nothing is asked", []Round{{Scenario: "smoke", Rival: Ours, Number: 1, Figures: Figures{CPUMicros: 1}}}, true},
	} {
		if got := Sure(c.rounds); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTargets_AreBoundedTheRightWayRound(t *testing.T) {
	for _, target := range Targets() {
		if target.More != (target.Goal > target.Least) && target.Goal != target.Least {
			t.Errorf("%s: goal %v, at least %v", target.Says, target.Goal, target.Least)
		}
	}
}

func TestRead_ReadsWhatWasWritten(t *testing.T) {
	var file bytes.Buffer
	machine := Machine{Machine: "two cores", Place: "loopback", Began: "2026-11-21T22:00:00Z", Cases: []Case{{Name: "even", Kind: "cost"}}}
	round := Round{At: "2026-11-21T22:00:00Z", Scenario: "even", Rival: Ours, Version: "1", Number: 1, Figures: Figures{UserMicros: 1.5, Allocations: 0, Loss: 0.25}, Spread: []Point{{0.5, 12}}}
	end := End{End: "2026-11-21T22:01:00Z", Stopped: true, Load: "1.50"}
	for _, value := range []any{machine, round, end} {
		if err := Write(&file, value); err != nil {
			t.Fatal(err)
		}
	}
	machine.End = &end
	machines, all, err := Read(&file)
	if err != nil || len(machines) != 1 || !reflect.DeepEqual(machines[0], machine) || len(all) != 1 || !reflect.DeepEqual(all[0], round) {
		t.Errorf("read %v and %v, %v", machines, all, err)
	}
	for _, text := range []string{"{", "{}\n", "[]"} {
		if _, _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// However much of a file there is, whole lines are read and the rest is told of.
func TestRead_TakesWhatIsWholeOfARunThatWasKilled(t *testing.T) {
	var file bytes.Buffer
	for _, value := range []any{Machine{Machine: "two cores", Began: "2026-11-21T22:00:00Z"}, Round{Scenario: "even", Rival: Ours}, Round{Scenario: "bursts", Rival: Ours}} {
		if err := Write(&file, value); err != nil {
			t.Fatal(err)
		}
	}
	text := file.String()
	first, second := strings.Index(text, "\n")+1, strings.LastIndex(text[:len(text)-1], "\n")+1
	for length := range len(text) {
		machines, all, err := Read(strings.NewReader(text[:length]))
		if length > 0 && length < first-1 {
			if err == nil {
				t.Errorf("of the first line %q was read", text[:length])
			}
			continue
		}
		if length == 0 {
			continue
		}
		whole := strings.Count(text[:length], "\n") - 1
		if length == first-1 || length == second-1 || length == len(text)-1 {
			whole++ // but for its end
		}
		cut := length != first-1 && length != first && length != second-1 && length != second && length != len(text)-1
		if err != nil || len(all) != max(whole, 0) || machines[0].Cut != cut || machines[0].Incomplete() == "" {
			t.Fatalf("of %d bytes %d rounds, want %d; %+v, %v", length, len(all), whole, machines, err)
		}
	}
	if _, _, err := Read(strings.NewReader(text[:second-5] + "\n" + text[second:])); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line in the middle: %v", err)
	}
}

func TestRead_TakesLongLines(t *testing.T) {
	r := Round{Scenario: "call", Rival: Ours, Course: map[string][]Point{"loss %": make([]Point, 50_000)}}
	var file bytes.Buffer
	if err := Write(&file, r); err != nil {
		t.Fatal(err)
	}
	if _, all, err := Read(&file); err != nil || len(all) != 1 || len(all[0].Course["loss %"]) != 50_000 {
		t.Errorf("%d rounds, %v", len(all), err)
	}
}

func TestMerge_PairsNobodyOfTwoRuns(t *testing.T) {
	first, second := rounds([]float64{1, 1}, []float64{2, 2}), rounds([]float64{3}, []float64{4})
	other := Round{Scenario: "core", Rival: Ours, Number: 1}
	all := Merge(Merge(nil, first), append(second, other))
	if got := Ratio(all, "even", "livekit", micros); got.Rounds != 3 {
		t.Errorf("%d pairs, want 3", got.Rounds)
	}
	if last := all[len(all)-1]; !reflect.DeepEqual(last, other) || all[4].Number != 3 {
		t.Errorf("%+v", all)
	}
}

func TestPrint_TellsEveryTarget(t *testing.T) {
	var table strings.Builder
	all := rounds([]float64{1.4, 1.5, 1.3}, []float64{4, 4, 4})
	all = append(all, Round{Scenario: "even", Rival: "janus", Number: 1, Invalid: "it fell over"})
	for i := range all {
		all[i].Version = "1"
		all[i].set(Others, 0.3)
		if all[i].Rival == Ours {
			all[i].Negotiated = "nack rtx"
		}
	}
	if err := (Sheet{Machines: []Machine{{Machine: "two cores", Place: "loopback"}}, Rounds: all, Targets: Targets()}).Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"two cores", "0.35 × livekit", "goal", "not measured", "it fell over", "1.30–1.50", "others had 30 %", "ours: 1, with nack rtx\n", "livekit: 1\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}

func FuzzRead_NeverFailsOtherwise(f *testing.F) {
	f.Add([]byte(`{"machine":"a"}` + "\n" + `{"scenario":"even","user_us":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		machines, all, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		s := Sheet{Machines: machines, Rounds: all, Targets: Targets()}
		if err := errors.Join(s.Print(io.Discard), s.CSV(io.Discard), s.JUnit(io.Discard)); err != nil {
			t.Error(err)
		}
		for _, target := range Targets() {
			if e, _ := target.Judge(all); math.IsNaN(e.Median) {
				t.Error("a median that is no number")
			}
		}
	})
}

func TestFigure_OfTwoIsTheirMean(t *testing.T) {
	rounds := []Round{
		{Scenario: "a", Rival: "x", Figures: Figures{JoinMillis: 10}}, {Scenario: "a", Rival: "x", Figures: Figures{JoinMillis: 30}},
	}
	if got := Figure(rounds, "a", "x", By(JoinMillis)); got.Median != 20 || got.Rounds != 2 {
		t.Errorf("%+v", got)
	}
}

func TestCalibration_SaysWhatIsNotTheServers(t *testing.T) {
	rounds := []Round{
		{Scenario: "even", Rival: Ours, Number: 1, Figures: Figures{P50Micros: 460}},
		{Scenario: "even", Rival: Null, Number: 1, Figures: Figures{P50Micros: 200, LateMicros: 50, GeneratorMicros: 1.5}},
		{Scenario: "slow", Rival: Ours, Number: 1, Figures: Figures{P50Micros: 300}},
		{Scenario: "slow", Rival: Null, Number: 1, Invalid: "late", Figures: Figures{P50Micros: 900}},
	}
	text := strings.Join(Calibration(rounds), "\n")
	for _, want := range []string{"even: 0.20 ms of every p50", "late by 0.05 ms", "1.50 µs", "ours: 0.46 ms, 0.20 of it not its own"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "slow") {
		t.Errorf("a round that does not count counts:\n%s", text)
	}
}
