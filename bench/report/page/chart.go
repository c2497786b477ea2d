package page

import (
	"maps"
	"math"
	"slices"

	"meshfocus/bench/report"
)

// chart is what the page draws: curves of targets over one axis.
type chart struct {
	Title string `json:"title"`
	// Axis is what X is: "nines" is the part that does not exceed a value, as how many
	// nines it has; "seconds" the time; "rate" packets a second; "many" how many
	// take part.
	Axis string    `json:"axis"`
	Log  bool      `json:"log"` // of Y
	X    []float64 `json:"x"`
	// Notes names the points of X, where they have names; Lines are drawn through
	// points unless Apart.
	Notes []string `json:"notes,omitempty"`
	Apart bool     `json:"apart,omitempty"`
	Lines []curve  `json:"lines"`
}

// curve is a target's values, one for each X, null where there is none.
type curve struct {
	Name   string     `json:"name"`
	Colour int        `json:"colour"`
	Values []*float64 `json:"values"`
}

// most is where the axis of nines ends: what the largest of all is drawn at.
const most = 4.5

// curves gives those of a scenario: how latency spreads, and what there is over
// time.
func (p *sheet) curves(scenario string, names []string) (charts []chart) {
	spread := chart{Title: "latency by percentile, ms", Axis: "nines", Log: true}
	charts = p.add(charts, spread, names, func(name string) map[float64][]float64 {
		at := make(map[float64][]float64)
		for _, r := range p.Of(scenario, name) {
			for _, point := range r.Spread {
				if r.Invalid == "" {
					x := min(-math.Log10(max(1-point[0], 1e-9)), most)
					at[x] = append(at[x], point[1]/1000)
				}
			}
		}
		return at
	})
	for _, what := range p.courses(scenario) {
		charts = p.add(charts, chart{Title: what, Axis: "seconds"}, names, func(name string) map[float64][]float64 {
			at := make(map[float64][]float64)
			for _, r := range p.Of(scenario, name) {
				for _, point := range r.Course[what] {
					if r.Invalid == "" {
						x := math.Round(point[0]*2) / 2 // rounds do not look at the same instant
						at[x] = append(at[x], point[1])
					}
				}
			}
			return at
		})
	}
	return charts
}

// courses names what there is over time.
func (p *sheet) courses(scenario string) []string {
	names := make(map[string]bool)
	for _, r := range p.Rounds {
		for name := range r.Course {
			if r.Scenario == scenario && r.Invalid == "" {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// add adds a chart with the medians of what of gives for each target, if that is
// anything.
func (p *sheet) add(charts []chart, c chart, names []string, of func(name string) map[float64][]float64) []chart {
	all := make(map[string]map[float64][]float64)
	places := make(map[float64]bool)
	for _, name := range names {
		all[name] = of(name)
		for x := range all[name] {
			places[x] = true
		}
	}
	if len(places) < 2 {
		return charts
	}
	c.X = slices.Sorted(maps.Keys(places))
	for _, t := range p.named(names) {
		if len(all[t.Name]) == 0 {
			continue
		}
		line := curve{Name: t.Name, Colour: t.Colour}
		for _, x := range c.X {
			line.Values = append(line.Values, middle(all[t.Name][x]))
		}
		c.Lines = append(c.Lines, line)
	}
	return append(charts, c)
}

// middle is the median, nil of nothing.
func middle(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return &values[len(values)/2]
}

// along gives the first headline of a chapter against the rate, or how many take part;
// nil where its scenarios do not differ in that.
func (p *sheet) along(section report.Section) *chart {
	metrics := headlines[section.Kind]
	if len(metrics) == 0 {
		return nil
	}
	c := chart{Axis: "many"}
	place := func(c report.Case) float64 { return float64(c.Many) }
	if section.Kind == "cost" {
		c.Axis, place = "rate", func(c report.Case) float64 { return c.Rate }
	}
	cases := slices.DeleteFunc(slices.Clone(section.Cases), func(c report.Case) bool { return place(c) == 0 })
	slices.SortStableFunc(cases, func(a, b report.Case) int { return int(math.Copysign(1, place(a)-place(b))) })
	if len(cases) < 2 || place(cases[0]) == place(cases[len(cases)-1]) {
		return nil
	}
	meaning := report.MeaningOf(metrics[0])
	c.Title = meaning.Says + " by packets a second that leave the server; each point is a scenario"
	if c.Axis == "many" {
		c.Title = meaning.Says + " by how many take part; each point is a scenario"
	}
	for at, one := range cases {
		c.X, c.Notes = append(c.X, place(one)), append(c.Notes, one.Name)
		c.Apart = c.Apart || at > 0 && place(one) == place(cases[at-1])
	}
	for _, t := range p.targets {
		line, any := curve{Name: t.Name, Colour: t.Colour}, false
		for _, one := range cases {
			var value *float64
			if e := report.Figure(p.Rounds, one.Name, t.Name, report.By(meaning.Metric)); e.Rounds > 0 {
				shown := e.Median * meaning.Times
				value, any = &shown, true
			}
			line.Values = append(line.Values, value)
		}
		if any {
			c.Lines = append(c.Lines, line)
		}
	}
	return &c
}
