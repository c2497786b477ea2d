package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/contest"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// comparison is what is asked of run.
type comparison struct {
	cases, rivals, cores, prefix     string
	own, theirs, folder, out         string
	liveKit, janus, modules, library string
	machine, place                   string
	rounds, loops                    int
	warm, measure                    time.Duration
}

func newRun() *cobra.Command {
	var q comparison
	c := &cobra.Command{
		Use: "run [flags] SCENARIO…", Short: "Measure scenarios, several targets by turns, then print the table",
		Long: `Measures scenarios, of the library (meshbench list) or from files of your own, in
rounds in which targets take turns, so that whatever else the machine does meets all
of them alike. Without a name it measures all in which servers forward.

What was measured until Ctrl-C is printed all the same. docs/bench.md has the method.`,
		Example: `  meshbench run smoke                              can everything be started?
  meshbench run even bursts --targets ours,livekit  two scenarios, two servers
  meshbench run ./mine.yaml --rounds 9 --out mine.jsonl`,
		ValidArgsFunction: completeScenarios,
		RunE: func(c *cobra.Command, names []string) error {
			q.cases = strings.Join(names, ",")
			// The loop of parties has a thread for itself; handshakes go on beside it,
			// also where there is one core.
			runtime.GOMAXPROCS(3)
			// Collecting garbage takes the parties' core from the loop.
			debug.SetGCPercent(800)
			return q.run(c.Context())
		},
	}
	flags := c.Flags()
	flags.StringVar(&q.rivals, "targets", "ours,livekit,janus,pion", "what to measure, with commas")
	flags.IntVar(&q.rounds, "rounds", 5, "rounds of each target in each scenario")
	flags.DurationVar(&q.warm, "warm", 2*time.Second, "how long a round gets used to its rate")
	flags.DurationVar(&q.measure, "measure", 5*time.Second, "how long a round is measured")
	flags.StringVar(&q.cores, "cores", "", "cores that servers are bound to, with commas: the first, or all in scenarios that ask for it")
	flags.StringVar(&q.prefix, "prefix", "", "command that starts a server in its place, such as \"ip netns exec a\"")
	flags.StringVar(&q.own, "address", "127.0.0.1", "IPv4 address of the parties")
	flags.StringVar(&q.theirs, "server", "127.0.0.1", "IPv4 address of the servers")
	flags.StringVar(&q.folder, "folder", os.TempDir(), "where servers have their settings and print")
	flags.StringVar(&q.out, "out", "bench.jsonl", "file for the rounds, as JSON lines")
	flags.StringVar(&q.liveKit, "livekit", "livekit-server", "program of LiveKit")
	flags.StringVar(&q.janus, "janus", "janus", "program of Janus")
	flags.StringVar(&q.modules, "janus-modules", "/usr/lib/x86_64-linux-gnu/janus", "folder with Janus' plugins and transports")
	flags.StringVar(&q.library, "janus-libraries", "", "folder with a libsrtp2 for Janus")
	flags.IntVar(&q.loops, "janus-loops", 0, "event loops of Janus; 0 is a thread for each connection")
	flags.StringVar(&q.machine, "machine", "machine unknown", "what the machine is")
	flags.StringVar(&q.place, "place", "servers and parties on loopback", "how servers and parties are joined")
	return c
}

func (q comparison) run(ctx context.Context) error {
	config, err := q.config()
	if err != nil {
		return err
	}
	out, err := os.Create(q.out)
	if err != nil {
		return err
	}
	defer out.Close()
	machine := report.Machine{Machine: q.machine, Place: q.place}
	if err := report.Write(out, machine); err != nil {
		return err
	}
	var rounds []report.Round
	config.Took = func(r report.Round) error {
		rounds = append(rounds, r)
		return report.Write(out, r)
	}
	config.Say = func(format string, arguments ...any) {
		fmt.Printf("%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, arguments...))
	}
	err = contest.Run(ctx, config)
	if errors.Is(err, context.Canceled) {
		fmt.Println("stopped; this is what was measured until then")
		err = nil
	}
	fmt.Println()
	report.Print(os.Stdout, []report.Machine{machine}, rounds, report.Targets())
	fmt.Printf("\nrounds are in %s\n", q.out)
	return err
}

// config puts together what was asked.
func (q comparison) config() (c contest.Config, err error) {
	if c.Scenarios, err = scenario.Select(q.cases); err != nil {
		return c, err
	}
	if c.Rivals, err = q.choose(); err != nil {
		return c, err
	}
	if c.Address, err = netip.ParseAddr(q.own); err != nil {
		return c, err
	}
	if c.Place.Address, err = netip.ParseAddr(q.theirs); err != nil {
		return c, err
	}
	c.Place.Prefix = strings.Fields(q.prefix)
	if c.Place.Folder, err = filepath.Abs(q.folder); err != nil {
		return c, err
	}
	for text := range strings.FieldsFuncSeq(q.cores, func(r rune) bool { return r == ',' }) {
		core, err := strconv.Atoi(text)
		if err != nil {
			return c, fmt.Errorf("core %q: %w", text, err)
		}
		c.Cores = append(c.Cores, core)
	}
	c.Rounds, c.Warm, c.Measure = q.rounds, q.warm, q.measure
	return c, nil
}

// choose gives the rivals that were named.
func (q comparison) choose() (chosen []rival.Rival, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := []rival.Rival{
		rival.Forward{Title: report.Ours, Program: program, Verb: "forward"},
		rival.LiveKit{Program: q.liveKit},
		rival.Janus{Program: q.janus, Modules: q.modules, Libraries: q.library, Loops: q.loops},
		rival.Forward{Title: "pion", Program: program, Verb: "plain", Module: "github.com/pion/webrtc/v4"},
	}
	for name := range strings.SplitSeq(q.rivals, ",") {
		found := false
		for _, r := range all {
			if r.Name() == strings.TrimSpace(name) {
				chosen, found = append(chosen, r), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no target %q; there are ours, livekit, janus and pion", name)
		}
	}
	return chosen, nil
}
