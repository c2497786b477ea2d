package probe

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun/v4"
)

// outcome is what came of sending through an allocation.
type outcome struct {
	denied []netip.Addr // peers the relay refused to send to
	direct *echo        // to a socket of ours; nil if no peer was allowed
	relays *echo        // to a second relay of the same server; nil if not needed or not had
	err    error        // why the way to the socket could not be tried, or broke
}

// passed says whether datagrams came back from a socket.
func (o *outcome) passed() bool { return o.direct != nil && o.direct.back > 0 }

// relaysPass says whether two relays reach each other.
func (o *outcome) relaysPass() bool { return o.relays != nil && o.relays.back > 0 }

// through sends datagrams from a socket of ours to the relay and back, and if
// that does not work from a second relay.
func (p *Prober) through(ctx context.Context, s server, a *allocation) *outcome {
	o := &outcome{}
	o.err = p.throughSocket(ctx, a, o)
	if o.passed() || ctx.Err() != nil {
		return o
	}
	p.say("%s: nothing came back through the relay; trying from relay to relay", s)
	b, err := p.allocate(ctx, s, a.credentials)
	if err != nil {
		return o
	}
	defer b.release(ctx)
	if a.permit(ctx, b.relayed.Addr()) == nil && b.permit(ctx, a.relayed.Addr()) == nil {
		o.relays, _ = measure(ctx, a, &relayedFar{b, a.relayed}, b.relayed)
	}
	return o
}

// throughSocket fills in what the direct way gives.
func (p *Prober) throughSocket(ctx context.Context, a *allocation, o *outcome) error {
	own, err := listen(anywhere(a.relayed.Addr()))
	if err != nil {
		return err
	}
	defer own.close()
	at, err := p.admit(ctx, a, own, o)
	if err != nil || !at.IsValid() {
		return err
	}
	o.direct, err = measure(ctx, a, &direct{own, a.relayed}, at)
	return err
}

// admit has the relay let in the addresses that our second socket may have
// behind a NAT, and gives the likeliest of those that it did let in.
func (p *Prober) admit(ctx context.Context, a *allocation, own *socket, o *outcome) (netip.AddrPort, error) {
	var at netip.AddrPort
	for _, peer := range a.guesses(ctx, own) {
		switch err := a.permit(ctx, peer.Addr()); {
		case codeOf(err) == stun.CodeForbidden:
			o.denied = append(o.denied, peer.Addr())
		case err != nil && !at.IsValid():
			return at, err
		case err == nil && !at.IsValid():
			at = peer
		}
	}
	return at, nil
}

// guessPatience is for a question that a server for TCP alone never answers.
const guessPatience = 700 * time.Millisecond

// guesses are the addresses under which the relay may see a socket of ours:
// as the server's STUN side sees it, as it sees our connection, as it is.
func (a *allocation) guesses(ctx context.Context, own *socket) []netip.AddrPort {
	var guesses []netip.AddrPort
	add := func(guess netip.AddrPort) {
		same := func(g netip.AddrPort) bool { return g.Addr() == guess.Addr() }
		if guess.IsValid() && guess.Addr().Is4() == a.relayed.Addr().Is4() && !slices.ContainsFunc(guesses, same) {
			guesses = append(guesses, guess)
		}
	}
	port := own.local().Port()
	asked := a.link.remote()
	if asked.Addr().Is4() != a.relayed.Addr().Is4() {
		asked = netip.AddrPortFrom(a.relayed.Addr(), asked.Port()) // most servers listen where they relay
	}
	if answer, _, err := own.bind(ctx, asked, guessPatience); err == nil {
		seen, _ := mappedIn(answer)
		add(seen)
	}
	add(netip.AddrPortFrom(a.mapped.Addr(), port))
	if addr, ok := outwardAddress(a.relayed); ok {
		add(netip.AddrPortFrom(addr, port))
	}
	return guesses
}
