// Package page writes a report as one HTML file that opens without a network: what
// was measured at a glance, targets with their verdicts, and for each scenario its
// figures and curves. Pure; what the figures mean is package report's.
package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"meshfocus/bench/plot"
	"meshfocus/bench/report"
)

var (
	//go:embed page.html
	text string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

var page = template.Must(template.New("page").Parse(text))

// target is who was measured, with the number of its colour.
type target struct {
	Name, Version string
	Colour        int
}

// chapter is a section as the page has it.
type chapter struct {
	Title   string
	Glances []glance
	Goals   []goal
	Cases   []situation
	Chart   string // key of the curves of all its scenarios; "" if there are none
}

// situation is a scenario with its figures.
type situation struct {
	report.Case
	Names   []target
	Rows    []row
	Rounds  []string // that count, of each
	Invalid []remark
	Notes   []remark
	Drawn   bool
}

// row is a figure, a cell for each target; Plain is one that is no better or worse.
type row struct {
	Says  string
	Plain bool
	Cells []cell
}

// cell is a median with its interval.
type cell struct{ Median, Interval string }

// remark is what is said of a round: why it does not count, or what else is to be known.
type remark struct {
	Name, Why string
	Round     int
}

// goal is a target of the report, judged.
type goal struct {
	Says, Wanted, Measured, Interval, Class string
	Verdict                                 string
	Rounds                                  int
}

// Write writes the page.
func Write(w io.Writer, s report.Sheet) error {
	p := pageOf(s)
	curves, err := json.Marshal(p.charts)
	if err != nil {
		return err
	}
	var facts, incomplete []string
	for _, m := range s.Machines {
		facts = append(facts, strings.Join(m.Facts(), "\n"))
		if why := m.Incomplete(); why != "" {
			incomplete = append(incomplete, why)
		}
	}
	return page.Execute(w, map[string]any{
		"Title": p.title(), "Targets": p.targets, "Chapters": p.chapters, "Facts": facts, "Incomplete": incomplete, "Place": p.place(),
		"Versions": report.Versions(s.Rounds), "Rounds": len(s.Rounds), "Invalid": p.invalid, "Seeds": seeds(s.Rounds),
		// All of it is ours or vendored; JSON has < escaped.
		"Style": plot.Style() + template.CSS(style), "Plot": plot.Script(), "Script": template.JS(script),
		"Curves": template.JS(curves), "Licence": plot.Licence(),
	})
}

// sheet is a report on its way to a page.
type sheet struct {
	report.Sheet
	targets  []target
	chapters []chapter
	charts   map[string][]chart
	invalid  int
}

func pageOf(s report.Sheet) *sheet {
	p := &sheet{Sheet: s, charts: make(map[string][]chart)}
	p.find()
	for _, section := range s.Sections() {
		c := chapter{Title: section.Title, Glances: p.glances(section)}
		names := make([]string, 0, len(section.Cases))
		for _, known := range section.Cases {
			c.Cases = append(c.Cases, p.situation(known))
			names = append(names, known.Name)
		}
		for _, t := range s.Targets {
			if slices.Contains(names, t.Scenario) {
				c.Goals = append(c.Goals, goalOf(t, s.Rounds))
			}
		}
		if along := p.along(section); along != nil {
			c.Chart = "chapter " + section.Kind
			p.charts[c.Chart] = []chart{*along}
		}
		p.chapters = append(p.chapters, c)
	}
	return p
}

// find gives each target its colour and all versions of it, ours the first.
func (p *sheet) find() {
	var names []string
	versions := make(map[string][]string)
	for _, r := range p.Rounds {
		if !slices.Contains(names, r.Rival) {
			names = append(names, r.Rival)
		}
		if r.Version != "" && !slices.Contains(versions[r.Rival], r.Version) {
			versions[r.Rival] = append(versions[r.Rival], r.Version)
		}
		if r.Invalid != "" {
			p.invalid++
		}
	}
	if at := slices.Index(names, report.Ours); at > 0 {
		names = slices.Insert(slices.Delete(names, at, at+1), 0, report.Ours)
	}
	numbers := colours(names)
	for at, name := range names {
		p.targets = append(p.targets, target{name, strings.Join(versions[name], "; "), numbers[at]})
	}
}

func (p *sheet) named(names []string) (some []target) {
	for _, name := range names {
		at := slices.IndexFunc(p.targets, func(t target) bool { return t.Name == name })
		some = append(some, p.targets[at])
	}
	return some
}

// place says how servers and parties were joined, where that was alike in all runs.
func (p *sheet) place() string {
	if len(p.Machines) == 0 || slices.ContainsFunc(p.Machines, func(m report.Machine) bool { return m.Place != p.Machines[0].Place }) {
		return ""
	}
	return p.Machines[0].Place
}

// title says who was measured.
func (p *sheet) title() string {
	var names []string
	for _, t := range p.targets {
		names = append(names, t.Name)
	}
	switch len(names) {
	case 0:
		return "Nothing was measured"
	case 1:
		return names[0] + ", measured"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + ", side by side"
}

// situation puts a scenario together, and its curves.
func (p *sheet) situation(c report.Case) situation {
	names := p.Names(c.Name)
	s := situation{Case: c, Names: p.named(names)}
	for _, r := range p.Rows(c.Name, true) {
		one := row{Says: r.Meaning.Says, Plain: r.Meaning.Better == report.Neither}
		for _, e := range r.Estimates {
			one.Cells = append(one.Cells, cellOf(r.Meaning, e))
		}
		s.Rows = append(s.Rows, one)
	}
	for _, name := range names {
		s.Rounds = append(s.Rounds, p.Counted(c.Name, name))
		for _, r := range p.Of(c.Name, name) {
			if r.Invalid != "" {
				s.Invalid = append(s.Invalid, remark{name, r.Invalid, r.Number})
			}
			if r.Note != "" {
				s.Notes = append(s.Notes, remark{name, r.Note, r.Number})
			}
		}
	}
	if drawn := p.curves(c.Name, names); len(drawn) > 0 {
		p.charts[c.Name], s.Drawn = drawn, true
	}
	return s
}

func cellOf(m report.Meaning, e report.Estimate) cell {
	if e.Rounds == 0 {
		return cell{Median: "–"}
	}
	c := cell{Median: m.Show(e.Median)}
	if low, high := m.Show(e.Low), m.Show(e.High); low != high {
		c.Interval = low + " to " + high
	}
	return c
}

// goalOf judges a target.
func goalOf(t report.Target, rounds []report.Round) goal {
	e, verdict := t.Judge(rounds)
	g := goal{Says: t.Says, Wanted: t.Wanted(), Measured: "–", Rounds: e.Rounds, Verdict: t.Word(e, verdict)}
	if e.Rounds > 0 {
		g.Measured, g.Interval = t.Show(e.Median), t.Range(e)
	}
	g.Class = map[report.Verdict]string{report.Reached: "goal", report.Enough: "above", report.Missed: "lost"}[verdict]
	return g
}

// seeds lists those of rounds.
func seeds(rounds []report.Round) string {
	var found []string
	for _, r := range rounds {
		if text := fmt.Sprint(r.Seed); r.Seed != 0 && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return strings.Join(found, ", ")
}
