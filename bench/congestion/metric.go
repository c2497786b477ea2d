package congestion

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Metric is what is measured, with its unit. Definitions stand with those who
// compute them.
type Metric string

// The metrics of a run. With several flows it is that of all together, or of the
// worst of them.
const (
	Utilisation  Metric = "utilisation"      // media received ÷ achievable, of all flows, or the worse direction
	QueueMean    Metric = "queue mean ms"    // time in the bottleneck's queue, of the worst flow
	QueueMedian  Metric = "queue p50 ms"     //
	Queue95      Metric = "queue p95 ms"     //
	Queue99      Metric = "queue p99 ms"     //
	Loss         Metric = "loss %"           // dropped at the bottleneck ÷ sent, of all flows
	LossBurst    Metric = "loss 10s %"       // the same over the worst 10 s of the worst flow, anywhere in the run
	StartUp      Metric = "start s"          // convergence after the slowest flow's start
	FirstRise    Metric = "up 1 s"           // convergence after the first rise of capacity
	SecondRise   Metric = "up 2 s"           //
	Drain        Metric = "drain s"          // after the worst fall of capacity
	Fairness     Metric = "jain"             // over media rates, in the judged window
	ShareOfTCP   Metric = "tcp share"        // media rate ÷ fair share beside TCP, of all flows
	MediaRate    Metric = "media kbit/s"     // of all flows, in the judged window
	Emptied      Metric = "emptied s"        // from the end of TCP until the queue stays ≤ 50 ms for 1 s
	Resumed      Metric = "resume s"         // convergence of the flow that paused
	FrameDelay   Metric = "frame p95 ms"     // capture to last packet received, of the worst flow
	Frozen       Metric = "frozen %"         // of the worst flow
	Longest      Metric = "longest freeze s" // of the worst flow
	PaddingShare Metric = "padding %"        // padding ÷ all bytes sent
	Oscillation  Metric = "oscillation /min" // falls of the target from above 105 to below 85 % of achievable
	SoundDelay   Metric = "audio p95 ms"     // one-way delay less propagation, from capture
	SoundLoss    Metric = "audio loss %"     // dropped at the bottleneck, or never sent
	LongShare    Metric = "long share"       // media rate of the flow through two bottlenecks ÷ achievable
	BelowLong    Metric = "below s"          // longest time in which the estimate is below what is achievable, 5 s after the start
	BelowShare   Metric = "below %"          // share of time in which it is
	Shares       Metric = "weight error"     // how far the worst share is off its weight, relative
)

// Figure is one measured value.
type Figure struct {
	Metric Metric  `json:"metric"`
	Value  float64 `json:"value"`
}

// Result is what a run came to.
type Result struct {
	Case    string   `json:"case"`
	Seed    uint64   `json:"seed"`
	Varied  bool     `json:"varied,omitempty"`
	Figures []Figure `json:"figures"`
	// Phases is the utilisation of each part of the run with constant capacity.
	Phases []float64 `json:"phases,omitempty"`
	// Hash is that of all packets on all links.
	Hash uint64 `json:"hash"`
	// Events is how much was simulated.
	Events int64   `json:"events"`
	Curves []Curve `json:"curves,omitempty"`
}

// Get gives the value of a metric, NaN if it was not measured.
func (r *Result) Get(m Metric) float64 {
	i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Metric == m })
	if i < 0 {
		return math.NaN()
	}
	return r.Figures[i].Value
}

func (r *Result) set(m Metric, value float64) { r.Figures = append(r.Figures, Figure{m, value}) }

// String gives all figures on one line.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s seed %-3d", r.Case, r.Seed)
	for _, f := range r.Figures {
		fmt.Fprintf(&b, " | %s %.4g", f.Metric, f.Value)
	}
	fmt.Fprintf(&b, " | phases")
	for _, p := range r.Phases {
		fmt.Fprintf(&b, " %.3f", p)
	}
	fmt.Fprintf(&b, " | %016x", r.Hash)
	return b.String()
}
