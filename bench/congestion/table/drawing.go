package table

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"meshfocus/bench/congestion"
)

//go:embed drawing.svg
var drawingText string

var drawing = template.Must(template.New("drawing").Parse(drawingText))

// Sizes of a drawing, in units of its own.
const (
	across    = 860 // of the field of time
	ratesHigh = 220
	queueHigh = 90
	drawnEach = 5 // points of a curve make one of the drawing
)

// Draw writes a picture of one run for documents: above, for each flow, what came of it
// beside what could have, and where packets were dropped; below how long the
// queue was. A run has to have curves. The title says what it shows; the picture needs no script.
func Draw(w io.Writer, title string, r *Run) error {
	if len(r.Curves) == 0 || len(r.Curves[0].Points) == 0 {
		return fmt.Errorf("%s, seed %d, has no curves to draw", r.Case, r.Seed)
	}
	first := r.Curves[0].Points
	long := first[len(first)-1].T
	var fastest, longest float64
	for i := range r.Curves {
		for _, p := range r.Curves[i].Points {
			fastest, longest = max(fastest, p.Capacity, p.Achievable), max(longest, p.Queue)
		}
	}
	fastest, longest = ceiling(1.1*fastest), ceiling(longest)
	rates, queue := field{long, fastest, ratesHigh}, field{long, longest, queueHigh}
	about := struct {
		Title                        string
		Across, RatesHigh, QueueHigh int
		Flows                        []drawnFlow
		Capacity, Queue, Drops       string // points of lines, and a path
		Rates, Waits, Times          []mark
		Achievable                   bool // is not all of the link
	}{
		Title: title, Across: across, RatesHigh: ratesHigh, QueueHigh: queueHigh,
		Capacity: rates.line(first, func(p *congestion.Point) float64 { return p.Capacity }),
		Queue:    queue.line(longestOf(r.Curves), func(p *congestion.Point) float64 { return p.Queue }),
		Drops:    rates.drops(r.Curves),
		Rates:    rates.marks(2, func(v float64) string { return fmt.Sprintf("%.4g Mbit/s", v/1000) }),
		Waits:    queue.marks(2, func(v float64) string { return fmt.Sprintf("%.0f ms", v) }),
		Times:    times(long),
	}
	for i := range r.Curves {
		points := r.Curves[i].Points
		f := drawnFlow{
			At: i % 4, Name: fmt.Sprintf("flow %d", i+1),
			Came: rates.line(points, func(p *congestion.Point) float64 { return p.Received }),
		}
		about.Flows = append(about.Flows, f)
	}
	if slices.ContainsFunc(first, func(p congestion.Point) bool { return p.Achievable < 0.9*p.Capacity }) {
		about.Achievable = true
		about.Flows[0].Achievable = rates.line(first, func(p *congestion.Point) float64 { return p.Achievable })
	}
	return drawing.Execute(w, about)
}

// drawnFlow is one flow: what came, and what was achievable.
type drawnFlow struct {
	At               int
	Name             string
	Came, Achievable string
}

// LegendX is where its name stands.
func (f drawnFlow) LegendX() int { return 190 + 80*f.At }

// mark is a value on an axis.
type mark struct {
	At   float64
	Says string
}

// field is a part of the picture: seconds across, values up.
type field struct{ long, most, high float64 }

func (f field) x(t float64) float64 { return math.Round(10*across*t/f.long) / 10 }

func (f field) y(v float64) float64 {
	return math.Round(10*f.high*(1-min(v, f.most)/f.most)) / 10
}

// line gives the points of a polyline: the mean of some points each.
func (f field) line(points []congestion.Point, value func(*congestion.Point) float64) string {
	var b strings.Builder
	for some := range slices.Chunk(points, drawnEach) {
		sum := 0.0
		for i := range some {
			sum += value(&some[i])
		}
		fmt.Fprintf(&b, "%g,%g ", f.x(some[0].T), f.y(sum/float64(len(some))))
	}
	return strings.TrimSpace(b.String())
}

// drops gives a path with a stroke at the foot for each time at which packets were dropped.
func (f field) drops(curves []congestion.Curve) string {
	var b strings.Builder
	for i := range curves {
		for some := range slices.Chunk(curves[i].Points, drawnEach) {
			dropped := 0
			for k := range some {
				dropped += some[k].Dropped
			}
			if dropped > 0 {
				fmt.Fprintf(&b, "M%g %gv%d", f.x(some[0].T), f.high, -min(4+2*dropped, 30))
			}
		}
	}
	return b.String()
}

// marks gives values at equal distances, without zero.
func (f field) marks(count int, says func(float64) string) (marks []mark) {
	for i := 1; i <= count; i++ {
		v := f.most * float64(i) / float64(count)
		marks = append(marks, mark{f.y(v), says(v)})
	}
	return marks
}

// times gives the marks of the axis of time.
func times(long float64) (marks []mark) {
	step := ceiling(long / 6)
	for t := 0.0; t <= long; t += step {
		marks = append(marks, mark{field{long: long}.x(t), fmt.Sprintf("%g s", t)})
	}
	return marks
}

// longestOf gives at each instant the longest wait of any flow.
func longestOf(curves []congestion.Curve) []congestion.Point {
	points := slices.Clone(curves[0].Points)
	for i := range curves {
		for k := range min(len(points), len(curves[i].Points)) {
			points[k].Queue = max(points[k].Queue, curves[i].Points[k].Queue)
		}
	}
	return points
}

// ceiling gives the next larger of some round values.
func ceiling(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8} {
		if v <= step*power {
			return step * power
		}
	}
	return 10 * power
}
