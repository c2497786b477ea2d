// Command meshbench measures: how servers forward media, side by side on one
// machine (`make bench-forward`, docs/benchmarks.md), and how estimators of
// bandwidth do on simulated paths (`make bwe`, docs/bwe.md).
//
//	meshbench compare [flags]   measure, then print the table
//	meshbench report FILE…      print the table of rounds measured before
//	meshbench forward [flags]   ours, with a door for parties (bench/rival/door)
//	meshbench plain [flags]     the plain forwarder on pion/webrtc, likewise
//	meshbench bwe [flags]       play the cases for estimators, then print the table
//	meshbench bwe replay FILE   have the estimator decide again what a trace recorded
//	meshbench bwe real [flags]  hold the simulation against Chromium in real time
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "meshbench:", err)
	return 1
}

const help = `usage: meshbench VERB [flags]

How much can be sent (docs/bwe.md):
  bwe           play estimators of bandwidth on simulated paths, and judge them
  bwe real      hold the simulation against Chromium in real time
  bwe replay    tell a trace of a path: what was decided, why, and whether this code
                decides the same

How fast servers forward media (docs/benchmarks.md):
  compare       measure several, side by side on this machine, then print the table
  report FILE…  print the table of rounds measured before
  forward       ours, with a door for parties: what compare starts
  plain         a plain forwarder on pion/webrtc, likewise

  meshbench bwe -html bwe.html                          all cases, with curves; two minutes
  meshbench bwe replay -html minute.html FILE.trace.gz  a minute from the field

-h after a verb lists its flags.
`

// run does what the first argument says.
func run(ctx context.Context, arguments []string) error {
	verbs := map[string]func(context.Context, []string) error{
		"compare": compare, "report": reports, "forward": forward, "plain": plainForward, "bwe": estimate,
	}
	if len(arguments) > 0 {
		if verb, ok := verbs[arguments[0]]; ok {
			return verb(ctx, arguments[1:])
		}
		if arguments[0] == "-h" || arguments[0] == "--help" || arguments[0] == "help" {
			fmt.Print(help)
			return nil
		}
	}
	return errors.New("say compare, report, forward, plain or bwe; --help explains them")
}
