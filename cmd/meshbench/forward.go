package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/null"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
)

// behind is what is asked of a forwarder behind a door.
type behind struct {
	listen string
	tick   time.Duration
	lanes  int
	// adaptive is for ours alone.
	adaptive bool
}

// command gives a verb that serve starts, which nobody else needs to see.
func (b *behind) command(name, short string, run func(context.Context) error) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Hidden: true, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return run(c.Context()) }}
	c.Flags().StringVar(&b.listen, "listen", "127.0.0.1:7880", "address of the door")
	c.Flags().DurationVar(&b.tick, "tick", 0, "gather what leaves for so long at most; 0 is as it comes, below 0 lets it leave at once")
	c.Flags().IntVar(&b.lanes, "lanes", 1, "lanes, one for each core")
	c.Flags().BoolVar(&b.adaptive, "adaptive", false, "pace and choose layers by what each way carries")
	return c
}

// serve opens the door until the context ends.
func (b *behind) serve(ctx context.Context, forwarder door.Forwarder) error {
	listener, err := net.Listen("tcp", b.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: door.Handler(forwarder)}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newForward() *cobra.Command {
	b := &behind{}
	return b.command("forward", "Forward media with ours, with a door for parties: what run starts", func(ctx context.Context) error {
		forwarder, err := ours.New(ours.Config{Tick: b.tick, Lanes: b.lanes, Adaptive: b.adaptive, Loopback: true})
		if err != nil {
			return err
		}
		return errors.Join(b.serve(ctx, forwarder), forwarder.Close())
	})
}

// newPlain is the plain forwarder, which knows no tick, no lanes and no layers, but can be
// made worse than it is: what check starts.
func newPlain() *cobra.Command {
	b := &behind{}
	var by plain.Worse
	c := b.command("plain", "Forward media with pion/webrtc alone, likewise", func(ctx context.Context) error {
		forwarder, err := plain.NewWorse(by)
		if err != nil {
			return err
		}
		return errors.Join(b.serve(ctx, forwarder), forwarder.Close())
	})
	c.Flags().DurationVar(&by.Delay, "delay", 0, "by how much later each packet leaves")
	c.Flags().Float64Var(&by.Drop, "drop", 0, "part of the packets that are passed on to nobody")
	c.Flags().DurationVar(&by.Burn, "burn", 0, "processor time spent for nothing on each packet that leaves")
	return c
}

// newNull is what passes on datagrams and is no server.
func newNull() *cobra.Command {
	b := &behind{}
	return b.command("null", "Pass datagrams on, likewise: what is measured of it is no server's", func(ctx context.Context) error {
		address, err := netip.ParseAddrPort(b.listen)
		if err != nil {
			return err
		}
		reflector, err := null.New(address.Addr())
		if err != nil {
			return err
		}
		return errors.Join(b.serve(ctx, reflector), reflector.Close())
	})
}
