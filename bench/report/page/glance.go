package page

import (
	"fmt"

	"meshfocus/bench/report"
)

// headlines says by which figure scenarios of a kind are told at a glance, what it
// is called there, and how its values are shown.
var headlines = map[string][]report.Metric{
	"cost":     {report.CPUMicros},
	"capacity": {report.PerSecond},
	"memory":   {report.MemoryKB},
	"call":     {report.FirstFrameMillis, report.P99Micros},
	"mesh":     {report.ConnectedMillis},
	"messages": {report.P99Micros},
	"storm":    {report.JoinMillis},
}

// glance is a figure of all scenarios of a chapter, as bars.
type glance struct {
	Title  string
	Better string
	Groups []group
}

// group is a scenario's bars.
type group struct {
	Name, Says string
	Bars       []bar
}

// bar is a target's median: parts of a hundred of the longest, with its interval.
type bar struct {
	target
	Length, From, Wide float64
	Value, Interval    string
	Ratio              string // to ours, where that is sure
	Loses              string // so much that the figure is not the whole story
}

// notable is the loss from which on somebody does less than the others.
const notable = 0.01

// explained says figures of the first screen in full.
var explained = map[report.Metric]string{
	report.CPUMicros:        "Processor time that each forwarded packet takes, µs",
	report.PerSecond:        "Most packets a second that arrive, at 0.1 % loss at most",
	report.MemoryKB:         "Memory that each subscriber takes, kB",
	report.FirstFrameMillis: "From asking to the first picture, ms",
	report.P99Micros:        "Latency that 99 of 100 do not exceed, ms",
	report.ConnectedMillis:  "From the first join until everybody is connected with everybody, ms",
	report.JoinMillis:       "From asking until everybody is in, ms",
}

// glances gives the bars of a chapter.
func (p *sheet) glances(section report.Section) (all []glance) {
	for _, m := range headlines[section.Kind] {
		meaning := report.MeaningOf(m)
		g := glance{Title: explained[m], Better: "less is better"}
		if meaning.Better == report.More {
			g.Better = "more is better"
		}
		longest := 0.0
		for _, c := range section.Cases {
			for _, name := range p.Names(c.Name) {
				longest = max(longest, report.Figure(p.Rounds, c.Name, name, report.By(m)).High)
			}
		}
		for _, c := range section.Cases {
			if one := p.group(c, meaning, longest); len(one.Bars) > 0 {
				g.Groups = append(g.Groups, one)
			}
		}
		if len(g.Groups) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// group draws one scenario.
func (p *sheet) group(c report.Case, m report.Meaning, longest float64) group {
	g := group{Name: c.Name, Says: c.Says}
	for _, t := range p.named(p.Names(c.Name)) {
		e := report.Figure(p.Rounds, c.Name, t.Name, report.By(m.Metric))
		if e.Rounds == 0 {
			continue
		}
		part := func(value float64) float64 { return 100 * value / max(longest, 1e-9) }
		cell := cellOf(m, e)
		loses := ""
		if loss := report.Figure(p.Rounds, c.Name, t.Name, report.By(report.Loss)).Median; loss >= notable {
			loses = fmt.Sprintf("loses %.0f %%", 100*loss)
		}
		g.Bars = append(g.Bars, bar{
			Loses: loses, target: t, Length: part(e.Median), From: part(e.Low), Wide: part(e.High - e.Low),
			Value: cell.Median, Interval: cell.Interval, Ratio: p.ratio(c.Name, t.Name, m.Metric),
		})
	}
	return g
}

// ratio says what a target's figure is of ours, round by round, where the interval
// leaves out one.
func (p *sheet) ratio(scenario, name string, m report.Metric) string {
	if name == report.Ours {
		return ""
	}
	e := report.Ratio(p.Rounds, scenario, name, report.By(m)) // ours to theirs
	switch {
	case e.Rounds < report.LeastRounds || e.Low <= 0:
		return ""
	case e.Low <= 1 && e.High >= 1:
		return "not told apart from ours"
	}
	return fmt.Sprintf("%.2g × ours", 1/e.Median)
}
