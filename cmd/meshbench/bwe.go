package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/congestion/bubble"
	"meshfocus/bench/congestion/table"
)

// errLost is what bwe ends with when a bar for the worst seed is lost by ours.
var errLost = errors.New("ours is below the bar for the worst seed (LOST in the table)")

// errNewlyLost is the same for bars that are not on the list of known ones.
var errNewlyLost = errors.New("ours is below a bar for the worst seed that it was not known to lose")

// trial is what is asked of bwe.
type trial struct {
	cases, controllers string
	first              uint64
	seeds, varied      uint64
	interval           time.Duration
	lines, page        string
	curves, record     string
	lost               string
	figures, known     bool
	workers            int
}

func newBWE() *cobra.Command {
	var q trial
	c := &cobra.Command{
		Use: "bwe", Short: "Play estimators of bandwidth on simulated paths, and judge them",
		Long: `Plays ours and others on simulated paths, and judges ours by the goals. Cases and
metrics: docs/bwe.md. It ends with 1 if a bar for the worst seed is lost.`,
		Example: `  meshbench bwe                                 everything; what make bwe does
  meshbench bwe --html bwe.html                 with the curves, to look at offline
  meshbench bwe --case 5.1,bloat --with ours    while working on the estimator
  meshbench bwe --case 5.1 --figures            all figures, a line for each run
  meshbench bwe --with ours --lost pictures     a picture of the worst run behind each lost bar
  meshbench bwe --case 5.1 --with ours --record traces
  meshbench bwe replay traces/ours-5.1-1-0.trace`,
		RunE: func(c *cobra.Command, _ []string) error { return q.estimate(c.Context()) },
	}
	c.Args = func(c *cobra.Command, arguments []string) error {
		if len(arguments) > 0 {
			return fmt.Errorf("bwe: %q is no verb and no flag; --help lists them", arguments[0])
		}
		return nil
	}
	flags := c.Flags()
	flags.StringVar(&q.cases, "case", "", "cases, with commas; all without, but for those that repeat others")
	flags.StringVar(&q.controllers, "with", "ours,nada,gcc,pion", "who is played, with commas: pion is ours in Pion, bucket ours behind a leaky bucket")
	flags.Uint64Var(&q.first, "first", 1, "the first seed: who tunes something judges it with seeds it was not tuned on")
	flags.Uint64Var(&q.seeds, "seeds", 5, "how many seeds")
	flags.Uint64Var(&q.varied, "varied", 5, "how many seeds with schedules varied by them")
	flags.DurationVar(&q.interval, "interval", 50*time.Millisecond, "between reports")
	flags.StringVar(&q.lines, "json", "", "file for the runs, as JSON lines")
	flags.StringVar(&q.page, "html", "", "file for the report with curves; it needs no network")
	flags.StringVar(&q.curves, "curve", "", "folder for the curves as CSV, a file for each controller, case, seed and flow")
	flags.StringVar(&q.lost, "lost", "", "folder for pictures (SVG): of each bar that ours has lost, the worst run")
	flags.StringVar(&q.record, "record", "", "folder for the traces of ours, a file for each case, seed and flow; bwe replay reads them")
	flags.BoolVar(&q.figures, "figures", false, "print all figures, a line for each run, in place of the table")
	flags.BoolVar(&q.known, "known", false, "end with 1 only for bars that are not known to be lost (bench/congestion/known.go); CI plays like that")
	flags.IntVar(&q.workers, "workers", 2, "how many runs are played at a time")
	c.AddCommand(newReplay(), newReal())
	return c
}

// estimate plays cases of bench/congestion.
func (q trial) estimate(ctx context.Context) error {
	if q.workers < 1 {
		return errors.New("--workers has to be 1 or more")
	}
	plays, bubbled, err := q.plays()
	if err != nil {
		return err
	}
	if q.record != "" {
		if err := os.MkdirAll(q.record, 0o777); err != nil {
			return err
		}
	}
	if len(plays) == 0 {
		return errors.New("--seeds and --varied are 0: nothing to play")
	}
	// What a run notes is thrown away with it. To look for that a quarter as often saves
	// a fifth of the time.
	debug.SetGCPercent(400)
	if !bubbled {
		return q.run(ctx, plays, func(f func(*bubble.Bubble)) { f(nil) })
	}
	bubble.Program(func(t *testing.T) int {
		return complain(q.run(ctx, plays, func(f func(*bubble.Bubble)) { bubble.Play(t, f) }))
	})
	return nil // not reached: Program ends the process
}

// plays gives all runs that were asked for, those of one case together, and
// whether any needs a bubble.
func (q *trial) plays() (plays []play, bubbled bool, err error) {
	with, err := chosen(q.controllers, "controller", controllers(), func(c *controller) string { return c.word })
	if err != nil {
		return nil, false, err
	}
	cases, err := chosen(q.cases, "case", scenes(q.interval), func(s scene) string { return s.name })
	if err != nil {
		return nil, false, err
	}
	for i := range cases {
		s := &cases[i]
		if s.again && q.cases == "" {
			continue
		}
		for _, c := range with {
			if (s.alone || s.own && q.cases == "") && c.name != table.Ours {
				continue
			}
			bubbled = bubbled || c.bubbled
			for seed := q.first; seed < q.first+q.seeds; seed++ {
				plays = append(plays, play{c, s, seed, false, q.curves != "" || q.page != "" && seed == q.first, q.record})
			}
			for seed := q.first; seed < q.first+q.varied; seed++ {
				plays = append(plays, play{c, s, seed, true, q.curves != "", q.record})
			}
		}
	}
	return plays, bubbled, nil
}

// chosen gives those of all whose words are in a list with commas; all of them if
// that is empty.
func chosen[T any](list, what string, all []T, word func(T) string) (some []T, err error) {
	if list == "" {
		return all, nil
	}
	var words []string
	for _, one := range all {
		words = append(words, word(one))
	}
	for wanted := range strings.SplitSeq(list, ",") {
		at := slices.Index(words, strings.TrimSpace(wanted))
		if at < 0 {
			return nil, fmt.Errorf("there is no %s %q; there are %s", what, strings.TrimSpace(wanted), strings.Join(words, ", "))
		}
		some = append(some, all[at])
	}
	return some, nil
}

// run plays, with a bubble from in for those who need one, and prints.
func (q *trial) run(ctx context.Context, plays []play, in func(func(*bubble.Bubble))) error {
	began := time.Now()
	runs, err := q.playAll(ctx, plays, in)
	if err != nil {
		return err
	}
	took := time.Since(began).Round(time.Second / 10)
	if q.figures {
		for i := range runs {
			fmt.Printf("%-12s %s\n", runs[i].Controller, runs[i].String())
		}
	} else if err := table.Print(os.Stdout, runs); err != nil {
		return err
	}
	fmt.Printf("%d runs in %v\n", len(runs), took)
	if err := q.write(runs); err != nil {
		return err
	}
	return q.verdict(runs)
}

// verdict is an error if a bar is lost that should not be.
func (q *trial) verdict(runs []table.Run) error {
	if table.Controllers(runs)[0] != table.Ours {
		return nil
	}
	rows := table.Rows(runs)
	switch lost := table.Count(rows, 0).Lost; {
	case q.known:
		fresh, err := table.New(os.Stdout, rows)
		if err == nil && fresh > 0 {
			err = errNewlyLost
		}
		return err
	case lost > 0:
		return errLost
	}
	return nil
}

// write makes the files that were asked for.
func (q *trial) write(runs []table.Run) error {
	if q.lines != "" {
		err := create(q.lines, func(w *bufio.Writer) error {
			for i := range runs {
				if err := table.Write(w, runs[i]); err != nil {
					return err
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
		about := make(map[string]string)
		for _, s := range scenes(q.interval) {
			about[s.name] = s.about
		}
		err := create(q.page, func(w *bufio.Writer) error { return table.Page(w, runs, about, made) })
		if err != nil {
			return err
		}
		fmt.Printf("the report is %s\n", q.page)
	}
	if q.lost != "" {
		if err := q.drawLost(runs); err != nil {
			return err
		}
	}
	if q.curves != "" {
		return writeCurves(q.curves, runs)
	}
	return nil
}

// create writes a file, and says if any of it failed.
func create(name string, write func(*bufio.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	return errors.Join(write(w), w.Flush(), file.Close())
}

// writeCurves writes a file for each flow.
func writeCurves(folder string, runs []table.Run) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for i := range runs {
		r := &runs[i]
		kind := ""
		if r.Varied {
			kind = "-varied"
		}
		for k := range r.Curves {
			name := fmt.Sprintf("%s-%s%s-%d-%d.csv", r.Controller, r.Case, kind, r.Seed, r.Curves[k].Flow)
			name = filepath.Join(folder, strings.ReplaceAll(name, " ", "-"))
			if err := create(name, func(w *bufio.Writer) error { return r.Curves[k].WriteCSV(w) }); err != nil {
				return err
			}
		}
	}
	return nil
}
