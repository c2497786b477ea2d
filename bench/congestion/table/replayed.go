package table

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"
	"time"

	"meshfocus/bench/plot"
	"meshfocus/focus/bwe"
	"meshfocus/internal/unit"
)

var (
	//go:embed replayed.html
	replayedText string
	//go:embed replayed.js
	replayedScript string
)

var replayedPage = template.Must(template.New("replayed").Parse(replayedText))

// Replayed is a trace that is decided again (bwe.Replay), as curves: a point for each
// report, and what happened at one instant. The zero Replayed is ready.
type Replayed struct {
	points replayedPoints
	marks  []Mark
	why    bwe.Reason
	begun  bool
	last   time.Duration

	reports, differs int
	strange          bool
}

// replayedPoints are the curves, as the page draws them: s, kbit/s, ms and %.
type replayedPoints struct {
	Time      []float64 `json:"time"`
	Rate      []float64 `json:"rate"`
	Was       []float64 `json:"was"`
	Confirmed []float64 `json:"confirmed"`
	Delivered []float64 `json:"delivered"`
	Sent      []float64 `json:"sent"`
	Queue     []float64 `json:"queue"`
	Trip      []float64 `json:"trip"`
	Loss      []float64 `json:"loss"`
}

// Mark is something that happened at an instant.
type Mark struct {
	Time  float64 `json:"time"` // seconds
	Line  int     `json:"line"`
	Text  string  `json:"text"`
	Class string  `json:"class"` // "why", "probe", "layers", "differs"
}

// Step takes a step, and whether something else is decided in it than was.
func (r *Replayed) Step(s *bwe.Step, differs bool) {
	r.strange = r.strange || s.Strange
	if differs {
		r.differs++
		if r.differs == 1 {
			r.mark(s, "differs", "from here on this code decides otherwise: "+strings.Join(s.Differs(), ", "))
		}
	}
	switch {
	case s.Probe.Rate > 0:
		r.mark(s, "probe", Probe(s.Probe))
	case s.Do == "chose":
		r.mark(s, "layers", Layers(s.Chosen))
	case s.Do == "moved":
		r.mark(s, "why", "the route is another")
	}
	if s.Now.Reason != r.why && s.Changed || !r.begun {
		r.mark(s, "why", fmt.Sprintf("%v: %v", s.Now.Reason, s.Now.Rate))
		r.why, r.begun = s.Now.Reason, true
	}
	if s.Do == "report" {
		r.report(s)
	}
}

func (r *Replayed) mark(s *bwe.Step, class, text string) {
	r.marks = append(r.marks, Mark{s.Since.Seconds(), s.Line, text, class})
}

func (r *Replayed) report(s *bwe.Step) {
	r.reports++
	kilobits := func(b unit.BitRate) float64 { return float64(b) / float64(unit.Kilobit) }
	p := &r.points
	p.Time = append(p.Time, s.Since.Seconds())
	p.Rate = append(p.Rate, kilobits(s.Now.Rate))
	p.Was = append(p.Was, kilobits(s.Recorded.Rate))
	p.Confirmed = append(p.Confirmed, kilobits(s.Now.Confirmed))
	p.Delivered = append(p.Delivered, kilobits(s.Now.Delivered))
	p.Sent = append(p.Sent, kilobits(unit.Rate(s.Bytes, s.Since-r.last)))
	p.Queue = append(p.Queue, s.Now.Queue.Seconds()*1000)
	p.Trip = append(p.Trip, s.Now.RoundTrip.Seconds()*1000)
	p.Loss = append(p.Loss, 100*s.Now.Loss)
	r.last = s.Since
}

// Page writes the curves as one HTML file that needs no network.
func (r *Replayed) Page(w io.Writer, name string) error {
	points, err := json.Marshal(&r.points)
	if err != nil {
		return err
	}
	marks, err := json.Marshal(r.marks)
	if err != nil {
		return err
	}
	return replayedPage.Execute(w, map[string]any{
		"Name": filepath.Base(name), "Reports": r.reports, "Lasted": r.last.Round(time.Second / 10), "Differs": r.differs, "Strange": r.strange,
		"Marks": r.marks, "Style": plot.Style(), "Plot": plot.Script(), "Script": template.JS(replayedScript),
		"Points": template.JS(points), "MarksData": template.JS(marks), "Licence": plot.Licence(),
	})
}

// Probe tells a probe in words.
func Probe(p bwe.Probe) string {
	return fmt.Sprintf("probe %d: %d bytes at %v", p.Tag, p.Bytes, p.Rate)
}

// Layers tells in words what subscriptions get.
func Layers(choices []bwe.Choice) string {
	var b strings.Builder
	for i, c := range choices {
		if i > 0 {
			b.WriteString("; ")
		}
		if c.Spatial < 0 {
			fmt.Fprintf(&b, "%d gets nothing", c.Key)
		} else {
			fmt.Fprintf(&b, "%d gets layer %d.%d, %v", c.Key, c.Spatial, c.Temporal, c.Rate)
		}
		fmt.Fprintf(&b, " (%s)", c.Reason)
	}
	return b.String()
}
