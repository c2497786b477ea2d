package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/clock"
	"meshfocus/bench/offset"
)

// window is the time of one reading of another clock.
const window = time.Second

func newClock() *cobra.Command {
	var listening string
	var lasts time.Duration
	c := &cobra.Command{
		Use: "clock [flags] HOST:PORT", Short: "See how far another machine's clock is ahead of ours, how well that is known, and how it drifts",
		Long: `Asks a meshbench on another machine, which was started with --listen, for the time,
50 times a second, and says how far its clock is ahead of ours. The exchange that was
under way for the shortest time tells it best: it is wrong by half of that at most,
however the ways there and back differ. One-way latencies between the two machines
are worth no more than that.`,
		Example: `  meshbench clock --listen :7900          on the one machine
  meshbench clock bench2.example:7900     on the other`,
		Args: func(_ *cobra.Command, addresses []string) error {
			if listening == "" && len(addresses) != 1 || listening != "" && len(addresses) != 0 {
				return errors.New("clock: say either whom to ask, HOST:PORT, or --listen ADDRESS:PORT to answer")
			}
			return nil
		},
		RunE: func(c *cobra.Command, addresses []string) error {
			if listening != "" {
				return answerClock(c.Context(), c.OutOrStdout(), listening)
			}
			return askClock(c.Context(), c.OutOrStdout(), addresses[0], lasts)
		},
	}
	c.Flags().StringVar(&listening, "listen", "", "answer at this UDP address until Ctrl-C, such as :7900")
	c.Flags().DurationVar(&lasts, "for", 10*time.Second, "how long to ask; the longer, the better drift is known")
	return c
}

// answerClock answers until the context ends.
func answerClock(ctx context.Context, w io.Writer, address string) error {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "says the time at %s\n", conn.LocalAddr()); err != nil {
		return errors.Join(err, conn.Close())
	}
	return clock.Serve(ctx, conn.(*net.UDPConn), offset.Clock{}) // udp gives that
}

// askClock asks for a while, or until the context ends, and says what came of it.
func askClock(ctx context.Context, w io.Writer, address string, lasts time.Duration) error {
	if lasts <= 0 {
		return fmt.Errorf("--for %v: it has to be longer", lasts)
	}
	asker, err := clock.Dial(ctx, address, offset.Clock{})
	if err != nil {
		return err
	}
	defer asker.Close()
	var track offset.Track
	for end := time.Now().Add(lasts); ctx.Err() == nil && time.Now().Before(end); {
		r, err := asker.Read(ctx, min(window, time.Until(end)))
		if len(track) == 0 && err != nil {
			return err
		}
		if err == nil { // a second without an answer is in the count
			track = append(track, r)
		}
	}
	return errors.Join(sayClock(w, track, asker.Asked, asker.Answered), track.Check())
}

// sayClock says what was read.
func sayClock(w io.Writer, track offset.Track, asked, answered uint64) error {
	best, ok := track.Best()
	if !ok {
		return nil
	}
	drift := "not known of one reading"
	if gain, bound := track.Drift(); !math.IsInf(bound, 1) {
		drift = fmt.Sprintf("gains %.2f ± %.2f ppm on ours", gain*1e6, bound*1e6)
	}
	_, err := fmt.Fprintf(w, "offset   ahead of ours by %.3f ms, ± %.3f ms\ndrift    %s\nanswers  %d of %d, the quickest after %.3f ms\n",
		inMillis(best.Ahead), inMillis(best.Bound), drift, answered, asked, inMillis(2*best.Bound))
	return err
}

func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
