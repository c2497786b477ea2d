package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/congestion/table"
	"meshfocus/focus/bwe"
)

// errDiffers is what replay ends with when this code decides otherwise.
var errDiffers = errors.New("this code decides otherwise than what recorded the trace")

// asked is what replay is to print.
type asked struct {
	reports, all, quiet, again bool
	page                       string
}

func newReplay() *cobra.Command {
	var q asked
	c := &cobra.Command{
		Use: "replay [flags] FILE", Short: "Tell a trace of a path: what was decided, why, and whether this code decides the same",
		Long: `Has the estimator decide again what a recorded trace decided, and prints what it
decided and why: a line for each time that the rate changed for the same reason, for
each probe, and for each layer that was chosen. Where this code decides otherwise than
what recorded the trace, the line ends with what differs and the line below has what
was decided then; the end is 1 in that case.

Traces come from a daemon (mkdir DATA/traces), from meshbench bwe --record DIR, or from
focus/pion; packed by gzip or not; - is standard input. docs/bwe.md has the format.`,
		Example: `  meshbench bwe replay FILE                     the story, in a screen or two
  meshbench bwe replay --html minute.html FILE  its curves, to look at offline
  meshbench bwe replay --reports FILE           each report, with the facts behind it
  meshbench bwe replay --again FILE >now        the trace that this code would record`,
		RunE: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return errors.New("bwe replay: say which file; --help explains")
			}
			return q.replay(arguments[0])
		},
	}
	flags := c.Flags()
	flags.BoolVar(&q.reports, "reports", false, "print each report, and the facts that were decided by")
	flags.BoolVar(&q.all, "all", false, "print packets, ticks and backlogs as well")
	flags.BoolVar(&q.quiet, "quiet", false, "print differences alone")
	flags.BoolVar(&q.again, "again", false, "print the trace as this code would record it, in place of all that")
	flags.StringVar(&q.page, "html", "", "file for the curves; it needs no network")
	return c
}

// replay prints a trace.
func (q asked) replay(name string) error {
	in, done, err := openTrace(name)
	if err != nil {
		return err
	}
	defer done()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	if q.again {
		return bwe.Again(out, in)
	}
	differs, err := q.retell(out, in, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if differs > 0 {
		return fmt.Errorf("%s: %d decisions: %w", name, differs, errDiffers)
	}
	return nil
}

// openTrace opens a file, packed or not.
func openTrace(name string) (in io.Reader, done func(), err error) {
	file, done := os.Stdin, func() {}
	if name != "-" {
		if file, err = os.Open(name); err != nil {
			return nil, nil, err
		}
		done = func() { _ = file.Close() } // it was only read
	}
	whole := bufio.NewReader(file)
	if first, err := whole.Peek(2); err != nil || !bytes.Equal(first, []byte{0x1f, 0x8b}) {
		return whole, done, nil // Replay says what is wrong with it
	}
	in, err = gzip.NewReader(whole)
	return in, done, err
}

// retell prints a trace, and counts the decisions that differ.
func (q *asked) retell(w io.Writer, trace io.Reader, name string) (differs int, err error) {
	var tell teller = &story{w: w, quiet: q.quiet}
	if q.reports || q.all {
		tell = &protocol{w: w, all: q.all, quiet: q.quiet}
	}
	var last bwe.Step
	var curves table.Replayed
	reports := 0
	for step, err := range bwe.Replay(trace) {
		if err != nil {
			tell.end()
			return differs, err
		}
		if step.Do == "report" {
			reports++
		}
		var names []string
		if step.Changed || step.Recorded != last.Recorded || step.Given != step.Probe { // then or now
			names = step.Differs()
		}
		if len(names) > 0 {
			differs++
		}
		tell.step(&step, names)
		if q.page != "" {
			curves.Step(&step, len(names) > 0)
		}
		last = step
	}
	tell.end()
	if q.page != "" {
		if err := create(q.page, func(f *bufio.Writer) error { return curves.Page(f, name) }); err != nil {
			return differs, err
		}
		fmt.Fprintf(w, "the curves are in %s\n", q.page)
	}
	_, err = fmt.Fprintf(w, "%d reports in %v, %d decisions differ\n", reports, last.Since.Round(time.Millisecond), differs)
	return differs, err
}

// teller prints steps, and what differs in them.
type teller interface {
	step(s *bwe.Step, differs []string)
	end()
}

// protocol prints each report with its facts.
type protocol struct {
	w          io.Writer
	all, quiet bool
}

func (p *protocol) end() {}

func (p *protocol) step(s *bwe.Step, differs []string) {
	told := s.Do == "report" || s.Do == "moved" || s.Do == "chose" || s.Changed || s.Probe.Rate > 0
	if len(differs) > 0 || !p.quiet && (told || p.all) {
		fmt.Fprintf(p.w, "%6d %9.3f s  %s\n", s.Line, s.Since.Seconds(), describe(s))
	}
	if len(differs) > 0 {
		fmt.Fprintf(p.w, "%18s was %s  (%s)\n", "", summary(s.Recorded), strings.Join(differs, ", "))
	}
}

// describe tells a step in a line, a report in two.
func describe(s *bwe.Step) string {
	switch {
	case s.Do == "report":
		return fmt.Sprintf("report of %d packets, %d sent (%d bytes) since the last → %s\n%20s %s",
			s.Told, s.Packets, s.Bytes, summary(s.Now), "", s.Trace.String())
	case s.Probe.Rate > 0:
		return table.Probe(s.Probe)
	case s.Do == "chose":
		return table.Layers(s.Chosen)
	case s.Changed:
		return fmt.Sprintf("%s → %s", s.Do, summary(s.Now))
	}
	return s.Do
}

// summary tells an estimate.
func summary(e bwe.Estimate) string {
	return fmt.Sprintf("%v (%v), pace %v, confirmed %v, delivered %v, queue %.1f ms, round trip %.1f ms, loss %.1f %%", e.Rate, e.Reason,
		e.Pace, e.Confirmed, e.Delivered, milliseconds(e.Queue), milliseconds(e.RoundTrip), 100*e.Loss)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
