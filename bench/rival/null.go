package rival

import (
	"context"
	"fmt"
	"net/netip"

	"meshfocus/bench/party"
)

// Null is package null in a process: no server, but what is measured where there is
// next to none. It has no layers, and nothing comes again.
type Null struct{ Forward }

// Start starts the process.
func (n Null) Start(ctx context.Context, place Place, options Options) (Server, error) {
	server, err := n.Forward.Start(ctx, place, options)
	if err != nil {
		return nil, err
	}
	return &reflector{server.(*Served)}, nil
}

// reflector is its process, whose door takes addresses.
type reflector struct{ *Served }

func (r *reflector) Publish(ctx context.Context, end *party.End) error {
	return direct(end, func(own string) (string, error) { return r.Client.Publish(ctx, room, end.Name, own) })
}

func (r *reflector) Subscribe(ctx context.Context, end *party.End, from []*party.End) error {
	names := make([]string, len(from))
	for i, publisher := range from {
		names[i] = publisher.Name
	}
	return direct(end, func(own string) (string, error) { return r.Client.Subscribe(ctx, room, end.Name, names, 0, own) })
}

// direct tells where an End is, and the End where to send to.
func direct(end *party.End, by func(own string) (string, error)) error {
	text, err := by(end.Address().String())
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, end.Name, err)
	}
	to, err := netip.ParseAddrPort(text)
	if err != nil {
		return err
	}
	return end.Direct(to)
}
