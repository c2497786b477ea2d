package link

import (
	"fmt"
	"net/netip"
	"slices"
)

// Where a peer may send us. ICE asks every address that the other side names,
// so a hostile one could have us knock on doors that it does not reach itself:
// our loopback, our router, the metadata service of a cloud
// (docs/decisions/0010). None of this keeps a peer that really is in our
// network from us: its own check arrives, and is answered where it came from
// (RFC 8445 section 7.3.1.3).

const (
	// maxInternal is how many internal addresses one Link asks. A machine has
	// two or three in a network that we share.
	maxInternal = 8
	// firstMediaPort: nobody has media on a system port (RFC 6335 section 6)
	// but public servers, which want to look like the web.
	firstMediaPort = 1024
)

// Reach is what is known of our own place in the network, and by that whom a
// peer may have us ask. It is a value; the zero one asks public addresses only.
type Reach struct {
	// Own are the addresses of this machine that we use.
	Own []netip.Addr
	// External are those that the world sees in place of own ones.
	External []netip.Addr
	// Loopback: parties of this machine are to be reached.
	Loopback bool
}

// shared is the space of carrier-grade NAT (RFC 6598), which VPNs use as well.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// nat64 is the well-known prefix of translated IPv4 addresses.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// scope sorts addresses by how far they mean the same.
type scope uint8

const (
	scopePublic   scope = iota
	scopePrivate        // RFC 1918, RFC 4193, RFC 6598
	scopeLink           // RFC 3927, RFC 4291 section 2.5.6
	scopeLoopback       // this machine
	scopeNone           // nobody in particular: unspecified, multicast, broadcast
)

func scopeOf(addr netip.Addr) scope {
	switch {
	case addr.IsLoopback():
		return scopeLoopback
	case addr.IsLinkLocalUnicast():
		return scopeLink
	case !addr.IsGlobalUnicast(), addr.Is4() && addr.As4()[0] == 0:
		return scopeNone
	case addr.IsPrivate(), shared.Contains(addr):
		return scopePrivate
	}
	return scopePublic
}

// Asks reports whether we send the first packet to an address that a peer
// named, and whether that counts as internal.
func (r Reach) Asks(target netip.AddrPort) (ask, internal bool) {
	addr := plain(target.Addr())
	is := scopeOf(addr)
	switch {
	case is == scopeNone, target.Port() == 0:
		return false, false
	case is == scopePublic:
		return true, false
	case target.Port() < firstMediaPort:
		return false, true
	case is == scopeLoopback:
		return r.Loopback, true
	case is == scopeLink:
		return r.has(scopeLink, addr.Is4()), true
	}
	// Who has a public address waits to be asked by its own network; who has
	// none may have to be the first.
	return r.has(scopePrivate, addr.Is4()) && !r.has(scopePublic, addr.Is4()), true
}

// has reports whether an address of ours has that scope in that family.
func (r Reach) has(wanted scope, is4 bool) bool {
	matches := func(addr netip.Addr) bool {
		addr = plain(addr)
		return addr.Is4() == is4 && scopeOf(addr) == wanted
	}
	return slices.ContainsFunc(r.Own, matches) || slices.ContainsFunc(r.External, matches)
}

// plain is an address without the wrappings in which the same host can be
// named: IPv4 in IPv6 (RFC 4291 section 2.5.5, RFC 6052), and zones.
func plain(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		wide := addr.As16()
		return netip.AddrFrom4([4]byte(wide[12:]))
	}
	return addr
}

// mayAsk decides about an address that the peer named, and remembers internal
// ones, for there are so many only.
func (l *Link) mayAsk(target netip.AddrPort) error {
	if l.config.Reach == nil {
		return nil
	}
	ask, internal := l.config.Reach().Asks(target)
	if !ask {
		return fmt.Errorf("%w: it points where we do not ask first", ErrBadCandidate)
	}
	if !internal {
		return nil
	}
	addr := plain(target.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.internal, addr) {
		return nil
	}
	if len(l.internal) >= maxInternal {
		return fmt.Errorf("%w: more than %d internal addresses", ErrBadCandidate, maxInternal)
	}
	l.internal = append(l.internal, addr)
	return nil
}
