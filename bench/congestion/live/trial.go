package live

import (
	"math"
	"slices"
	"testing"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/bubble"
	"meshfocus/internal/browser"
)

// Trial is a case that is played both ways.
type Trial struct {
	// Name and About are for the table; Word is that on the command line.
	Name, About, Word string
	// Simulate plays it in simulated time with a seed, Play in real time, with a browser
	// of its own. Both give curves.
	Simulate func(t *testing.T, seed uint64) congestion.Result
	Play     func(t testing.TB, seed uint64) Outcome
	// Judged: what differs by more than is allowed is a fault. Itself, if there is one,
	// plays it in real time without us.
	Judged bool
	// Named: it is played when it is asked for by name alone.
	Named  bool
	Itself func(t testing.TB, seed uint64) Outcome
}

// Trials gives all there are, with times divided by faster.
func Trials(faster int) []Trial {
	single, _ := congestion.Find("browser") // 5.1 with reports as often as browsers send them
	single = single.Faster(faster)
	layers := layered("S1", faster)
	rates, _ := congestion.LayerRates()
	flat := layers.Flat(rates[0] + rates[1] + rates[2])
	trials := []Trial{
		{
			Judged: true, Name: "5.1 to Chromium", Word: "5.1-to", About: "a source that follows our estimate; the same in simulation",
			Simulate: func(_ *testing.T, seed uint64) congestion.Result {
				return congestion.Observe(single, seed, congestion.Ours)
			},
			Play: func(t testing.TB, seed uint64) Outcome { return To(t, browser.Start(t), single, seed) },
		},
		layeredTo(layers),
		{
			Judged: true, Name: "5.1 from Chromium", Word: "5.1-from", About: "one encoding, libwebrtc's estimator; in simulation Pion's gcc",
			Simulate: withGCC(single),
			Play: func(t testing.TB, seed uint64) Outcome {
				return From(t, browser.Start(t, Camera(t, 640, 360)), single, false, seed)
			},
			Itself: func(t testing.TB, seed uint64) Outcome {
				return Itself(t, browser.Start(t, Camera(t, 640, 360), NoNames()), single, seed)
			},
		},
		{
			Judged: true, Name: "S1 from Chromium", Word: "S1-from", About: "three encodings, libwebrtc's estimator; in simulation Pion's gcc with one as large as all",
			Simulate: withGCC(flat),
			Play: func(t testing.TB, seed uint64) Outcome {
				return From(t, browser.Start(t, Camera(t, 960, 540)), flat, true, seed)
			},
		},
	}
	for _, name := range []string{"S2", "S3", "S5", "S6"} {
		trial := layeredTo(layered(name, faster))
		trial.Named = true
		trials = append(trials, trial)
	}
	return trials
}

// layered gives a simulcast case by name.
func layered(name string, faster int) congestion.Simulcast {
	all := congestion.Simulcasts()
	s := all[slices.IndexFunc(all, func(s congestion.Simulcast) bool { return s.Name == name })]
	s.Case = s.Case.Faster(faster)
	return s
}

// layeredTo is a simulcast case to Chromium.
func layeredTo(s congestion.Simulcast) Trial {
	return Trial{
		Judged: true, Name: s.Name + " to Chromium", Word: s.Name + "-to", About: "three layers, forwarded as they fit; the same in simulation",
		Simulate: func(_ *testing.T, seed uint64) congestion.Result { return s.Observe(seed) },
		Play:     func(t testing.TB, seed uint64) Outcome { return Layered(t, browser.Start(t), s, seed) },
	}
}

// withGCC plays a case with Pion's gcc, which libwebrtc's estimator is nearest to of
// those that can be simulated.
func withGCC(c congestion.Case) func(*testing.T, uint64) congestion.Result {
	return func(t *testing.T, seed uint64) (r congestion.Result) {
		bubble.Play(t, func(b *bubble.Bubble) { r = congestion.Observe(c, seed, b.GCC) })
		return r
	}
}

// Comparison is one figure of both.
type Comparison struct {
	Trial     string            `json:"trial"`
	Metric    congestion.Metric `json:"metric"`
	Simulated float64           `json:"simulated"`
	Real      float64           `json:"real"`
	// Allowed is by how much they may differ, relatively or not; 0: no matter.
	Allowed  float64 `json:"allowed,omitempty"`
	Relative bool    `json:"relative,omitempty"`
}

// Difference is real less simulated, or what that is of the simulated one.
func (c *Comparison) Difference() float64 {
	if c.Relative {
		return c.Real/c.Simulated - 1
	}
	return c.Real - c.Simulated
}

// Holds reports whether they differ by no more than is allowed.
func (c *Comparison) Holds() bool {
	d := c.Difference()
	return c.Allowed == 0 || d >= -c.Allowed && d <= c.Allowed
}

// What is compared; ±15 % utilisation and ±40 ms of queue are allowed.
var compared = []Comparison{
	{Metric: congestion.Utilisation, Allowed: 0.15, Relative: true},
	{Metric: congestion.Queue95, Allowed: 40},
	{Metric: congestion.QueueMedian}, {Metric: congestion.Queue99}, {Metric: congestion.Loss},
	{Metric: congestion.StartUp}, {Metric: congestion.FirstRise}, {Metric: congestion.SecondRise}, {Metric: congestion.Drain},
	{Metric: congestion.PaddingShare}, {Metric: congestion.FirstFrame}, {Metric: congestion.Frozen},
}

// Compare holds a run in real time against simulated ones, of which the median counts.
// What one of both does not tell is left out.
func (t *Trial) Compare(simulated []congestion.Result, real *congestion.Result) (all []Comparison) {
	for _, c := range compared {
		var values []float64
		for i := range simulated {
			values = append(values, simulated[i].Get(c.Metric))
		}
		slices.Sort(values) // NaN first
		if math.IsNaN(values[0]) || math.IsNaN(real.Get(c.Metric)) {
			continue
		}
		c.Trial, c.Simulated, c.Real = t.Name, values[len(values)/2], real.Get(c.Metric)
		all = append(all, c)
	}
	return all
}

// Held reports whether all hold.
func Held(all []Comparison) bool {
	return !slices.ContainsFunc(all, func(c Comparison) bool { return !c.Holds() })
}
