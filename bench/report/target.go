package report

// Target is a line of what is to be reached: a figure of ours, or its ratio to
// a rival's.
type Target struct {
	Says     string
	Scenario string
	Against  string // a rival; "" for the figure itself
	Of       Of
	Unit     string // of the figure itself
	// Goal and Least bound the value from above, or from below if More.
	Goal, Least float64
	More        bool
	// Base: the value is the ratio to ours in another scenario, rounds paired.
	Base string
}

// Verdict says what came of a target.
type Verdict string

// The verdicts.
const (
	Reached    Verdict = "goal"
	Enough     Verdict = "at least"
	Missed     Verdict = "missed"
	Unmeasured Verdict = "not measured"
)

// Judge gives the value of a target and what came of it.
func (t Target) Judge(rounds []Round) (Estimate, Verdict) {
	var e Estimate
	switch {
	case t.Base != "":
		e = across(rounds, t.Scenario, t.Base, t.Of)
	case t.Against != "":
		e = Ratio(rounds, t.Scenario, t.Against, t.Of)
	default:
		e = Figure(rounds, t.Scenario, Ours, t.Of)
	}
	if e.Rounds == 0 {
		return e, Unmeasured
	}
	switch {
	case t.keeps(e.Median, t.Goal):
		return e, Reached
	case t.keeps(e.Median, t.Least):
		return e, Enough
	}
	return e, Missed
}

// Sure reports whether the interval lies on one side of each bound, as the median does:
// rounds drawn again would say the same. A few rounds are never sure.
func (t Target) Sure(e Estimate) bool {
	one := func(bound float64) bool { return t.keeps(e.Low, bound) == t.keeps(e.High, bound) }
	return e.Rounds >= LeastRounds && one(t.Goal) && one(t.Least)
}

// Sure reports whether rounds of one scenario tell all that is to be reached in it: those
// of other scenarios, and ratios between two, are not asked of them.
func Sure(rounds []Round) bool {
	for _, t := range Targets() {
		if e, verdict := t.Judge(rounds); verdict != Unmeasured && !t.Sure(e) {
			return false
		}
	}
	return true
}

// Word is a verdict as it is shown: with a doubt where it is not sure.
func (t Target) Word(e Estimate, v Verdict) string {
	if v == Unmeasured || t.Sure(e) {
		return string(v)
	}
	return string(v) + ", unsure"
}

func (t Target) keeps(value, bound float64) bool {
	if t.More {
		return value >= bound
	}
	return value <= bound
}

// across gives the estimate of ours in one scenario to ours in another.
func across(rounds []Round, scenario, base string, of Of) Estimate {
	renamed := make([]Round, 0, len(rounds))
	for _, r := range rounds {
		switch {
		case r.Rival != Ours:
		case r.Scenario == scenario:
			renamed = append(renamed, r)
		case r.Scenario == base:
			r.Scenario, r.Rival = scenario, base
			renamed = append(renamed, r)
		}
	}
	return Ratio(renamed, scenario, base, of)
}

// The figures.
func micros(r Round) (float64, bool)    { return r.Has(CPUMicros) }
func perSecond(r Round) (float64, bool) { return r.Figures[PerSecond] / 1000, r.Figures[PerSecond] > 0 }
func perProcessor(r Round) (float64, bool) { // parties share the second core
	return 1e6 / r.Figures[CPUMicros], r.Figures[PerSecond] > 0 && r.Figures[CPUMicros] > 0
}

// By gives the figure of a metric, where it was measured.
func By(m Metric) Of { return func(r Round) (float64, bool) { return r.Has(m) } }

// few stands for none: what connections allocate that carry nothing is taken
// off, and of some two thousand a second that is uncertain by a hundred or two,
// beside a hundred thousand packets.
const few = 0.005

// Targets gives what is to be reached.
func Targets() []Target {
	return []Target{
		{Says: "CPU per packet, 1 → 50, 100 k/s, even", Scenario: "even", Against: "livekit", Of: micros, Goal: 0.36, Least: 0.40},
		{Says: "CPU per packet, 100 k/s, tick off", Scenario: "at-once", Against: "livekit", Of: micros, Goal: 0.36, Least: 0.40},
		{Says: "CPU per packet, bursts of 8", Scenario: "bursts", Against: "livekit", Of: micros, Goal: 0.28, Least: 0.33},
		{Says: "CPU per packet against Janus, 100 k/s", Scenario: "even", Against: "janus", Of: micros, Goal: 0.20, Least: 0.22},
		{Says: "CPU per packet, 12.5 k/s (1 → 50 at 250/s)", Scenario: "slow", Against: "livekit", Of: micros, Goal: 0.45, Least: 0.50},
		{Says: "CPU per packet, meeting 8 × 8 at 250/s each", Scenario: "meeting", Against: "livekit", Of: micros, Goal: 0.30, Least: 0.40},
		{Says: "CPU per packet, AES_CM, 100 k/s", Scenario: "cm", Against: "livekit", Of: micros, Goal: 0.47, Least: 0.50},
		{Says: "packets/s of one core, loss ≤ 0.1 %", Scenario: "core", Of: perSecond, Unit: "k", Goal: 600, Least: 550, More: true},
		{Says: "packets/s of one core, against LiveKit", Scenario: "core", Against: "livekit", Of: perSecond, Goal: 2.4, Least: 2.2, More: true},
		{Says: "packets/s of a second core", Scenario: "cores", Base: "core", Of: perSecond, Goal: 1.8, Least: 1.6, More: true},
		{Says: "packets/s of a second core's time", Scenario: "cores", Base: "core", Of: perProcessor, Goal: 0.9, Least: 0.8, More: true},
		{Says: "added latency p99, 100 k/s, tick off", Scenario: "at-once", Against: "livekit", Of: By(P99Micros), Goal: 0.3, Least: 0.5},
		{Says: "added latency p99, 100 k/s, as it comes", Scenario: "even", Against: "livekit", Of: By(P99Micros), Goal: 0.3, Least: 0.5},
		{Says: "memory per subscriber", Scenario: "memory", Of: By(MemoryKB), Unit: "kB", Goal: 375, Least: 500},
		{Says: "allocations per forwarded packet", Scenario: "even", Of: By(Allocations), Goal: few, Least: few},
	}
}
