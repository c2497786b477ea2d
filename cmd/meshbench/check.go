package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// unworsened is the target that worse ones are held against.
const unworsened = "pion"

// worsened are targets that are worse than unworsened in one figure, by so much.
var worsened = []struct {
	target, says string
	arguments    []string
	metric       report.Metric
	truth        float64
}{
	{"pion-late", "every packet leaves 5 ms later", []string{"--delay", "5ms"}, report.P50Micros, 5000},
	{"pion-lossy", "one packet of 100 is dropped", []string{"--drop", "0.01"}, report.Loss, 0.01},
	{"pion-busy", "20 µs of processor time are wasted on each packet", []string{"--burn", "20us"}, report.CPUMicros, 20},
}

const (
	// near is how far beside the truth an interval may end, as a part of it: a
	// histogram knows values to 3 %, the kernel counts processor time in ticks, and
	// what is under way when a round ends looks lost.
	near = 0.05
	// fewest rounds that tell anything.
	fewest = 3
	// stalled is how long the generator stands still, ten times a second.
	stalled = 30 * time.Millisecond
	// wrong is by how much the publishers' clock is taken to be behind, known how
	// well that is said to be known: more than a packet takes on loopback, it looks as
	// if it had come before it was sent.
	wrong, known = 5 * time.Millisecond, time.Millisecond
)

// plainForward is the plain forwarder, as it is or worse.
func plainForward(program, title string, arguments ...string) rival.Forward {
	return rival.Forward{Title: title, Program: program, Verb: "plain", Module: "github.com/pion/webrtc/v4", Arguments: arguments}
}

func newCheck() *cobra.Command {
	q := comparison{own: loopback, theirs: loopback, seed: 1}
	var most time.Duration
	c := &cobra.Command{
		Use: "check", Short: "See whether what is made worse on purpose is seen, and a generator that is not up to it found out",
		Long: `Measures the plain forwarder against itself, made worse by a known amount: later by
5 ms, one packet of 100 dropped, 20 µs of processor time wasted on each. The figures
have to tell each, and how much it is. Then the generator stands still now and then,
and the clock of publishers is taken to be another by 5 ms: neither round must
count. What is not seen ends it with an error.

Rounds that something else spoiled are measured again, for --at-most.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return q.check(c.Context(), c.OutOrStdout(), most) },
	}
	flags := c.Flags()
	flags.IntVar(&q.rounds, "rounds", 5, "rounds of each target that have to count")
	flags.DurationVar(&q.warm, "warm", 300*time.Millisecond, "how long a round gets used to its rate")
	flags.DurationVar(&q.measure, "measure", 2*time.Second, "how long a round is measured")
	flags.DurationVar(&most, "at-most", 90*time.Second, "when to make do with the rounds that there are")
	flags.StringVar(&q.cores, "cores", "", "core that servers are bound to")
	flags.StringVar(&q.prefix, "prefix", "", "command that starts a server in its place, such as \"ip netns exec a\"")
	flags.StringVar(&q.theirs, "server", "127.0.0.1", "IPv4 address of the servers")
	flags.StringVar(&q.folder, "folder", os.TempDir(), "where servers print")
	return c
}

// seen is what a check has measured: rounds of all targets by turns, one with a
// generator that stands still, one with a wrong clock, and one without a server.
type seen struct{ rounds, starved, astray, null []report.Round }

// check measures, and judges what it has seen.
func (q comparison) check(ctx context.Context, w io.Writer, most time.Duration) error {
	wanted := q.rounds
	if wanted < fewest {
		return fmt.Errorf("--rounds %d: fewer than %d tell nothing", wanted, fewest)
	}
	names := []string{unworsened}
	for _, worse := range worsened {
		names = append(names, worse.target)
	}
	q.rounds = 1
	began, display := time.Now(), newDisplay(os.Stderr)
	defer display.end()
	var all seen
	for number := 1; number == 1 || together(all.rounds, names) < wanted && time.Since(began) < most; number++ {
		rounds, err := q.rehearse(ctx, display, scenario.Check, names)
		if err != nil {
			return err
		}
		for _, r := range rounds {
			r.Number = number
			all.rounds = append(all.rounds, r)
		}
	}
	starving, astray := q, q
	starving.stall, astray.clocks = stalled, offset.Offset{Ahead: -wrong, Bound: known}
	var err error
	if all.starved, err = starving.rehearse(ctx, display, scenario.Check, names[:1]); err != nil {
		return err
	}
	if all.astray, err = astray.rehearse(ctx, display, scenario.CheckClock, names[:1]); err != nil {
		return err
	}
	if all.null, err = q.rehearse(ctx, display, scenario.Check, []string{report.Null}); err != nil {
		return err
	}
	return all.judge(w)
}

// together is in how many turns the round of every target counts.
func together(rounds []report.Round, targets []string) (turns int) {
	valid := make(map[int]int)
	for _, r := range rounds {
		if r.Invalid != "" {
			continue
		}
		if valid[r.Number]++; valid[r.Number] == len(targets) {
			turns++
		}
	}
	return turns
}

// rehearse takes a turn of a scenario with some targets.
func (q comparison) rehearse(ctx context.Context, display *display, name string, targets []string) ([]report.Round, error) {
	book, err := scenario.Find(name)
	if err != nil {
		return nil, err
	}
	scenarios := []scenario.Scenario{book.Scenario}
	q.rivals = strings.Join(targets, ",")
	all, err := q.prepare(scenarios)
	if err != nil {
		return nil, err
	}
	l := &ledger{out: io.Discard, kinds: kindsOf(scenarios), display: display}
	for _, measure := range all {
		if err := measure(ctx, l); err != nil {
			return nil, err
		}
	}
	return l.rounds, nil
}

// grain is the step in which a round knows a figure of a target: of some hundred packets,
// of which each hundredth is dropped, one more or less falls between its ends.
func grain(rounds []report.Round, target string, metric report.Metric) float64 {
	if metric != report.Loss {
		return 0
	}
	sent := report.Figure(rounds, scenario.Check, target, func(r report.Round) (float64, bool) { return r.Has(report.Sent) }).Median
	if !(sent > 0) {
		return 0
	}
	return 1 / sent
}

// judge says in a line for each thing that was made worse whether that was seen.
func (s seen) judge(w io.Writer) error {
	asked, unseen := 0, 0
	verdict := func(seen bool) string {
		if asked++; seen {
			return "seen"
		}
		unseen++
		return "not seen"
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "made worse\tfigure\tby\tmeasured\t")
	for _, worse := range worsened {
		meaning := report.MeaningOf(worse.metric)
		e := report.Above(s.rounds, scenario.Check, worse.target, unworsened, func(r report.Round) (float64, bool) { return r.Has(worse.metric) })
		about := near*worse.truth + grain(s.rounds, worse.target, worse.metric)
		found := e.Rounds >= fewest && e.Low > 0 && e.Low <= worse.truth+about && e.High >= worse.truth-about
		fmt.Fprintf(table, "%s\t%s\t%s\t%s (%s to %s), %d rounds\t%s\n", worse.says, meaning.Says, meaning.Show(worse.truth),
			meaning.Show(e.Median), meaning.Show(e.Low), meaning.Show(e.High), e.Rounds, verdict(found))
	}
	for _, made := range []struct {
		says, sign string
		rounds     []report.Round
	}{
		{fmt.Sprintf("the generator stands still for %v, ten times a second", stalled), "the generator", s.starved},
		{fmt.Sprintf("the publishers' clock is taken to be %v behind, to %v", wrong, known), offset.ErrWrong.Error(), s.astray},
	} {
		why, found := "was not measured", false
		for _, r := range made.rounds {
			why, found = "counts", strings.Contains(r.Invalid, made.sign)
			if r.Invalid != "" {
				why = "does not count: " + r.Invalid
			}
		}
		fmt.Fprintf(table, "%s\t\t\t%s\t%s\n", made.says, why, verdict(found))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, line := range report.Calibration(append(s.null, s.rounds...)) {
		fmt.Fprintln(w, line)
	}
	if unseen > 0 {
		return fmt.Errorf("%d of %d were not seen", unseen, asked)
	}
	return nil
}
