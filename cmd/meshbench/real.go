package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/bubble"
	"meshfocus/bench/congestion/live"
	"meshfocus/bench/congestion/table"
)

// What bwe real ends with when reality is not as it was simulated, or cannot be judged.
var (
	errStray   = errors.New("real time is not within the bounds of the simulation (OFF in the table)")
	errStarved = errors.New("the machine was the limit, so nothing is told of the path (machine in the table)")
)

// reality is what is asked of bwe real.
type reality struct {
	cases       string
	faster      int
	seeds       uint64
	attempts    int
	lines, page string
	curves      string
}

func newReal() *cobra.Command {
	var q reality
	c := &cobra.Command{
		Use: "real", Short: "Hold the simulation against Chromium in real time",
		Long: `Plays 5.1 and S1 in real time, with Chromium at one end and a bottleneck in between whose
links are the simulator's, and holds them against the simulation: ±15 % utilisation,
±40 ms of queue. It needs Chromium and a machine with little else to do; where that
was the limit a run is played again. docs/bwe.md explains.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return q.judge() },
	}
	flags := c.Flags()
	flags.StringVar(&q.cases, "case", "", "with commas: 5.1-to, S1-to, 5.1-from, S1-from, all of which without; S2-to, S3-to, S5-to, S6-to")
	flags.IntVar(&q.faster, "faster", 1, "divide all times by this, in the simulation too")
	flags.Uint64Var(&q.seeds, "seeds", 5, "how many seeds are simulated, from 1 on; the median counts")
	flags.IntVar(&q.attempts, "attempts", 2, "how often a run is played at most where the machine was the limit")
	flags.StringVar(&q.lines, "json", "", "file for what was measured, as JSON lines")
	flags.StringVar(&q.page, "html", "", "file for the report with curves; it needs no network")
	flags.StringVar(&q.curves, "curve", "", "folder for the curves as CSV")
	return c
}

// judge plays trials of bench/congestion/live.
func (q reality) judge() error {
	if q.faster < 1 || q.seeds < 1 || q.attempts < 1 {
		return errors.New("--faster, --seeds and --attempts have to be 1 or more")
	}
	trials, err := chosen(q.cases, "case", live.Trials(q.faster), func(t live.Trial) string { return t.Word })
	if err != nil {
		return err
	}
	if q.cases == "" {
		trials = slices.DeleteFunc(trials, func(t live.Trial) bool { return t.Named })
	}
	bubble.Program(func(t *testing.T) int { return complain(q.run(t, trials)) })
	return nil // not reached: Program ends the process
}

// account is one trial with all that became of it.
type account struct {
	trial       *live.Trial
	simulated   []congestion.Result
	real        live.Outcome
	itself      *live.Outcome
	comparisons []live.Comparison
}

// run plays, one after the other, and prints.
func (q *reality) run(t *testing.T, trials []live.Trial) error {
	var reports []*account
	var fault error
	for i := range trials {
		r := &account{trial: &trials[i]}
		for seed := uint64(1); seed <= q.seeds; seed++ {
			r.simulated = append(r.simulated, r.trial.Simulate(t, seed))
		}
		r.real = q.play(t, r.trial.Name, r.trial.Play)
		if r.trial.Itself != nil {
			itself := q.play(t, r.trial.Name+", Chromium to itself", r.trial.Itself)
			r.itself = &itself
		}
		r.comparisons = r.trial.Compare(r.simulated, &r.real.Result)
		if t.Failed() {
			return errors.New("a page of Chromium did not do as told")
		}
		if r.trial.Judged && !live.Held(r.comparisons) {
			fault = errStray
			if r.real.Limits() != "" {
				fault = errStarved
			}
		}
		r.print(os.Stdout)
		reports = append(reports, r)
	}
	return errors.Join(q.write(reports), fault)
}

// play plays once more where the machine was the limit.
func (q *reality) play(t *testing.T, name string, once func(testing.TB, uint64) live.Outcome) (o live.Outcome) {
	for attempt := 1; ; attempt++ {
		fmt.Fprintf(os.Stderr, "%s, in real time\n", name)
		// What a run leaves behind ends with it and not with the program.
		t.Run(name, func(t *testing.T) { o = once(t, uint64(attempt)) })
		limits := o.Limits()
		if limits == "" || attempt == q.attempts || t.Failed() {
			return o
		}
		fmt.Fprintf(os.Stderr, "%s: the machine was the limit (%s): again\n", name, limits)
	}
}

// rows are the figures, as they are printed.
func (r *account) rows() (rows []table.HeldRow) {
	for i := range r.comparisons {
		c := &r.comparisons[i]
		row := table.HeldRow{Title: string(c.Metric), Cells: []string{number(c.Simulated), number(c.Real), "–"}}
		if r.itself != nil {
			row.Cells[2] = number(r.itself.Get(c.Metric))
		}
		if c.Allowed > 0 && r.trial.Judged {
			row.Word, row.Lost = r.word(c), !c.Holds()
		}
		rows = append(rows, row)
	}
	phases := func(all []float64) string {
		var words []string
		for _, p := range all {
			words = append(words, fmt.Sprintf("%.2f", p))
		}
		return strings.Join(words, " ")
	}
	row := table.HeldRow{Title: "utilisation of each phase", Cells: []string{phases(r.simulated[0].Phases), phases(r.real.Phases), "–"}}
	if r.itself != nil {
		row.Cells[2] = phases(r.itself.Phases)
	}
	return append(rows, row)
}

// word is the verdict on a figure.
func (r *account) word(c *live.Comparison) string {
	word, difference, allowed := "holds", fmt.Sprintf("%+.3g", c.Difference()), fmt.Sprintf("±%g", c.Allowed)
	if c.Relative {
		difference, allowed = fmt.Sprintf("%+.1f %%", 100*c.Difference()), fmt.Sprintf("±%g %%", 100*c.Allowed)
	}
	if !c.Holds() {
		word = r.off()
	}
	return fmt.Sprintf("%s: %s of %s", word, difference, allowed)
}

// off is the verdict on what does not hold.
func (r *account) off() string {
	if r.real.Limits() != "" {
		return "machine"
	}
	return "OFF"
}

func number(value float64) string {
	if math.IsNaN(value) {
		return "–"
	}
	return fmt.Sprintf("%.3g", value)
}

// names are the columns.
var names = []string{"simulated", "real", "Chromium to itself"}

func (r *account) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", r.trial.Name, r.trial.About)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "figure\t%s\n", strings.Join(names, "\t"))
	for _, row := range r.rows() {
		fmt.Fprintf(out, "%s\t%s\t%s\n", row.Title, strings.Join(row.Cells, "\t"), row.Word)
	}
	_ = out.Flush()
	for _, note := range r.notes() {
		fmt.Fprintln(w, note)
	}
}

func (r *account) notes() (notes []string) {
	notes = append(notes, r.real.String())
	if r.itself != nil {
		notes = append(notes, "to itself: "+r.itself.String())
	}
	return notes
}

// held is the report as a part of the page.
func (r *account) held() table.Held {
	h := table.Held{Name: r.trial.Name, About: r.trial.About, Notes: r.notes(), Rows: r.rows(), Word: "not judged"}
	if r.trial.Judged {
		h.Word, h.Lost = "holds", !live.Held(r.comparisons)
		if h.Lost {
			h.Word = r.off()
		}
	}
	return h
}

// runs are what is drawn.
func (r *account) runs() []table.Run {
	of := func(name string, result congestion.Result) table.Run {
		result.Case, result.Seed = r.trial.Name, 1
		return table.Run{Controller: name, Result: result}
	}
	runs := []table.Run{of(names[0], r.simulated[0]), of(names[1], r.real.Result)}
	if r.itself != nil {
		runs = append(runs, of(names[2], r.itself.Result))
	}
	return runs
}

// write makes the files that were asked for.
func (q *reality) write(reports []*account) error {
	var runs []table.Run
	var held []table.Held
	for _, r := range reports {
		runs, held = append(runs, r.runs()...), append(held, r.held())
	}
	if q.lines != "" {
		err := create(q.lines, func(w *bufio.Writer) error {
			lines := json.NewEncoder(w)
			for _, r := range reports {
				for i := range r.comparisons {
					if err := lines.Encode(&r.comparisons[i]); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if q.page != "" {
		made := "Made on " + time.Now().Format("2 January 2006") + "."
		err := create(q.page, func(w *bufio.Writer) error { return table.Against(w, names, held, runs, made) })
		if err != nil {
			return err
		}
		fmt.Printf("the report is %s\n", filepath.Clean(q.page))
	}
	if q.curves != "" {
		return writeCurves(q.curves, runs)
	}
	return nil
}
