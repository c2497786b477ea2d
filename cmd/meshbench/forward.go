package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"time"

	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
)

// behind is what is asked of a forwarder behind a door.
type behind struct {
	listen string
	tick   time.Duration
	lanes  int
}

func (b *behind) parse(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&b.listen, "listen", "127.0.0.1:7880", "address of the door")
	flags.DurationVar(&b.tick, "tick", 0, "gather what leaves for so long at most; 0 is as it comes, below 0 lets it leave at once")
	flags.IntVar(&b.lanes, "lanes", 1, "lanes, one for each core")
	return flags.Parse(arguments)
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

// forward is ours.
func forward(ctx context.Context, arguments []string) error {
	var b behind
	if err := b.parse("forward", arguments); err != nil {
		return err
	}
	forwarder, err := ours.New(ours.Config{Tick: b.tick, Lanes: b.lanes, Loopback: true})
	if err != nil {
		return err
	}
	return errors.Join(b.serve(ctx, forwarder), forwarder.Close())
}

// plainForward is the plain forwarder, which knows no tick and no lanes.
func plainForward(ctx context.Context, arguments []string) error {
	var b behind
	if err := b.parse("plain", arguments); err != nil {
		return err
	}
	forwarder, err := plain.New()
	if err != nil {
		return err
	}
	return errors.Join(b.serve(ctx, forwarder), forwarder.Close())
}
