package congestion

import (
	"math"
	"slices"
)

// Goal is what a case has to come to: the median of all seeds clears Median, the
// worst seed clears Worst. Below zero is no demand.
type Goal struct {
	Case   string  `json:"case"`
	Metric Metric  `json:"metric"`
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
	// Least says that more is better.
	Least bool `json:"least"`
}

// open is no demand: no metric falls below zero.
const open = -1

// wants is the goals of one case.
type wants struct {
	name  string
	goals []Goal
}

func least(m Metric, median, worst float64) Goal {
	return Goal{Metric: m, Median: median, Worst: worst, Least: true}
}

func most(m Metric, median, worst float64) Goal { return Goal{Metric: m, Median: median, Worst: worst} }

// collapse is the rule for every case but the outage, unless it has a stricter one of
// its own: never more than 2 % lost to a queue over ten seconds, never a freeze of more
// than a second.
func collapse() []Goal { return []Goal{most(LossBurst, 2, 5), most(Longest, 1, 3)} }

// variableGoals is those of 5.1.
func variableGoals() []Goal {
	return []Goal{
		least(Utilisation, 0.95, 0.93), most(Queue95, 35, 50), most(Queue99, 70, 130), most(Loss, 0.10, 0.14),
		most(StartUp, 1.0, 2), most(FirstRise, 1.5, 3.4), most(SecondRise, 2.0, 5), most(Drain, 0.8, 1.5),
	}
}

// Goals gives the demands on all cases, in the order of Cases. Those of Repeats have
// the rule about collapse alone.
func Goals() []Goal {
	share := []Goal{least(ShareOfTCP, 0.8, 0.75), most(ShareOfTCP, 1.1, 1.2), most(Emptied, 3, 3)}
	// Nothing is to be seen of a process that stands for a part of the time.
	ample := []Goal{least(Utilisation, 0.99, 0.97), most(BelowLong, 0, 2)}
	marked := variableGoals()
	marked[3] = most(Loss, 0, 0)
	of := []wants{
		{"5.1", variableGoals()},
		{"5.2", []Goal{least(Utilisation, 0.97, 0.95), least(Fairness, 0.995, 0.99), most(Queue95, 45, 58)}},
		{"5.3", []Goal{least(Utilisation, 0.97, 0.94), most(Queue95, 40, open)}},
		{"5.4", []Goal{least(Utilisation, 0.97, 0.96), least(Fairness, 0.998, 0.995), most(Queue95, 40, 49)}},
		{"5.5", []Goal{least(Utilisation, 0.97, 0.95), least(Fairness, 0.99, 0.985), most(Queue95, 40, 49)}},
		{"5.6", share},
		{"5.6 deep", share},
		{"5.7", []Goal{least(MediaRate, 1000, 750), least(Fairness, 0.99, 0.98), most(Loss, 1.5, 2)}},
		{"5.8", []Goal{
			least(Utilisation, 0.97, 0.96), least(Fairness, 0.998, 0.995), most(Queue95, 40, 49), most(Resumed, 1.5, open),
		}},
		{"6.1", nil}, // shares are shown; what weights should come to nobody has said
		{"6.2", marked},
		{"6.3", []Goal{least(LongShare, 0.5, 0.5)}},
		{"wide", []Goal{least(Utilisation, 0.95, 0.90), most(Queue95, 40, 55)}},
		{"jitter", []Goal{least(Utilisation, 0.95, 0.92), most(Queue95, 40, 54)}},
		{"still", variableGoals()},
		{"loss2", []Goal{least(Utilisation, 0.93, 0.85), most(Queue95, 40, open)}},
		{"burst", []Goal{least(Utilisation, 0.90, 0.80), most(Queue95, 40, open)}},
		{"short", []Goal{least(Utilisation, 0.96, 0.95), most(Loss, 0.2, 1)}},
		{"bloat", []Goal{least(Utilisation, 0.95, open), most(Queue95, 40, 70), most(Queue99, 100, 140)}},
		{"high rate", []Goal{least(Utilisation, 0.98, 0.98), most(StartUp, 2, 5)}},
		{"route change", []Goal{least(Utilisation, 0.98, 0.98)}},
		{"skew fast", []Goal{least(Utilisation, 0.95, 0.94)}},
		{"skew slow", []Goal{least(Utilisation, 0.95, 0.94)}},
		{"feedback loss", []Goal{least(Utilisation, 0.94, 0.90)}},
		{"feedback shape", nil},
		{"outage", []Goal{most(FirstRise, 1, 3)}},
		{"slow start", nil},
		{"trace", nil},
		{"starved 10", ample}, {"starved 30", ample}, {"starved 60", ample}, {"late", ample},
		{"starved full", []Goal{least(Utilisation, 0.95, 0.93), most(Queue95, 75, 130)}},
		{"wild", []Goal{least(Utilisation, open, open), most(Queue95, open, open), most(Queue99, open, open), most(Loss, open, open)}},
	}
	for _, c := range Repeats() {
		if !c.Wild {
			of = append(of, wants{c.Name, nil})
		}
	}
	return gather(of)
}

// gather names the cases of goals, and adds the rule about collapse.
func gather(of []wants) (all []Goal) {
	for _, w := range of {
		goals := w.goals
		for _, rule := range collapse() {
			own := slices.ContainsFunc(w.goals, func(g Goal) bool { return g.Metric == rule.Metric })
			if w.name != "outage" && !own {
				goals = append(slices.Clip(goals), rule)
			}
		}
		for _, g := range goals {
			g.Case = w.name
			all = append(all, g)
		}
	}
	return all
}

// Verdict is what became of a goal.
type Verdict struct {
	Goal
	// Got and WorstGot are the median and the worst of Seeds runs.
	Got      float64 `json:"got"`
	WorstGot float64 `json:"worstGot"`
	Seeds    int     `json:"seeds"`
	// Reached: the median clears its figure. Held: so does the worst.
	Reached bool `json:"reached"`
	Held    bool `json:"held"`
}

// Judge holds results against all goals of the cases that were played. What a run
// did not measure fails.
func Judge(results []Result) []Verdict {
	var verdicts []Verdict
	for _, g := range slices.Concat(Goals(), SimulcastGoals(), CoupledGoals()) {
		var values []float64
		for i := range results {
			if results[i].Case == g.Case {
				values = append(values, results[i].Get(g.Metric))
			}
		}
		if len(values) > 0 {
			verdicts = append(verdicts, g.judge(values))
		}
	}
	return verdicts
}

// judge takes at least one value.
func (g Goal) judge(values []float64) Verdict {
	slices.Sort(values) // NaN first
	v := Verdict{Goal: g, Seeds: len(values), Got: median(values), WorstGot: values[len(values)-1]}
	if g.Least || math.IsNaN(values[0]) {
		v.WorstGot = values[0]
	}
	v.Reached = g.clears(v.Got, g.Median)
	v.Held = g.clears(v.WorstGot, g.Worst)
	return v
}

// median takes sorted values.
func median(values []float64) float64 {
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// clears holds a value against a figure.
func (g Goal) clears(value, figure float64) bool {
	switch {
	case figure < 0:
		return true
	case g.Least:
		return value >= figure
	}
	return value <= figure
}
