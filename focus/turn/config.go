package turn

import (
	"fmt"
	"net"
	"net/netip"
)

// Config is how a relay is to be. Listen and Secret have to be given.
type Config struct {
	// Listen is where clients send to, over UDP. Without an address it is all of External's family.
	Listen netip.AddrPort
	// External is the address under which clients and peers reach this machine, which a
	// NAT may have given it. Without it it is Listen's; it decides the family of addresses.
	External netip.Addr
	// FirstPort to LastPort are those of relayed addresses: 0 is DefaultFirstPort, DefaultLastPort.
	FirstPort, LastPort uint16
	Secret              Secret
	// Realm is what clients are told to log in to: "" is "meshfocus".
	Realm string

	// PerUser and InAll bound how many allocations there are at once: 0 is DefaultPerUser, DefaultInAll.
	PerUser, InAll int
	// Allow are networks of peers that are refused otherwise: private ones, this machine's.
	Allow []netip.Prefix

	// Datagrams is how many are read in one call: 0 is 16, and 1 neither reads nor sends several at once.
	Datagrams int
}

// What a Config without them has.
const (
	// DefaultFirstPort and DefaultLastPort are the dynamic ports (RFC 8656 section 7.2).
	DefaultFirstPort, DefaultLastPort = 49152, 65535
	// DefaultPerUser is enough for a device in a mesh of 16 that asks for two for each of
	// the 15 others, and again when its network changes.
	DefaultPerUser = 64
	// DefaultInAll takes about 90 MB if all are in use: 85 KB for each.
	DefaultInAll = 1000
)

// complete fills in what was left open and says what cannot work.
func (c Config) complete() (Config, error) {
	if !c.External.IsValid() {
		c.External = c.Listen.Addr()
	}
	c.External = c.External.Unmap()
	if c.FirstPort == 0 && c.LastPort == 0 {
		c.FirstPort, c.LastPort = DefaultFirstPort, DefaultLastPort
	}
	for number, def := range map[*int]int{&c.PerUser: DefaultPerUser, &c.InAll: DefaultInAll, &c.Datagrams: 16} {
		if *number == 0 {
			*number = def
		}
	}
	if c.Realm == "" {
		c.Realm = "meshfocus"
	}
	listen := c.Listen.Addr().Unmap()
	switch {
	case c.Secret == "":
		return c, fmt.Errorf("%w: a secret is missing, without which anybody could use the relay", ErrConfig)
	case !c.External.IsValid() || c.External.IsUnspecified():
		return c, fmt.Errorf("%w: the address is missing under which others reach this machine", ErrConfig)
	case listen.IsValid() && listen.Is4() != c.External.Is4():
		return c, fmt.Errorf("%w: it listens on %v and others are to reach it at %v, an address of another family", ErrConfig, listen, c.External)
	case c.FirstPort == 0 || c.FirstPort > c.LastPort:
		return c, fmt.Errorf("%w: ports %d to %d are none", ErrConfig, c.FirstPort, c.LastPort)
	case c.PerUser < 0 || c.InAll < 0 || c.Datagrams < 0:
		return c, fmt.Errorf("%w: %d allocations for a user, %d in all, %d datagrams at once: none may be negative", ErrConfig, c.PerUser, c.InAll, c.Datagrams)
	}
	if !listen.IsValid() {
		listen = netip.IPv4Unspecified()
		if !c.External.Is4() {
			listen = netip.IPv6Unspecified()
		}
	}
	c.Listen = netip.AddrPortFrom(listen, c.Listen.Port())
	return c, nil
}

// here gives the address of this machine that relayed addresses are bound to: the one
// that it listens on, else the external one, and behind a NAT the one that leads there.
func (c Config) here() (netip.Addr, error) {
	if !c.Listen.Addr().IsUnspecified() {
		return c.Listen.Addr(), nil
	}
	const discard = 9 // nothing is sent
	way, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.External, discard)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("relay: no way leads to %v: %w", c.External, err)
	}
	defer way.Close()
	return addressOf(way.LocalAddr()).Addr(), nil
}

// addressOf gives the address of a UDP socket as a value.
func addressOf(a net.Addr) netip.AddrPort {
	at, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), uint16(at.Port))
}
