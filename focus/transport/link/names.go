package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// namePatience is how long a name is looked for. Whoever has it answers at
// once; a name nobody has is one of another network.
const namePatience = 3 * time.Second

// Names looks up the .local names that browsers give instead of addresses
// (draft-ietf-mmusic-mdns-ice-candidates), for all Links of a process on one
// pair of multicast sockets, which the first name opens. Its methods may be
// called from any goroutine. The zero Names works.
type Names struct {
	// Logs takes what Pion says; nil: it says nothing. Set before use.
	Logs logging.LoggerFactory

	mu     sync.Mutex
	server *mdns.Conn // guarded by mu
	failed error      // guarded by mu: there is no multicast here, or no more
}

// Lookup asks the local network for the address of a name, for three seconds
// at the most. It is made to be Config.Resolve.
func (n *Names) Lookup(ctx context.Context, name string) (netip.Addr, error) {
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
func (n *Names) open() (*mdns.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil && n.failed == nil {
		n.server, n.failed = listenMulticast(n.Logs)
	}
	return n.server, n.failed
}

// Close closes the sockets; a Lookup under way fails, as does each after it.
func (n *Names) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	server := n.server
	n.server, n.failed = nil, ErrClosed
	if server == nil {
		return nil
	}
	return server.Close()
}

// listenMulticast takes part in multicast DNS over whatever IP there is.
func listenMulticast(logs logging.LoggerFactory) (*mdns.Conn, error) {
	if logs == nil {
		logs = silence{}
	}
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
	if err == nil {
		return server, nil
	}
	for _, conn := range []*net.UDPConn{conn4, conn6} {
		if conn != nil {
			_ = conn.Close()
		}
	}
	return nil, fmt.Errorf("multicast DNS: %w", err)
}

func listenName(network, address string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP(network, addr)
}
