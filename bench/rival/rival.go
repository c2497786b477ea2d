package rival

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"meshfocus/bench/party"
)

var (
	// ErrMissing: the program, or something that it needs, is not there.
	ErrMissing = errors.New("cannot be started")
	// ErrRefused: the server did not let a party in.
	ErrRefused = errors.New("the server refused")
)

// Rival is a program that forwards media.
type Rival interface {
	// Name is what tables call it: "ours", "livekit".
	Name() string
	// Version says what exactly would be started. The error, ErrMissing, says in a
	// sentence what is missing.
	Version(ctx context.Context) (string, error)
	// Start starts a process and returns when it answers.
	Start(ctx context.Context, place Place, options Options) (Server, error)
}

// Server is one process of a Rival. Its methods are called one after the other, but
// for Subscribe, which may be called for several Ends at once.
type Server interface {
	// Publish brings an End in that publishes, and Subscribe one that receives
	// from others, who were published before and have begun to send. Both return
	// when descriptions were exchanged; End.Connected waits for the rest.
	Publish(ctx context.Context, end *party.End) error
	Subscribe(ctx context.Context, end *party.End, from []*party.End) error
	// Allocations says how many the process made since its start, if it tells.
	Allocations(ctx context.Context) (count uint64, told bool)
	// PID is the process whose Usage counts; 0 if it runs elsewhere.
	PID() int
	// Stop ends the process and waits for it. What it printed is in the error if
	// it had ended before.
	Stop() error
}

// Chooser is a Server that can be told which layers an End that has come in wants from
// now on: End.LayerOf, of each whom it receives from.
type Chooser interface {
	Choose(ctx context.Context, end *party.End, from []*party.End) error
}

// Place is where a process runs.
type Place struct {
	// Prefix is put before the command, such as "ip netns exec a taskset -c 0".
	// What it starts must be replaced by the command (exec).
	Prefix []string
	// Address is where it can be reached, and is to offer.
	Address netip.Addr
	// Folder is for its settings and what it prints.
	Folder string
}

// Options are what a measurement asks of a process.
type Options struct {
	// Tick is as in a scenario, where that is known.
	Tick time.Duration
	// Lanes is how many cores it may use.
	Lanes int
	// Codec is that of the pictures, "" VP8, for servers whose rooms have to know.
	Codec string
	// Adaptive has ours pace, and choose layers, by what each way carries, as it does
	// where nobody says otherwise; servers of others do as they do.
	Adaptive bool
}

// room is the one that all meet in.
const room = "bench"
