package home

import (
	"encoding/json"
	"sync"
	"time"

	"meshfocus/bench/report"
)

// tally is what devices heard of the messages of one run. Any goroutine may use it.
type tally struct {
	run       string
	from, end time.Time // of the measurement; set by span

	mu      sync.Mutex // a leaf; guards the rest
	seen    map[int]bool
	hello   map[string]bool // devices that heard the first word
	latency *report.Histogram
	early   map[int]bool // those seen of the warm time
	// within are those that came from span on until the end, whenever they were sent.
	within  int
	seconds []*report.Histogram
}

func newTally(run string) *tally {
	return &tally{run: run, seen: make(map[int]bool), early: make(map[int]bool), hello: make(map[string]bool), latency: &report.Histogram{}}
}

// warm is the run of messages that are sent before those that are measured.
func (t *tally) warm() string { return t.run + "-warm" }

// hear counts what came to a device at an instant; a message that comes twice once.
func (t *tally) hear(who *device, content json.RawMessage, now time.Time) {
	var w word
	if json.Unmarshal(content, &w) != nil || w.Run != t.run && w.Run != t.warm() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	sent, seen := time.Unix(0, w.At), t.seen
	if w.Run == t.warm() {
		seen = t.early
	}
	switch {
	case w.Number < 0:
		t.hello[who.Device+who.User] = true
	case seen[w.Number]:
	case w.Run == t.warm():
		t.early[w.Number] = true
		if now.Before(t.end) {
			t.within++
		}
	default:
		t.seen[w.Number] = true
		t.latency.Add(now.Sub(sent))
		if now.Before(t.end) {
			t.within++
		}
		second := max(int(sent.Sub(t.from)/time.Second), 0)
		for len(t.seconds) <= second {
			t.seconds = append(t.seconds, &report.Histogram{})
		}
		t.seconds[second].Add(now.Sub(sent))
	}
}

// span says from when to when messages are sent.
func (t *tally) span(from, end time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from, t.end = from, end
}

// heard is how many were heard, and ready how many devices have heard their first
// word, whose number is below 0.
func (t *tally) heard() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.seen)
}

func (t *tally) ready() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.hello)
}

// note writes latencies down, and their course.
func (t *tally) note(r *report.Round) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latency.Note(r)
	r.Figures[report.Delivered] = float64(t.within) / t.end.Sub(t.from).Seconds()
	var curve []report.Point
	for second, h := range t.seconds {
		if h.Count() > 0 {
			curve = append(curve, report.Point{float64(second), float64(h.Quantile(0.99)) / float64(time.Millisecond)})
		}
	}
	r.Course = map[string][]report.Point{"latency p99 ms": curve}
}
