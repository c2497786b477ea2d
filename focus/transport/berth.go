package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport/link"
)

// berth is one port number and what connections on it are made with: a lane for
// media, a link.Port for everything else that arrives there.
type berth struct {
	ports *ports
	lane  *lane.Lane
	// links is what all links here have in common.
	links link.Config
	// cname is what this party is called in RTCP (RFC 7022 section 4.2).
	cname string
}

// openBerths opens as many as were asked for. The first has the Config's port.
func (n *Network) openBerths() error {
	for range max(n.config.Lanes, 1) {
		if err := n.openBerth(); err != nil {
			for _, open := range n.berths {
				err = errors.Join(err, open.ports.close())
			}
			return err
		}
	}
	return nil
}

// openBerth opens one more port, and begins to read it. n.mu is held, or nobody
// has n yet.
func (n *Network) openBerth() error {
	config := n.config
	if len(n.berths) > 0 {
		config.Port = 0
	}
	certificate, err := link.NewCertificate()
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	logs := pionLog{n.log}
	ports, err := openPorts(config, n.present, logs)
	if err != nil {
		return err
	}
	links := link.Config{
		Port: ports.udp.port, Certificate: certificate, Bound: len(config.Addresses) > 0,
		External: func(local netip.Addr) []netip.Addr { return seenAs(n.external, local) },
		Reach:    n.reach, Resolve: n.lookUp, Timeouts: config.timeouts, Logs: logs,
	}
	if config.TCP {
		links.TCP = ports.tcp
	}
	n.berths = append(n.berths, &berth{ports: ports, lane: ports.udp.lane, links: links, cname: fmt.Sprintf("%016x", rand.Uint64())})
	return nil
}

// link makes the wire of one connection. What arrives by other ways than our
// sockets goes to media.
func (b *berth) link(relayOnly bool, media func([]byte)) (*link.Link, error) {
	config := b.links
	config.RelayOnly, config.Media = relayOnly, media
	return link.New(config)
}
