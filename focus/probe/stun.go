package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// STUN asks a server for our external address. server is a stun: or turn: URI,
// or host:port; a TURN server answers STUN as well.
func (p *Prober) STUN(ctx context.Context, server string) (f Finding) {
	s, err := parseServer(server, "")
	if err != nil {
		return unreadable("stun", server, err)
	}
	f = begin("stun", "our address as seen by "+s.String())
	defer f.took(time.Now())
	p.say("stun: asking %s for our address", s)
	local, seen, err := p.reflexive(ctx, s)
	switch {
	case stopped(ctx, &f):
	case err != nil:
		f.failed(err, diagnoseSTUN(err, s))
	case seen == local:
		f.Found = seen.String() + ", which is our own: no NAT on this way"
	default:
		f.Found = fmt.Sprintf("%s, for our %s: there is a NAT on this way", seen, local)
	}
	return f
}

// reflexive gives our address towards a server and the same as seen by it.
func (p *Prober) reflexive(ctx context.Context, s server) (local, seen netip.AddrPort, err error) {
	l, err := p.dial(ctx, s)
	if err != nil {
		return local, seen, err
	}
	defer l.close()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return local, seen, err
	}
	answer, err := l.exchange(ctx, request)
	if err != nil {
		return local, seen, err
	}
	if err := refusal(answer); err != nil {
		return local, seen, err
	}
	seen, ok := mappedIn(answer)
	if !ok {
		return local, seen, errNoAddress
	}
	return l.local(), seen, nil
}

// diagnoseSTUN is diagnose for a server that wants no credentials from others.
func diagnoseSTUN(err error, s server) remedy {
	if codeOf(err) == stun.CodeUnauthorized {
		return remedy{
			cause: "the server answers STUN only to those with credentials",
			fix:   "switch secure-stun off: clients ask for their address without credentials",
		}
	}
	return diagnose(err, s, Credentials{}, time.Now())
}
