package rival

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"

	"meshfocus/bench/party"
	"meshfocus/bench/rival/door"
)

// port is where parties come in where none can be looked for, because the place's
// address is that of another network.
const port = 7880

// free gives an address at which nobody listens, so that two runs on one machine do
// not meet each other's servers.
func free(address netip.Addr) string {
	listener, err := net.Listen("tcp", net.JoinHostPort(address.String(), "0"))
	if err != nil {
		return net.JoinHostPort(address.String(), strconv.Itoa(port))
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Forward is a forwarder behind package door: a verb of our own program.
type Forward struct {
	Title   string // "ours"
	Program string // path of meshbench
	Verb    string // "forward"
	Module  string // whose version tells; "" for ourselves
	// Arguments are for the verb, besides what every one gets.
	Arguments []string
}

// Name gives the title.
func (f Forward) Name() string { return f.Title }

// Version gives that of the module, or the commit we are built from.
func (f Forward) Version(context.Context) (string, error) {
	if _, err := os.Stat(f.Program); err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrMissing, f.Title, err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", nil
	}
	if f.Module == "" {
		return Commit(info), nil
	}
	for _, module := range info.Deps {
		if module.Path == f.Module {
			return f.Module + " " + module.Version, nil
		}
	}
	return f.Module, nil
}

// Commit says what a program of ours is built from, as far as the build tells.
func Commit(info *debug.BuildInfo) string {
	revision, modified := info.Main.Version, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", changed"
		}
	}
	return revision + modified
}

// Start starts the verb.
func (f Forward) Start(ctx context.Context, place Place, options Options) (Server, error) {
	listen := free(place.Address)
	command := append([]string{f.Program, f.Verb, "--listen", listen,
		"--tick", options.Tick.String(), "--lanes", strconv.Itoa(max(options.Lanes, 1)), "--adaptive=" + strconv.FormatBool(options.Adaptive)}, f.Arguments...)
	p, err := start(place, f.Title, nil, command...)
	if err != nil {
		return nil, err
	}
	if err := p.answers(ctx, listen); err != nil {
		return nil, err
	}
	return &Served{Client: door.Client{URL: "http://" + listen}, Process: p.PID(), End: p.Stop}, nil
}

// Served is a Server behind a door.
type Served struct {
	Client door.Client
	// Process is whose Usage counts, End what ends it.
	Process int
	End     func() error
}

// PID gives the Process.
func (s *Served) PID() int { return s.Process }

// Stop calls End.
func (s *Served) Stop() error { return s.End() }

// Publish brings an End in that publishes.
func (s *Served) Publish(ctx context.Context, end *party.End) error {
	return exchange(ctx, end, func(offer string) (string, error) { return s.Client.Publish(ctx, room, end.Name, offer) })
}

// Subscribe brings an End in that receives.
func (s *Served) Subscribe(ctx context.Context, end *party.End, from []*party.End) error {
	names := make([]string, len(from))
	for i, publisher := range from {
		names[i] = publisher.Name
	}
	return exchange(ctx, end, func(offer string) (string, error) {
		return s.Client.Subscribe(ctx, room, end.Name, names, end.Layer, offer)
	})
}

// Choose says which layers an End wants. It is refused by the plain one, which knows one layer.
func (s *Served) Choose(ctx context.Context, end *party.End, from []*party.End) error {
	layers := make(map[string]int)
	for _, publisher := range from {
		layers[publisher.Name] = end.LayerOf(publisher)
	}
	if err := s.Client.Choose(ctx, room, end.Name, layers); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, end.Name, err)
	}
	return nil
}

// Allocations asks the forwarder.
func (s *Served) Allocations(ctx context.Context) (uint64, bool) {
	usage, err := s.Client.Usage(ctx)
	return usage.Allocations, err == nil
}

// exchange has an End make an offer and take the answer.
func exchange(ctx context.Context, end *party.End, by func(offer string) (string, error)) error {
	offer, err := end.Offer(ctx)
	if err != nil {
		return err
	}
	answer, err := by(offer)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, end.Name, err)
	}
	return end.Accept(answer)
}
