package table

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"math"

	"meshfocus/bench/congestion"
	"meshfocus/bench/plot"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.js
	pageScript string
)

var page = template.Must(template.New("page").Parse(pageText))

// Page writes the report: rows, and for each case the curves of those runs that
// have some. about has a line for each case.
func Page(w io.Writer, runs []Run, about map[string]string, made string) error {
	names, rows := Controllers(runs), Rows(runs)
	curves, err := json.Marshal(charts(runs, names))
	if err != nil {
		return err
	}
	var tallies []any
	for at, name := range names {
		tallies = append(tallies, struct {
			Name string
			Tally
		}{name, Count(rows, at)})
	}
	return page.Execute(w, map[string]any{
		"Besides": Besides(runs), "Names": names, "Tallies": tallies, "Cases": sections(rows, about), "Glances": glances(runs, rows, about), "Made": made, "Seeds": seeds(runs),
		// All of it is ours or vendored; JSON has < escaped.
		"Style": plot.Style(), "Plot": plot.Script(), "Script": template.JS(pageScript),
		"Curves": template.JS(curves), "Licence": plot.Licence(),
	})
}

// section is one case of the page.
type section struct {
	Name, About string
	Rows        []Row
	// Of ours.
	Lost, Above, Goal int
}

// sections puts rows under their cases, in the order of rows.
func sections(rows []Row, about map[string]string) (found []section) {
	for _, r := range rows {
		if len(found) == 0 || found[len(found)-1].Name != r.Case {
			found = append(found, section{Name: r.Case, About: about[r.Case]})
		}
		s := &found[len(found)-1]
		s.Rows = append(s.Rows, r)
		switch r.Verdicts[0].Word() {
		case "LOST":
			s.Lost++
		case "above worst":
			s.Above++
		case "goal":
			s.Goal++
		}
	}
	return found
}

func seeds(runs []Run) (most uint64) {
	for i := range runs {
		most = max(most, runs[i].Seed)
	}
	return most
}

// chart is what the page draws of one case: kbit/s and ms, a value for each
// Step seconds.
type chart struct {
	Step     float64     `json:"step"`
	Capacity []int       `json:"capacity"`
	Lines    []chartLine `json:"lines"`
}

// chartLine is one controller: media received and the longest wait in the queue,
// of all its flows, and if there are several what each received.
type chartLine struct {
	Name     string  `json:"name"`
	Received []int   `json:"received"`
	Queue    []int   `json:"queue"`
	Flows    [][]int `json:"flows,omitempty"`
}

// points is how many of a curve are drawn at most: 0.4 s each of a usual case, so
// that single frames do not show.
const points = 250

// charts gives the drawing of each case: for each controller the first run that
// was observed.
func charts(runs []Run, names []string) map[string]*chart {
	found := make(map[string]*chart)
	for _, name := range names {
		for i := range runs {
			r := &runs[i]
			if r.Controller != name || len(r.Curves) == 0 || r.Varied {
				continue
			}
			c := found[r.Case]
			if c == nil {
				c = &chart{}
				found[r.Case] = c
			}
			if len(c.Lines) == 0 || c.Lines[len(c.Lines)-1].Name != name {
				c.add(name, r.Curves)
			}
		}
	}
	return found
}

// add draws a run.
func (c *chart) add(name string, curves []congestion.Curve) {
	whole := curves[0].Points
	if len(whole) < 2 {
		return
	}
	each := (len(whole) + points - 1) / points
	if c.Capacity == nil {
		c.Step = (whole[1].T - whole[0].T) * float64(each)
		c.Capacity = thin(whole, each, func(p *congestion.Point) float64 { return p.Capacity }, mean)
	}
	line := chartLine{Name: name}
	for i := range curves {
		received := thin(curves[i].Points, each, func(p *congestion.Point) float64 { return p.Received }, mean)
		queue := thin(curves[i].Points, each, func(p *congestion.Point) float64 { return p.Queue }, most)
		line.Flows = append(line.Flows, received)
		line.Received = join(line.Received, received, func(a, b int) int { return a + b })
		line.Queue = join(line.Queue, queue, func(a, b int) int { return max(a, b) })
	}
	if len(curves) == 1 {
		line.Flows = nil
	}
	c.Lines = append(c.Lines, line)
}

// thin takes every so many points together.
func thin(whole []congestion.Point, each int, of func(*congestion.Point) float64, how func([]float64) float64) (values []int) {
	var some []float64
	for i := range whole {
		some = append(some, of(&whole[i]))
		if len(some) == each || i == len(whole)-1 {
			values = append(values, int(math.Round(how(some))))
			some = some[:0]
		}
	}
	return values
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func most(values []float64) float64 {
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	return highest
}

func join(all, one []int, how func(a, b int) int) []int {
	if all == nil {
		return append(all, one...)
	}
	for i := range min(len(all), len(one)) {
		all[i] = how(all[i], one[i])
	}
	return all
}
