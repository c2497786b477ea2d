package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// namePatience is how long a name is looked for. Whoever has it answers at
// once; a name nobody has is one of another network.
const namePatience = 3 * time.Second

// names looks up the .local names browsers give instead of addresses
// (draft-ietf-mmusic-mdns-ice-candidates), for all connections of a network on
// one pair of multicast sockets. They are opened by the first name that comes.
type names struct {
	logs pionLog

	mu     sync.Mutex
	server *mdns.Conn // guarded by mu
	failed error      // guarded by mu: there is no multicast here
}

// lookup asks the local network for the address of a name.
func (n *names) lookup(ctx context.Context, name string) (netip.Addr, error) {
	server, err := n.open()
	if err != nil {
		return netip.Addr{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, namePatience)
	defer cancel()
	_, addr, err := server.QueryAddr(ctx, name)
	return addr, err
}

// open opens the sockets, once.
func (n *names) open() (*mdns.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil && n.failed == nil {
		n.server, n.failed = listenMulticast(n.logs)
	}
	return n.server, n.failed
}

// listenMulticast takes part in multicast DNS over whatever IP there is.
func listenMulticast(logs pionLog) (*mdns.Conn, error) {
	var over4 *ipv4.PacketConn
	var over6 *ipv6.PacketConn
	conn4, err4 := listenName("udp4", mdns.DefaultAddressIPv4)
	if err4 == nil {
		over4 = ipv4.NewPacketConn(conn4)
	}
	conn6, err6 := listenName("udp6", mdns.DefaultAddressIPv6)
	if err6 == nil {
		over6 = ipv6.NewPacketConn(conn6)
	}
	if err4 != nil && err6 != nil {
		return nil, fmt.Errorf("multicast DNS: %w", errors.Join(err4, err6))
	}
	server, err := mdns.NewServer(over4, over6, mdns.WithLoggerFactory(logs), mdns.WithName("meshfocus"))
	if err != nil {
		for _, conn := range []*net.UDPConn{conn4, conn6} {
			if conn != nil {
				_ = conn.Close()
			}
		}
		return nil, fmt.Errorf("multicast DNS: %w", err)
	}
	return server, nil
}

func listenName(network, address string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP(network, addr)
}

// close closes the sockets.
func (n *names) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil {
		return nil
	}
	return n.server.Close()
}

// hiddenName gives the .local name in a candidate, "" if it has an address.
func (c Candidate) hiddenName() string {
	fields := strings.Fields(c.Candidate)
	if len(fields) > 5 && strings.HasSuffix(fields[4], ".local") {
		return fields[4]
	}
	return ""
}

// useHidden looks the name of a candidate up and uses the candidate if there
// is an answer. It is a loop of its own for the time that takes.
func (c *Conn) useHidden(candidate Candidate, name string) {
	addr, err := c.network.resolve(c.life, name)
	if err != nil {
		c.log.Debug("candidate with a hidden address left out", "err", err)
		return
	}
	fields := strings.Fields(candidate.Candidate)
	fields[4] = addr.Unmap().WithZone("").String()
	candidate.Candidate = strings.Join(fields, " ")
	if err := c.useCandidates([]Candidate{candidate}); err != nil {
		c.log.Debug("candidate with a hidden address", "err", err)
	}
}
