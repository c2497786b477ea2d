package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// comparison is what is asked of run.
type comparison struct {
	cases, rivals, cores, prefix     string
	own, theirs, folder, out         string
	liveKit, janus, modules, library string
	coturn, mediaMTX                 string
	machine, place                   string
	files                            files
	homes                            homes
	whip                             whip
	farLiveKit                       farLiveKit
	second                           second
	mayLoad                          string
	source, sound                    string // files
	rounds, spare, loops             int
	seed                             uint64
	warm, measure                    time.Duration
	// What check has to find out: a generator that stands still, clocks that are wrong.
	stall  time.Duration
	clocks offset.Offset
}

func newRun() *cobra.Command {
	var q comparison
	c := &cobra.Command{
		Use: "run [flags] SCENARIO…", Short: "Measure scenarios, several targets by turns, then print the table",
		Long: `Measures scenarios, of the library (meshbench list) or from files of your own, in
rounds in which targets take turns, so that whatever else the machine does meets all
of them alike. Without a name it measures all in which servers forward.

Each round is appended to --out as soon as it is there, and what was measured until
Ctrl-C is reported all the same. What cannot be started is named and left out.
docs/bench.md has the method, and how to read a report.`,
		Example: `  meshbench run smoke                               can everything be started?
  meshbench run even bursts --targets ours,livekit  two scenarios, two servers
  meshbench run even slow --html bench.html         with curves, to look at offline
  meshbench run mesh-4                              our mesh, without a server for media
  meshbench run todevice storm-20 --targets embedded
  meshbench run even --whip http://127.0.0.1:8889/s/whip --whep http://127.0.0.1:8889/s/whep
  meshbench run call-3 --livekit-at wss://livekit.example.org --livekit-key KEY --livekit-secret SECRET
  meshbench run call-3 --source film.ivf --sound talk.ogg
  meshbench run ./mine.yaml --rounds 9 --out mine.jsonl`,
		ValidArgsFunction: completeScenarios,
		RunE: func(c *cobra.Command, names []string) error {
			q.cases = strings.Join(names, ",")
			return q.run(c.Context(), c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.StringVar(&q.rivals, "targets", "", "what to measure, with commas; servers that forward: "+forwarders+"; homeservers: "+homeservers+"; relays: "+relays)
	_ = c.RegisterFlagCompletionFunc("targets", completeTargets) // of a flag that there is
	flags.IntVar(&q.rounds, "rounds", 5, "rounds of each target in each scenario")
	flags.IntVar(&q.spare, "spare", 0, "turns more of a scenario at most, where rounds do not count or a verdict is unsure")
	flags.DurationVar(&q.warm, "warm", 2*time.Second, "how long a round gets used to its rate")
	flags.DurationVar(&q.measure, "measure", 5*time.Second, "how long a round is measured")
	flags.Uint64Var(&q.seed, "seed", 1, "what chance begins with in the first round, alike for all targets; each further round has the next")
	flags.StringVar(&q.cores, "cores", "", "cores that servers are bound to, with commas: the first, or all in scenarios that ask for it")
	flags.StringVar(&q.prefix, "prefix", "", "command that starts a server in its place, such as \"ip netns exec a\"")
	flags.StringVar(&q.own, "address", loopback, "IPv4 address of the parties")
	flags.StringVar(&q.theirs, "server", "127.0.0.1", "IPv4 address of the servers")
	flags.StringVar(&q.folder, "folder", os.TempDir(), "where servers have their settings and print")
	flags.StringVar(&q.out, "out", "bench.jsonl", "file for the rounds, as JSON lines")
	flags.StringVar(&q.liveKit, "livekit", "livekit-server", "program of LiveKit")
	flags.StringVar(&q.janus, "janus", "janus", "program of Janus")
	flags.StringVar(&q.mediaMTX, "mediamtx", "mediamtx", "program of MediaMTX")
	flags.StringVar(&q.coturn, "coturn", "turnserver", "program of coturn")
	flags.StringVar(&q.modules, "janus-modules", "/usr/lib/x86_64-linux-gnu/janus", "folder with Janus' plugins and transports")
	flags.StringVar(&q.library, "janus-libraries", "", "folder with a libsrtp2 for Janus")
	flags.IntVar(&q.loops, "janus-loops", 0, "event loops of Janus; 0 is a thread for each connection")
	flags.StringVar(&q.machine, "machine", "", "what the machine is, where the system does not say it well")
	flags.StringVar(&q.place, "place", "servers and parties on loopback", "how servers and parties are joined")
	q.files.flags(flags)
	flags.StringVar(&q.source, "source", "", "file that publishers of calls send: IVF with VP8, VP9 or AV1, or H.264 in annex B form")
	flags.StringVar(&q.sound, "sound", "", "file with the sound that they send: Ogg Opus")
	flags.StringVar(&q.mayLoad, "i-may-load", "", "hosts of servers that are far, named once more, with commas: you may send them real load")
	q.homes.flags(flags)
	q.whip.flags(flags)
	q.farLiveKit.flags(flags)
	q.second.flags(flags)
	return c
}

// run measures what was asked. Everything that may be wrong with that is said
// before anything starts.
func (q comparison) run(ctx context.Context, w io.Writer) error {
	scenarios, err := scenario.Select(q.cases)
	if err != nil {
		return err
	}
	if scenarios, err = q.sending(scenarios); err != nil {
		return err
	}
	measure, err := q.prepare(scenarios)
	if err != nil {
		return err
	}
	if err := q.files.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(q.folder, 0o777); err != nil {
		return err
	}
	file, err := openPad(q.out)
	if err != nil {
		return err
	}
	defer file.Close()
	out := &lines{file: file}
	machine := machineOf(q, scenarios)
	if err := report.Write(out, machine); err != nil {
		return err
	}
	l := &ledger{out: out, kept: file.take, kinds: kindsOf(scenarios), display: newDisplay(os.Stderr)}
	end, err := l.measure(ctx, measure)
	l.display.end()
	if end.Stopped {
		fmt.Fprintln(os.Stderr, "stopped; this is what was measured until then")
	}
	machine.End = &end
	if !out.torn { // else it did not come to its end
		err = errors.Join(err, report.Write(out, end))
	}
	err = errors.Join(err, file.Close())
	if err != nil && len(l.rounds) == 0 {
		return err
	}
	sheet := sheetOf([]report.Machine{machine}, l.rounds)
	fmt.Fprintln(w)
	return errors.Join(err, sheet.Print(w), q.files.write(w, sheet), q.rest(w, l))
}

// rest says where the rounds are; without any, that is an error.
func (q comparison) rest(w io.Writer, l *ledger) error {
	if len(l.rounds) == 0 {
		return errors.New("nothing was measured")
	}
	_, err := fmt.Fprintf(w, "\nrounds are in %s\n", q.out)
	return err
}
