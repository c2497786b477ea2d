package turn

import (
	"net"
	"net/netip"
)

// peers decides whom the relay sends to. Set once.
type peers struct {
	external, here netip.Addr
	own            []netip.Addr // of this machine
	allow          []netip.Prefix
}

// closed are networks that nobody should enter by way of a relay, besides what netip
// knows as private, loopback, link-local and multicast (RFC 6890, RFC 8656 section 21.4).
var closed = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared, behind a provider's NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols
	netip.MustParsePrefix("198.18.0.0/15"),   // measurements
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // unspecified, loopback, and IPv4 as it was once written
	netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 behind NAT64, whatever it is
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, private
	netip.MustParsePrefix("2001::/23"),       // protocols, Teredo among them
	netip.MustParsePrefix("2002::/16"),       // IPv4 by 6to4
	netip.MustParsePrefix("fec0::/10"),       // private once
	netip.MustParsePrefix("100::/64"),        // discarded
	netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4 by translation
}

// newPeers looks up the addresses of this machine.
func newPeers(c Config, here netip.Addr) (peers, error) {
	p := peers{external: c.External, here: here, allow: c.Allow}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return p, err
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(network.IP); ok {
				p.own = append(p.own, own.Unmap())
			}
		}
	}
	return p, nil
}

// takes says whether an address may be a peer. The one that is ours may, at those ports
// alone that relayed.open knows.
func (p peers) takes(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a == p.external {
		return true
	}
	for _, network := range p.allow {
		if network.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, network := range closed {
		if network.Contains(a) {
			return false
		}
	}
	for _, own := range p.own {
		if a == own {
			return false
		}
	}
	return true
}

// open says whether all ports of our own address were allowed.
func (p peers) open() bool {
	for _, network := range p.allow {
		if network.Contains(p.external) {
			return true
		}
	}
	return false
}
