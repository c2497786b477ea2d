package congestion

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"meshfocus/internal/simnet/discrete"
)

// Curve is what can be seen of a flow over time. Rates are in kbit/s, times in
// ms.
type Curve struct {
	Flow   int     `json:"flow"`
	Points []Point `json:"points"`
}

// Point is one curveEvery of a curve, beginning at T seconds.
type Point struct {
	T          float64 `json:"t"`
	Capacity   float64 `json:"capacity"`   // of the bottleneck
	Achievable float64 `json:"achievable"` // of it, for this flow
	Target     float64 `json:"target"`     // the controller's, sound included
	Encoded    float64 `json:"encoded"`    // what the encoder makes, sound included
	Sent       float64 `json:"sent"`       // everything that entered the bottleneck's queue, or found it full
	Received   float64 `json:"received"`   // media
	Padding    float64 `json:"padding"`    // of what was sent
	Queue      float64 `json:"queue"`      // the longest a packet waited, by when it entered
	Held       float64 `json:"held"`       // bytes that the controller holds back
	Dropped    int     `json:"dropped"`    // packets at the bottleneck
	Lost       int     `json:"lost"`       // behind it
}

// curveEvery is the grain of curves.
const curveEvery = 100 * time.Millisecond

// Observe plays a case as Run does and keeps the curves.
func Observe(c Case, seed uint64, maker Maker) Result {
	r := newRun(&c, seed, maker)
	r.clock.Run(discrete.At(c.Length))
	result := r.measure()
	for i := range r.flows {
		result.Curves = append(result.Curves, r.curve(i))
	}
	return result
}

func (r *run) curve(i int) Curve {
	c, f := r.spec, r.flows[i]
	rates := c.bottleneck(&f.spec)
	points := make([]Point, int(c.Length/curveEvery))
	for k := range points {
		t := time.Duration(k) * curveEvery
		p := &points[k]
		p.T = t.Seconds()
		p.Capacity = float64(rates.At(t)) / 1000
		p.Achievable = c.achievableAt(&f.spec, t) / 1000
		if s := k * int(curveEvery/sampleEvery); s < len(f.samples) {
			p.Target = float64(f.samples[s].target+SoundRate) / 1000
			p.Encoded = float64(f.samples[s].encoded+SoundRate) / 1000
			p.Held = float64(f.samples[s].backlog)
		}
	}
	passing(points, r.ways(i))
	return Curve{Flow: i, Points: points}
}

// passing adds what packets did to the points.
func passing(points []Point, ways []passage) {
	at := func(t time.Duration) *Point {
		if k := int(t / curveEvery); k < len(points) {
			return &points[k]
		}
		return &Point{}
	}
	for _, p := range ways {
		kilobits := float64(p.size) * 8 / 1000 / curveEvery.Seconds()
		in := at(discrete.Since(p.entered))
		in.Sent += kilobits
		in.Queue = max(in.Queue, milliseconds(p.queued))
		switch p.fate {
		case discrete.Dropped:
			in.Dropped++
		case discrete.Lost:
			in.Lost++
		case discrete.Delivered:
			if p.kind.Media() {
				at(discrete.Since(p.arrived)).Received += kilobits
			}
		}
		if p.kind == discrete.Padding {
			in.Padding += kilobits
		}
	}
}

// WriteCSV writes the curve with one line for each point.
func (c *Curve) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"t", "capacity", "achievable", "target", "encoded", "sent", "received", "padding", "queue_ms", "held", "dropped", "lost"})
	for i := range c.Points {
		p := &c.Points[i]
		line := make([]string, 0, 12)
		for _, v := range []float64{p.T, p.Capacity, p.Achievable, p.Target, p.Encoded, p.Sent, p.Received, p.Padding, p.Queue, p.Held} {
			line = append(line, strconv.FormatFloat(v, 'f', 1, 64))
		}
		out.Write(append(line, strconv.Itoa(p.Dropped), strconv.Itoa(p.Lost)))
	}
	out.Flush()
	return out.Error()
}
