package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// A datagram may be lost, so a media port is asked for three times; a
// connection is tried again by the vantage's kernel. What was sent arrives
// within a second or not at all.
const (
	portTries    = 3
	portPatience = time.Second
)

// knocking is one of the two ways to a media port.
type knocking struct {
	check, network, name string
	tries                int
	open                 func(at netip.AddrPort) (door, error)
}

var (
	byUDP = knocking{"port", "udp", "UDP", portTries, openUDP}
	byTCP = knocking{"port.tcp", "tcp", "TCP", 1, openTCP}
)

// OwnPort has a Vantage at an http: or https: URL send a datagram to our media
// port, and sees whether it comes. Nothing of ours has opened the way before.
// Port 0 takes any free one, which tells about a firewall but not about the
// port forwarding of a router. The port must be free: a running daemon has it.
func (p *Prober) OwnPort(ctx context.Context, vantage string, port int) Finding {
	return p.ownPort(ctx, byUDP, vantage, port)
}

// OwnTCPPort is OwnPort for ICE-TCP (RFC 6544), which uses the same number:
// the vantage connects.
func (p *Prober) OwnTCPPort(ctx context.Context, vantage string, port int) Finding {
	return p.ownPort(ctx, byTCP, vantage, port)
}

func (p *Prober) ownPort(ctx context.Context, by knocking, vantage string, port int) (f Finding) {
	f = begin(by.check, fmt.Sprintf("%s port %d from outside, by the vantage %s", by.name, port, printable(vantage)))
	if port == 0 {
		f.Tried = fmt.Sprintf("some %s port from outside, by the vantage %s", by.name, printable(vantage))
	}
	defer f.took(time.Now())
	p.say("%s: asking %s to knock at our %s port", by.check, vantage, by.name)
	reply, err := p.challenge(ctx, vantage)
	if err == nil && !reply.knocks(by.network) {
		err = errOldVantage
	}
	if err != nil {
		f.vantageless(ctx, err)
		return f
	}
	own, err := by.open(netip.AddrPortFrom(anywhere(reply.Address).Addr(), uint16(port)))
	if err != nil {
		f.portless(err)
		return f
	}
	defer own.close()
	from, outcome, err := p.await(ctx, by, own, vantage, reply)
	switch {
	case err != nil:
		f.vantageless(ctx, err)
	case stopped(ctx, &f):
	case from.IsValid():
		f.Found = fmt.Sprintf("%s came to port %d, which is open from outside", by.arrival(from), own.local().Port())
	default:
		f.judgeClosed(by, netip.AddrPortFrom(reply.Address, own.local().Port()), port, outcome)
	}
	return f
}

func (k knocking) arrival(from netip.AddrPort) string {
	if k.network == "tcp" {
		return "a connection from " + from.Addr().String()
	}
	return "a datagram from " + from.Addr().String()
}

// await has the vantage knock until it is heard; the zero value for never,
// with the vantage's own word about the last time.
func (p *Prober) await(ctx context.Context, by knocking, own door, vantage string, reply challengeReply) (from netip.AddrPort, outcome string, err error) {
	stamp := make([]byte, leastToken)
	_, _ = rand.Read(stamp)
	token := hex.EncodeToString(stamp)
	for try := range by.tries {
		if try > 0 {
			if reply, err = p.challenge(ctx, vantage); err != nil {
				return from, "", err
			}
		}
		if outcome, err = p.knock(ctx, vantage, knockRequest{reply.Challenge, int(own.local().Port()), token, by.network}); err != nil {
			return from, "", err
		}
		from, err = own.hear(ctx, vantagePrefix+token, time.Now().Add(p.lost(portPatience)))
		if err == nil || !errors.Is(err, errSilent) {
			return from, outcome, err
		}
	}
	return netip.AddrPort{}, outcome, nil
}

// judgeClosed says who is in the way of an address from outside.
func (f *Finding) judgeClosed(by knocking, outside netip.AddrPort, port int, outcome string) {
	f.Found = fmt.Sprintf("none of %d datagrams to %s came", portTries, outside)
	missed := "calls still work when the other side lets us in, and otherwise through a relay"
	if by.network == "tcp" {
		f.Found = map[string]string{
			knockAnswered: fmt.Sprintf("the connection to %s was taken by another machine", outside),
			knockRefused:  fmt.Sprintf("the connection to %s was refused", outside),
		}[outcome]
		if f.Found == "" {
			f.Found = fmt.Sprintf("the connection to %s was not answered", outside)
		}
		missed = "those whose network blocks UDP need a relay to reach us"
	}
	number := int(outside.Port())
	local, _ := outwardAddress(outside)
	switch {
	case local == outside.Addr():
		f.worse(Warning, remedy{
			cause:   "a firewall, here or before this machine, drops what nobody asked for; " + missed,
			fix:     fmt.Sprintf("let %s port %d in", by.name, number),
			snippet: fmt.Sprintf("# nftables\nnft add rule inet filter input %s dport %d accept", by.network, number),
		})
	case port == 0:
		f.worse(Note, remedy{
			cause: "there is a NAT, and this port is not forwarded, as was to be expected of any port",
			fix:   "set media.port, forward it, and check again",
		})
	default:
		f.worse(Warning, remedy{
			cause:   fmt.Sprintf("the router does not forward %s port %d to this machine, or a firewall behind it drops what comes; %s", by.name, number, missed),
			fix:     fmt.Sprintf("forward UDP and TCP port %d to this machine", number),
			snippet: fmt.Sprintf("# meshfocus: settings\nmedia:\n  port: %d\n  external: [\"%s\"]", number, outside.Addr()),
		})
	}
}

// portless is a port that could not be opened here.
func (f *Finding) portless(err error) {
	f.Found = err.Error()
	f.worse(Skipped, remedy{cause: "the port could not be opened here", fix: "choose another port"})
	if errors.Is(err, syscall.EADDRINUSE) {
		f.worse(Skipped, remedy{
			cause: "the port is in use, by meshfocus itself most likely",
			fix:   "stop it for the time of this check",
		})
	}
}

// vantageless is a vantage that did not do its part.
func (f *Finding) vantageless(ctx context.Context, err error) {
	if stopped(ctx, f) {
		return
	}
	f.Found = err.Error()
	f.worse(Skipped, remedy{
		cause: "the vantage could not be asked",
		fix:   "check its URL, and that it is a vantage of meshfocus",
	})
	if errors.Is(err, errOldVantage) {
		f.worse(Skipped, remedy{cause: "the vantage is of an older meshfocus, which knocks by UDP alone", fix: "update it"})
	}
}
