package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"meshfocus/bench/congestion/table"
	"meshfocus/focus/bwe"
	"meshfocus/internal/unit"
)

// story prints a trace as the times in which the rate changed for one reason.
type story struct {
	w     io.Writer
	quiet bool
	last  bwe.Step
	run   stretch
}

// stretch is a time of reports that all changed the rate for one reason, or left it.
type stretch struct {
	begun    bool
	line     int
	since    time.Duration
	from     unit.BitRate
	reports  int
	queue    time.Duration // the longest
	now, was bwe.Estimate  // at its end
	differs  int
	names    string // what differed first
}

// same reports whether a step goes on with a stretch: nothing else has become the
// reason, then or now, and it is equally right.
func (r *stretch) same(s *bwe.Step, differs bool) bool {
	return r.begun && s.Now.Reason == r.now.Reason && s.Recorded.Reason == r.was.Reason && (r.differs > 0) == differs
}

func (t *story) step(s *bwe.Step, differs []string) {
	defer func() { t.last = *s }()
	if s.Do == "begin" {
		t.begin(s)
	}
	event := s.Probe.Rate > 0 || s.Given.Rate > 0 || s.Do == "moved" || s.Do == "couple" || s.Do == "chose"
	if event {
		t.end()
		t.event(s, differs)
		return
	}
	if s.Do != "report" && !s.Changed && len(differs) == 0 {
		return
	}
	if !t.run.same(s, len(differs) > 0) {
		t.end()
		t.run = stretch{begun: true, line: s.Line, since: s.Since, from: t.last.Now.Rate, names: strings.Join(differs, ", ")}
		if s.Do == "begin" {
			t.run.from = s.Now.Rate
		}
	}
	r := &t.run
	r.queue, r.now, r.was = max(r.queue, s.Now.Queue), s.Now, s.Recorded
	if s.Do == "report" {
		r.reports++
	}
	if len(differs) > 0 {
		r.differs++
	}
}

// begin says what the trace is, and what the columns are.
func (t *story) begin(s *bwe.Step) {
	if s.Strange {
		fmt.Fprint(t.w, "This trace goes on from what another make of the estimator knew; what this one has no place for is left out.\n")
	}
	fmt.Fprintf(t.w, "%7s %10s  %19s %9s %9s %7s %7s %6s  %s\n", "line", "time", "rate kbit/s", "proven", "came", "queue", "trip", "loss", "why (reports)")
}

// event prints what happens at one instant.
func (t *story) event(s *bwe.Step, differs []string) {
	if t.quiet && len(differs) == 0 {
		return
	}
	what := s.Do
	switch {
	case s.Probe.Rate > 0:
		what = table.Probe(s.Probe)
	case s.Given.Rate > 0:
		what = "no probe"
	case s.Do == "chose":
		what = table.Layers(s.Chosen)
	case s.Do == "moved":
		what = "the route is another"
	case s.Do == "couple":
		what = fmt.Sprintf("its share of the uplink is %v", s.Now.Rate)
	}
	fmt.Fprintf(t.w, "%7d %8.2f s  · %s\n", s.Line, s.Since.Seconds(), what)
	if len(differs) > 0 {
		was := row(s.Recorded, s.Recorded.Rate, s.Recorded.Queue)
		if s.Given.Rate > 0 {
			was = table.Probe(s.Given)
		}
		fmt.Fprintf(t.w, "%7s %10s  · was: %s  ✗ %s\n", "", "", was, strings.Join(differs, ", "))
	}
}

// end prints the stretch up to here.
func (t *story) end() {
	r := t.run
	t.run = stretch{}
	if !r.begun || t.quiet && r.differs == 0 {
		return
	}
	fmt.Fprintf(t.w, "%7d %8.2f s  %s %v", r.line, r.since.Seconds(), row(r.now, r.from, r.queue), r.now.Reason)
	if r.reports > 0 {
		fmt.Fprintf(t.w, " (%d)", r.reports)
	}
	if r.differs == 0 {
		fmt.Fprintln(t.w)
		return
	}
	fmt.Fprintf(t.w, "  ✗ %s\n%7s %10s  %s %v\n", r.names, "", "was", row(r.was, 0, r.was.Queue), r.was.Reason)
}

// row is the columns of an estimate; from is the rate before, 0 to leave it out.
func row(e bwe.Estimate, from unit.BitRate, queue time.Duration) string {
	change := fmt.Sprintf("%d", e.Rate/unit.Kilobit)
	if from > 0 && from/unit.Kilobit != e.Rate/unit.Kilobit {
		change = fmt.Sprintf("%d → %d", from/unit.Kilobit, e.Rate/unit.Kilobit)
	}
	return fmt.Sprintf("%19s %9d %9d %4.0f ms %4.0f ms %4.1f %% ", change, e.Confirmed/unit.Kilobit, e.Delivered/unit.Kilobit,
		milliseconds(queue), milliseconds(e.RoundTrip), 100*e.Loss)
}
