package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// behaviour is how a NAT treats one of the two directions (RFC 4787 sections
// 4.1 and 5): what of the other side's address it looks at.
type behaviour int

const (
	unknown behaviour = iota
	endpointIndependent
	addressDependent
	portDependent // address and port
)

// nature is what NAT behaviour discovery found.
type nature struct {
	local, mapped netip.AddrPort
	translated    bool
	mapping       behaviour
	filtering     behaviour
	compared      bool // mapping by two servers, not by two addresses of one
}

// natPatience is how long an answer is awaited that may never come: as many
// transmissions as natTries, of which each counts only if a plain request sent with
// it is answered. Else nobody knows whether it was the NAT who kept silent.
const (
	natPatience = 1200 * time.Millisecond
	natTries    = 3
)

// mostAddresses is how many addresses of one name are asked.
const mostAddresses = 3

// NAT finds out how the NAT or firewall on the way treats a media port, with
// the first of the servers that has a second address (RFC 5780). With none of
// these the mapping is still found if there are two servers, by what each
// sees. Servers are stun: or turn: URIs, or host:port, asked over UDP.
func (p *Prober) NAT(ctx context.Context, servers ...string) (f Finding) {
	f = begin("nat", "how the NAT on the way treats a media port")
	defer f.took(time.Now())
	var asked []netip.AddrPort
	var worst error
	for _, text := range servers {
		all, err := p.resolve(ctx, text)
		worst = errors.Join(worst, err)
		asked = append(asked, all...)
	}
	n, err := p.discover(ctx, asked)
	switch {
	case stopped(ctx, &f):
	case err != nil:
		f.Found = errors.Join(worst, err).Error()
		f.worse(Skipped, remedy{cause: "no server answers STUN over UDP", fix: "name a STUN server that does"})
	default:
		f.judgeNature(n)
	}
	return f
}

// resolve gives the addresses of a server: those of IPv4 if it has any, for
// IPv6 has no NATs. Of two, coturn speaks of the other one at the first only.
func (p *Prober) resolve(ctx context.Context, text string) ([]netip.AddrPort, error) {
	s, err := parseServer(text, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
	if err != nil {
		return nil, err
	}
	var four, six []netip.AddrPort
	for _, addr := range addrs {
		if at := netip.AddrPortFrom(addr.Unmap(), uint16(s.port)); at.Addr().Is4() {
			four = append(four, at)
		} else {
			six = append(six, at)
		}
	}
	if len(four) == 0 {
		four = six
	}
	return four[:min(len(four), mostAddresses)], nil
}

// discover measures with what the servers can do.
func (p *Prober) discover(ctx context.Context, servers []netip.AddrPort) (nature, error) {
	var first nature
	err := errSilent
	var seen []netip.AddrPort
	for _, server := range servers {
		n, other, again := p.mapping(ctx, server)
		if again != nil {
			err = again
			continue
		}
		if other.IsValid() {
			n.filtering, err = p.filtering(ctx, server)
			return n, err
		}
		if len(seen) == 0 {
			first = n
		}
		seen = append(seen, server)
	}
	if len(seen) == 0 {
		return first, err
	}
	return p.compare(ctx, first, seen)
}

// mapping is RFC 5780 section 4.3: the same port asks the server's primary
// address, its other address, and the other port there.
func (p *Prober) mapping(ctx context.Context, server netip.AddrPort) (n nature, other netip.AddrPort, err error) {
	own, err := listen(anywhere(server.Addr()))
	if err != nil {
		return n, other, err
	}
	defer own.close()
	p.say("nat: asking %s for our address", server)
	answer, _, err := own.bind(ctx, server, p.patience())
	if err != nil {
		return n, other, err
	}
	mapped, ok := mappedIn(answer)
	if !ok {
		return n, other, errNoAddress
	}
	n = nature{mapped: mapped, local: own.towards(server)}
	n.translated = n.mapped != n.local
	if other, ok = otherIn(answer); !ok || other.Addr() == server.Addr() || other.Port() == server.Port() {
		return n, netip.AddrPort{}, nil
	}
	p.say("nat: asking its other address %s", other.Addr())
	second, err := p.seenAlso(ctx, own, netip.AddrPortFrom(other.Addr(), server.Port()), server)
	if err != nil {
		return n, other, err
	}
	third, err := p.seenAlso(ctx, own, other, server)
	switch {
	case err != nil:
		return n, other, err
	case !second.IsValid() || !third.IsValid():
		return n, netip.AddrPort{}, nil // it says that it has another address and nobody is there
	case second == mapped:
		n.mapping = endpointIndependent
	case third == second:
		n.mapping = addressDependent
	default:
		n.mapping = portDependent
	}
	return n, other, nil
}

// filtering is RFC 5780 section 4.4, from a port that has not talked to the
// other address yet.
func (p *Prober) filtering(ctx context.Context, server netip.AddrPort) (behaviour, error) {
	own, err := listen(anywhere(server.Addr()))
	if err != nil {
		return unknown, err
	}
	defer own.close()
	if !own.seenBy(ctx, p.patience(), server).IsValid() {
		return unknown, errSilent
	}
	p.say("nat: asking %s to answer from its other address and port", server)
	_, from, err := p.bindBeside(ctx, own, server, server, changeRequest(changeAddress|changePort))
	switch {
	case err == nil && from.Addr() != server.Addr():
		return endpointIndependent, nil
	case errors.Is(err, errUnheard):
		return unknown, err
	}
	p.say("nat: asking %s to answer from its other port", server)
	_, from, err = p.bindBeside(ctx, own, server, server, changeRequest(changePort))
	switch {
	case err == nil && from != server:
		return addressDependent, nil
	case errors.Is(err, errUnheard):
		return unknown, err
	}
	return portDependent, ctx.Err()
}

// seenAlso gives where a server's other address sees a socket, the zero value if
// it keeps silent while the server itself does not.
func (p *Prober) seenAlso(ctx context.Context, own *socket, other, server netip.AddrPort) (netip.AddrPort, error) {
	answer, _, err := p.bindBeside(ctx, own, other, server)
	if err != nil {
		if errors.Is(err, errUnheard) {
			return netip.AddrPort{}, err
		}
		return netip.AddrPort{}, nil
	}
	seen, _ := mappedIn(answer)
	return seen, nil
}

// bindBeside asks a server what it may not answer, and plainly another one that
// has just answered: errSilent if the first keeps silent natTries times while the
// other answers, errUnheard if neither does.
func (p *Prober) bindBeside(ctx context.Context, own *socket, to, witness netip.AddrPort, setters ...stun.Setter) (*stun.Message, netip.AddrPort, error) {
	request, err := binding(setters...)
	if err != nil {
		return nil, to, err
	}
	plain, err := binding()
	if err != nil {
		return nil, to, err
	}
	interval, heard := p.lost(natPatience)/natTries, 0
	for end := time.Now().Add(max(p.patience(), p.lost(natPatience))); heard < natTries; {
		if !time.Now().Before(end) {
			return nil, to, errUnheard
		}
		_, err := own.WriteToUDPAddrPort(request.Raw, to)
		_, again := own.WriteToUDPAddrPort(plain.Raw, witness)
		if err := errors.Join(err, again); err != nil {
			return nil, to, err
		}
		for until := time.Now().Add(interval); ; {
			answer, from, err := own.message(ctx, until)
			if errors.Is(err, errSilent) && ctx.Err() == nil {
				break // ask again
			}
			switch {
			case err != nil:
				return nil, from, err
			case answer.TransactionID == request.TransactionID:
				return answer, from, refusal(answer)
			case answer.TransactionID == plain.TransactionID:
				heard++
			}
		}
	}
	return nil, to, errSilent
}

// compare asks several servers from one port.
func (p *Prober) compare(ctx context.Context, n nature, servers []netip.AddrPort) (nature, error) {
	if !n.translated {
		n.mapping = endpointIndependent
		return n, nil
	}
	own, err := listen(anywhere(servers[0].Addr()))
	if err != nil {
		return n, err
	}
	defer own.close()
	var before netip.AddrPort
	for _, server := range servers {
		seen := own.seenBy(ctx, p.patience(), server)
		switch {
		case !seen.IsValid() || seen.Addr().Is4() != servers[0].Addr().Is4():
			continue
		case !before.IsValid():
			before = seen
			continue
		case seen == before:
			n.mapping = endpointIndependent
		default:
			n.mapping = portDependent
		}
		n.compared = true
		return n, nil
	}
	return n, ctx.Err()
}

// seenBy gives where a server sees the socket, the zero value if it does not
// answer.
func (s *socket) seenBy(ctx context.Context, patience time.Duration, server netip.AddrPort) netip.AddrPort {
	answer, _, err := s.bind(ctx, server, min(natPatience, patience))
	if err != nil {
		return netip.AddrPort{}
	}
	seen, _ := mappedIn(answer)
	return seen
}

// towards is the socket's local address on the way to another.
func (s *socket) towards(other netip.AddrPort) netip.AddrPort {
	addr, _ := outwardAddress(other)
	return netip.AddrPortFrom(addr, s.local().Port())
}

// judgeNature says what a nature means for pairs of devices.
func (f *Finding) judgeNature(n nature) {
	if !n.translated {
		f.Found = n.mapped.Addr().String() + " is our own address, no NAT; " + filters(n.filtering)
		return
	}
	f.Found = fmt.Sprintf("a NAT shows %s for our %s; %s; %s", n.mapped, n.local, maps(n), filters(n.filtering))
	relay := "offer a TURN server: such pairs need one"
	switch {
	case n.mapping == portDependent || n.mapping == addressDependent:
		f.worse(Warning, remedy{
			cause:   "the NAT gives every destination another port (a symmetric NAT): pairs will need a relay unless the other side has no NAT, or one that lets everybody in",
			fix:     relay + "; or forward the media port in the router and name the address in media.external",
			snippet: forwardSnippet(n),
		})
	case n.mapping == unknown:
		f.worse(Note, remedy{
			cause:   "the STUN server has no second address, so what the NAT does with other destinations stays open",
			fix:     "name a server that supports RFC 5780, or a second STUN server",
			snippet: "# coturn: turnserver.conf, with two public addresses\nlistening-ip=<first>\nlistening-ip=<second>",
		})
	case n.filtering == portDependent:
		f.worse(Note, remedy{
			cause: "direct connections work with most NATs; pairs with a device behind a symmetric NAT (mobile networks, some companies) will need a relay",
			fix:   relay,
		})
	}
}

func forwardSnippet(n nature) string {
	return "# meshfocus: settings, with UDP and TCP 40000 forwarded to this machine\nmedia:\n  port: 40000\n  external: [\"" + n.mapped.Addr().String() + "\"]"
}

func maps(n nature) string {
	how := ""
	if n.compared {
		how = " (by two servers)"
	}
	switch n.mapping {
	case endpointIndependent:
		return "the same port for every destination" + how
	case addressDependent:
		return "another port for each address" + how
	case portDependent:
		return "another port for each destination" + how
	default:
		return "for other destinations unknown"
	}
}

func filters(b behaviour) string {
	switch b {
	case endpointIndependent:
		return "everybody may send to an open port"
	case addressDependent:
		return "only addresses that we sent to may send"
	case portDependent:
		return "only who was sent to may send"
	default:
		return "who may send is unknown"
	}
}
