package probe

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// releasePatience is how long giving a relay back may take, also when the
// check was cancelled.
const releasePatience = 700 * time.Millisecond

// mostNonces is how often a nonce may be called stale before that is a fault:
// once at the end of its life, once more by bad luck.
const mostNonces = 3

// allocation is a relayed address on a server (RFC 8656 section 2.2).
type allocation struct {
	link        *link
	credentials Credentials
	realm       stun.Realm
	nonce       stun.Nonce
	integrity   stun.MessageIntegrity
	challenged  bool // the server asked for credentials at all
	relayed     netip.AddrPort
	mapped      netip.AddrPort // our address as the server sees it
	onlyIPv6    bool           // there was no relay with an IPv4 address
	bound       netip.AddrPort // the peer that has a channel, if one has
	released    *atomic.Int64  // when the prober gave a relay back last, in Unix milliseconds
}

// settling is how long a server may count a relay that was given back: coturn
// clears up once a second.
const settling = 1600 * time.Millisecond

// allocate asks for a relay. While relays of an earlier check may still be
// counted it asks again, lest we take our own for other people's.
func (p *Prober) allocate(ctx context.Context, s server, credentials Credentials) (*allocation, error) {
	for {
		a, err := p.allocateOnce(ctx, s, credentials)
		switch codeOf(err) {
		case stun.CodeAllocQuotaReached, stun.CodeInsufficientCapacity, stun.CodeAllocMismatch:
		default:
			return a, err
		}
		if ctx.Err() != nil || time.Since(time.UnixMilli(p.released.Load())) > settling {
			return a, err
		}
		select {
		case <-time.After(settling / 16):
		case <-ctx.Done():
		}
	}
}

// allocateOnce asks for a relay of IPv4, which is what clients do, and for one
// of IPv6 if the server has no other.
func (p *Prober) allocateOnce(ctx context.Context, s server, credentials Credentials) (*allocation, error) {
	a, err := p.allocateFamily(ctx, s, credentials, 0)
	if err == nil {
		a.onlyIPv6 = a.relayed.Addr().Is6()
		return a, nil
	}
	if code := codeOf(err); code != stun.CodeAddrFamilyNotSupported && code != stun.CodeInsufficientCapacity {
		return nil, err
	}
	if six, again := p.allocateFamily(ctx, s, credentials, familyIPv6); again == nil {
		six.onlyIPv6 = true
		return six, nil
	}
	return nil, err
}

func (p *Prober) allocateFamily(ctx context.Context, s server, credentials Credentials, family byte) (*allocation, error) {
	l, err := p.dial(ctx, s)
	if err != nil {
		return nil, err
	}
	a := &allocation{link: l, credentials: credentials, released: &p.released}
	setters := []stun.Setter{requestedUDP()}
	if family != 0 {
		setters = append(setters, requestedFamily(family))
	}
	answer, err := a.ask(ctx, stun.MethodAllocate, setters...)
	if errors.Is(err, errSilent) && ctx.Err() == nil {
		if _, _, again := p.reflexive(ctx, s); again == nil {
			err = errOnlySTUN
			// It lives: it has another chance before that is said of it.
			if late, again := a.ask(ctx, stun.MethodAllocate, setters...); !errors.Is(again, errSilent) {
				answer, err = late, again
			}
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	var ok bool
	if a.relayed, ok = addressIn(answer, stun.AttrXORRelayedAddress); !ok {
		l.close()
		return nil, errNoAddress
	}
	a.mapped, _ = mappedIn(answer)
	return a, nil
}

// ask sends a request, the first one without credentials, and answers the
// server's challenges (RFC 8489 section 9.2).
func (a *allocation) ask(ctx context.Context, method stun.Method, setters ...stun.Setter) (*stun.Message, error) {
	for nonces := 0; ; nonces++ {
		request, err := a.request(method, setters)
		if err != nil {
			return nil, err
		}
		answer, err := a.link.exchange(ctx, request)
		if err != nil {
			return nil, err
		}
		if answer.Type.Class == stun.ClassSuccessResponse {
			return answer, a.check(answer)
		}
		err = refusal(answer)
		code := codeOf(err)
		first := code == stun.CodeUnauthorized && !a.challenged
		if !first && code != stun.CodeStaleNonce {
			return nil, err
		}
		if nonces == mostNonces {
			return nil, errNonces
		}
		if err := a.accept(answer); err != nil {
			return nil, err
		}
	}
}

func (a *allocation) request(method stun.Method, setters []stun.Setter) (*stun.Message, error) {
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)
	if a.challenged {
		all = append(all, stun.NewUsername(a.credentials.Username), a.realm, a.nonce, a.integrity)
	}
	return stun.Build(append(all, stun.Fingerprint)...)
}

// accept takes realm and nonce from a challenge.
func (a *allocation) accept(challenge *stun.Message) error {
	var realm stun.Realm
	var nonce stun.Nonce
	if realm.GetFrom(challenge) != nil || nonce.GetFrom(challenge) != nil || len(nonce) == 0 {
		return errChallenge
	}
	a.realm, a.nonce, a.challenged = realm, nonce, true
	a.integrity = stun.NewLongTermIntegrity(a.credentials.Username, a.realm.String(), a.credentials.Password)
	return nil
}

// check makes sure that it was the server who answered: it knows the key.
func (a *allocation) check(answer *stun.Message) error {
	if !a.challenged {
		return nil
	}
	if err := a.integrity.Check(answer); err != nil {
		return errIntegrity
	}
	return nil
}

// permit lets an address send to the relay and be sent to. Ports do not
// matter (RFC 8656 section 9).
func (a *allocation) permit(ctx context.Context, peer netip.Addr) error {
	_, err := a.ask(ctx, stun.MethodCreatePermission, xorAddress{stun.AttrXORPeerAddress, netip.AddrPortFrom(peer, 9)})
	return err
}

// send has the relay send a datagram. Nobody confirms it.
func (a *allocation) send(peer netip.AddrPort, payload []byte) error {
	if peer == a.bound {
		_, err := a.link.conn.Write(inChannel(payload))
		return err
	}
	indication, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		xorAddress{stun.AttrXORPeerAddress, peer}, attribute(stun.AttrData, payload...))
	if err != nil {
		return err
	}
	_, err = a.link.conn.Write(indication.Raw)
	return err
}

// receive gives what a peer sent to the relay.
func (a *allocation) receive(ctx context.Context, until time.Time) (payload []byte, from netip.AddrPort, err error) {
	for {
		raw, err := a.link.read(ctx, until)
		if err != nil {
			return nil, netip.AddrPort{}, err
		}
		if payload, ok := fromChannel(raw); ok && a.bound.IsValid() {
			return payload, a.bound, nil
		}
		m, ok := decoded(raw)
		if !ok {
			continue
		}
		if m.Type != stun.NewType(stun.MethodData, stun.ClassIndication) {
			continue
		}
		payload, err = m.Get(stun.AttrData)
		from, ok := addressIn(m, stun.AttrXORPeerAddress)
		if err == nil && ok {
			return payload, from, nil
		}
	}
}

// release gives the relay back, even after the context has ended: it counts
// against a quota until then.
func (a *allocation) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
	defer cancel()
	_, _ = a.ask(ctx, stun.MethodRefresh, lifetime(0)) // if it fails, the relay ends by itself within ten minutes
	a.released.Store(time.Now().UnixMilli())
	a.link.close()
}
