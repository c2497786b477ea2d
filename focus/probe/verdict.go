package probe

import (
	"fmt"
	"net/netip"
	"strings"
)

// judge turns an outcome into words.
func (f *Finding) judge(s server, a *allocation, o *outcome) {
	if o.passed() {
		f.Found = fmt.Sprintf("relay %s: %s", a.relayed, o.direct)
		f.reserve(s, a, o)
		return
	}
	f.Found = "relay " + a.relayed.String() + " was allocated; " + o.failure()
	switch {
	case o.direct == nil && len(o.denied) > 0:
		f.judgeDenied(o)
	case !a.link.remote().Addr().IsPrivate() && !a.link.remote().Addr().IsLoopback() && inside(a.relayed.Addr()):
		f.worse(Broken, remedy{
			cause:   "the relay gives out " + a.relayed.Addr().String() + ", an address of its own network: nobody outside can send to it",
			fix:     "tell the TURN server its public address",
			snippet: "# coturn: turnserver.conf\nexternal-ip=" + a.link.remote().Addr().String() + "/" + a.relayed.Addr().String(),
		})
	case o.direct != nil && o.direct.source.IsValid() && o.direct.source.Addr() != a.relayed.Addr():
		f.worse(Broken, wrongExternal(a, o))
	case a.onlyIPv6 && !hasIPv6(a.relayed):
		f.Found = errNoIPv6.Error()
		f.worse(Warning, onlyIPv6(a))
	case o.relaysPass():
		f.worse(Warning, remedy{
			cause:   "UDP between this network and the relay's ports is blocked, here or in front of the server; calls in which both sides use the relay work, others do not",
			fix:     "open the relay's port range (UDP 49152-65535 unless configured otherwise) in the firewall in front of the TURN server",
			snippet: "# coturn: turnserver.conf\nmin-port=49152\nmax-port=65535",
		})
	default:
		f.worse(Broken, remedy{
			cause:   "the relay allocates but nothing passes through it: its relay ports are closed by a firewall, or external-ip names an address that does not lead to it",
			fix:     "open the relay's port range for UDP in both directions and check that " + a.relayed.Addr().String() + " is the TURN server's public address",
			snippet: "# coturn: turnserver.conf\nmin-port=49152\nmax-port=65535\nexternal-ip=<public address>/<address of the machine>",
		})
	}
}

// failure says what happened on the way that did not work.
func (o *outcome) failure() string {
	switch {
	case o.direct == nil && len(o.denied) > 0:
		return "it refuses to send to " + join(o.denied) + " (403)"
	case o.direct == nil && o.err != nil:
		return o.err.Error()
	case o.direct == nil:
		return "there was no address to send to"
	case o.direct.there > 0:
		return fmt.Sprintf("%d of %d datagrams reached us through it, none came back", o.direct.there, o.direct.sent)
	case o.err != nil:
		return o.err.Error()
	}
	return fmt.Sprintf("none of %d datagrams passed", o.direct.sent)
}

// judgeDenied: operators close private ranges on purpose, and public
// addresses by mistake.
func (f *Finding) judgeDenied(o *outcome) {
	r := remedy{
		cause:   "the relay is configured not to send to " + join(o.denied),
		fix:     "take the range out of denied-peer-ip, or allow the addresses of your parties explicitly",
		snippet: "# coturn: turnserver.conf\nallowed-peer-ip=" + o.denied[0].String(),
	}
	level := Broken
	if o.relaysPass() && inside(o.denied[0]) {
		level = Note
		r.cause += ", which is right for a relay that is open to strangers; from relay to relay it works (" + o.relays.String() + ")"
		r.fix = "nothing, unless parties in that network need the relay"
		r.snippet = ""
	}
	f.worse(level, r)
}

// reserve says what is not right with a relay that works.
func (f *Finding) reserve(s server, a *allocation, o *outcome) {
	switch left, secured := a.link.certificateEnds(); {
	case !a.challenged:
		f.worse(Warning, remedy{
			cause:   "the relay asked for no credentials: strangers can use it, and send from its address",
			fix:     "require credentials",
			snippet: "# coturn: turnserver.conf\nuse-auth-secret\nstatic-auth-secret=<the homeserver's turn_shared_secret>",
		})
	case a.onlyIPv6:
		f.worse(Warning, onlyIPv6(a))
	case o.direct.source.Addr() != a.relayed.Addr():
		f.worse(Warning, wrongExternal(a, o))
	case o.direct.loss() > tolerableLoss:
		f.worse(Warning, remedy{
			cause: fmt.Sprintf("datagrams are lost on the way through the relay (%d there, %d back, of %d)",
				o.direct.sent-o.direct.there, o.direct.there-o.direct.back, o.direct.sent),
			fix: "look for an overloaded line, max-bps or bps-capacity in coturn, or a relay nearer to the parties",
		})
	case secured && left < certificateSoon:
		f.worse(Warning, remedy{
			cause: fmt.Sprintf("the certificate of %s ends in %d days", s.host, int(left.Hours()/24)),
			fix:   "renew it and have the TURN server load it: coturn reads certificates at start and on SIGUSR2",
		})
	}
	if len(o.denied) > 0 {
		f.Found += "; it refuses to send to " + join(o.denied)
	}
}

func wrongExternal(a *allocation, o *outcome) remedy {
	real := o.direct.source.Addr()
	return remedy{
		cause:   "the relay gives out " + a.relayed.Addr().String() + " but sends from " + real.String() + ": its external address is wrong",
		fix:     "correct or remove external-ip",
		snippet: "# coturn: turnserver.conf\nexternal-ip=" + real.String(),
	}
}

func onlyIPv6(a *allocation) remedy {
	return remedy{
		cause:   "the relay has IPv6 addresses only (" + a.relayed.Addr().String() + "): parties with IPv4 alone cannot be reached through it",
		fix:     "give the TURN server an IPv4 address to relay from",
		snippet: "# coturn: turnserver.conf\nrelay-ip=<IPv4 address of the machine>",
	}
}

func hasIPv6(relayed netip.AddrPort) bool {
	_, ok := outwardAddress(relayed)
	return ok
}

// inside says whether an address means something in one network only; the
// range of RFC 6598 is that of carriers' NATs.
func inside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

func join(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
