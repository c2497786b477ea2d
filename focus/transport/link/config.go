package link

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4"

	"meshfocus/focus/transport/srtp"
)

// The timeouts, all of them, so that no default decides. A path is lost 5 s
// after the last sign of life, and 25 s later there is none any more, which
// also is how long the first may take to be found. Consent is asked for every
// 2 s (RFC 7675 wants 5 s at the most).
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
	// liteDisconnected: who asks nothing goes by the checks of the peer, which
	// may be 6 s apart (RFC 7675 section 5.1).
	liteDisconnected = 10 * time.Second
	iceKeepalive     = 2 * time.Second
	dtlsHandshake    = 20 * time.Second
	// dtlsRetransmit is above the round trip of a far relay (RFC 9147 section
	// 5.8.2 allows less than a second for real-time use).
	dtlsRetransmit = 200 * time.Millisecond
	// closePatience is how long a farewell may take, on paths that can block.
	closePatience = 500 * time.Millisecond
)

// Config says what a Link is made of.
type Config struct {
	// Port is the UDP sockets. All Links of a party share it.
	Port *Port
	// TCP accepts ICE-TCP connections (RFC 6544, passive); nil does without,
	// and without connecting to peers that accept them.
	TCP ice.TCPMux
	// External gives the addresses that the world sees in place of a local
	// one. Candidates with them are offered beside the local ones. nil: none.
	External func(local netip.Addr) []netip.Addr
	// Reach says where we are in the network, by which it is decided whether an
	// address that the peer names is asked. It is called by AddCandidate. nil
	// asks every address.
	Reach func() Reach
	// Resolve finds the address behind a .local name of the peer; see Names. It
	// ends with the context. nil: such candidates are refused.
	Resolve func(ctx context.Context, name string) (netip.Addr, error)
	// STUN are servers, as "host:port", that say how the Port looks from
	// outside; see Link.SetSTUN. They are not asked with RelayOnly or Lite.
	STUN []string
	// Lite checks nothing and only answers (RFC 8445 section 2.5): for who is
	// reached at the addresses it offers, without a NAT. It does without STUN
	// and Relays; the description has to say a=ice-lite.
	Lite bool
	// Relays are TURN servers; see Link.SetRelays.
	Relays []Relay
	// RelayOnly uses relays only, so that the peer does not learn our
	// addresses.
	RelayOnly bool
	// Bound binds the sockets to TURN servers to the addresses of the Port, one
	// for each. Without, there is one, and the system chooses.
	Bound bool
	// Certificate is that of the party.
	Certificate Certificate
	// Profiles are what media may be protected with, the preferred first. The
	// DTLS server chooses. Empty means GCM with 128 and 256 bits, then what
	// every peer must have (RFC 8827 section 6.5).
	Profiles []srtp.Profile
	// Media takes RTP and RTCP of paths that are not direct. It is called by
	// the Link's read loop, holds that up, and must not keep the datagram.
	// nil drops them.
	Media func(datagram []byte)
	// Timeouts are for tests that cannot wait; zero fields mean the usual.
	Timeouts Timeouts
	// Outside opens what ICE needs beside the Port: sockets to TURN servers.
	// nil: the machine's network, and a server that never answered holds up no
	// Close.
	Outside transport.Net
	// Logs takes what Pion says; nil: it says nothing.
	Logs logging.LoggerFactory

	more []ice.AgentOption // for tests
}

// Timeouts are how long silence may last: until a path counts as lost, from
// then until it counts as gone, and between two checks.
type Timeouts struct{ Disconnected, Failed, Keepalive time.Duration }

// Relay is a TURN server and who we are to it. The URL is turn: or turns:
// (RFC 7065).
type Relay struct{ URL, Username, Credential string }

// usual fills in what was left out.
func (c Config) usual() Config {
	if len(c.Profiles) == 0 {
		c.Profiles = []srtp.Profile{srtp.AES128GCM, srtp.AES256GCM, srtp.AES128CMSHA1}
	}
	if c.Timeouts.Disconnected == 0 {
		c.Timeouts.Disconnected = iceDisconnected
		if c.Lite {
			c.Timeouts.Disconnected = liteDisconnected
		}
	}
	if c.Timeouts.Failed == 0 {
		c.Timeouts.Failed = iceFailed
	}
	if c.Timeouts.Keepalive == 0 {
		c.Timeouts.Keepalive = iceKeepalive
	}
	if c.Media == nil {
		c.Media = func([]byte) {}
	}
	if c.Logs == nil {
		c.Logs = silence{}
	}
	return c
}

// agent makes the ICE agent of one generation.
func (c Config) agent() (*ice.Agent, error) {
	kinds := []ice.CandidateType{ice.CandidateTypeRelay}
	networks := []ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}
	options := []ice.AgentOption{
		ice.WithUDPMux(mux{c.Port}),
		ice.WithIncludeLoopback(), // which addresses there are, the Port says
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisconnectedTimeout(c.Timeouts.Disconnected),
		ice.WithFailedTimeout(c.Timeouts.Failed),
		ice.WithKeepaliveInterval(c.Timeouts.Keepalive),
		ice.WithLoggerFactory(c.Logs),
	}
	if c.Lite {
		kinds = nil
		options = append(options, ice.WithICELite(true))
	}
	if c.RelayOnly {
		options = append(options, ice.WithRelayAcceptanceMinWait(0)) // nothing better can come
	} else {
		kinds = append(kinds, ice.CandidateTypeHost)
	}
	if c.TCP != nil {
		networks = append(networks, ice.NetworkTypeTCP4, ice.NetworkTypeTCP6)
		options = append(options, ice.WithTCPMux(c.TCP))
	} else {
		options = append(options, ice.WithDisableActiveTCP())
	}
	if c.Bound {
		options = append(options, ice.WithIPFilter(c.listensOn))
	}
	options = append(options, ice.WithNet(c.Outside), ice.WithCandidateTypes(kinds), ice.WithNetworkTypes(networks))
	return ice.NewAgentWithOptions(append(options, c.more...)...)
}

// listensOn reports whether the Port has an address.
func (c Config) listensOn(ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	for _, local := range c.Port.Locals() {
		if ok && local.Addr() == addr.Unmap() {
			return true
		}
	}
	return false
}

// relayURLs reads TURN servers as Pion wants them.
func relayURLs(relays []Relay) ([]*stun.URI, error) {
	var urls []*stun.URI
	for _, relay := range relays {
		url, err := ParseURI(relay.URL)
		if err != nil || url.Scheme != stun.SchemeTypeTURN && url.Scheme != stun.SchemeTypeTURNS {
			return nil, fmt.Errorf("relay %q: want the scheme turn or turns", relay.URL)
		}
		if relay.Username == "" || relay.Credential == "" {
			return nil, fmt.Errorf("relay %q: want a user name and a credential", relay.URL)
		}
		url.Username, url.Password = relay.Username, relay.Credential
		urls = append(urls, url)
	}
	return urls, nil
}
