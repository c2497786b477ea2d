// Command meshbench measures real-time servers, meshes and homeservers with the
// same traffic, side by side on one machine (docs/bench.md), and estimators of
// bandwidth on simulated paths (docs/bwe.md).
//
//	meshbench list              scenarios that there are
//	meshbench show NAME         one of them, as the YAML that it is
//	meshbench run NAME…         measure, then print the table
//	meshbench report FILE…      print the table of rounds measured before
//	meshbench compare OLD NEW   what has become better or worse, and how sure that is
//	meshbench check             see whether it sees what is made worse on purpose
//	meshbench clock HOST:PORT   how far another machine's clock is ahead
//	meshbench party             be the subscribers of calls that another machine measures
//	meshbench bwe               play the cases for estimators, then print the table
//	meshbench bwe replay FILE   have the estimator decide again what a trace recorded
//	meshbench bwe real          hold the simulation against Chromium in real time
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if code := complain(run(ctx, os.Args[1:])); code != 0 {
		os.Exit(code)
	}
}

// complain says what went wrong, and gives what the process ends with.
func complain(err error) (code int) {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "meshbench:", inOneLine(err))
	return 1
}

// inOneLine tells errors that were joined beside each other, and each once.
func inOneLine(err error) string {
	var said []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}

// run does what the arguments say.
func run(ctx context.Context, arguments []string) error {
	root := newRoot()
	root.SetArgs(doubled(arguments))
	return root.ExecuteContext(ctx)
}

// doubled gives flags of one dash two, as Go's own tools take both: all of ours
// are words, and -h is help.
func doubled(arguments []string) []string {
	all := make([]string, len(arguments))
	for i, argument := range arguments {
		if len(argument) > 2 && argument[0] == '-' && argument[1] >= 'a' && argument[1] <= 'z' {
			argument = "-" + argument
		}
		all[i] = argument
		if argument == "--" {
			copy(all[i:], arguments[i:])
			break
		}
	}
	return all
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "meshbench",
		Short: "Honest numbers of real-time servers, meshes and homeservers",
		Long: `meshbench sends the same traffic to whatever it measures, counts what the other
side really got, checks that it sent what it claims, and says how sure it is.`,
		Example: `  meshbench list                                  what can be measured
  meshbench run meeting --targets ours,livekit    two servers, by turns
  meshbench report --html bench.html rounds.jsonl with curves, to look at offline
  meshbench compare before.jsonl after.jsonl      what has changed, and how sure that is
  meshbench bwe --html bwe.html                   estimators on simulated paths; two minutes`,
		SilenceErrors: true, SilenceUsage: true,
	}
	root.Args = func(_ *cobra.Command, arguments []string) error {
		if len(arguments) > 0 {
			return fmt.Errorf("there is no verb %q; there are %s", arguments[0], strings.Join(verbsOf(root), ", "))
		}
		return nil
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists flags", err, c.CommandPath())
	})
	root.AddCommand(newList(), newShow(), newRun(), newReport(), newCompare(), newCheck(), newClock(), newParty(), newBWE(), newPlan(), newForward(), newPlain(), newNull(), newHomeserver(), newRelay(), newOurRelay(), newManual(root))
	return root
}

// verbsOf gives the verbs that are shown.
func verbsOf(c *cobra.Command) (verbs []string) {
	for _, verb := range c.Commands() {
		if !verb.Hidden && verb.Name() != "help" {
			verbs = append(verbs, verb.Name())
		}
	}
	return verbs
}
