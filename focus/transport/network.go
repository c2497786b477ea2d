package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// Config says where a Network listens. The zero Config works: any free port
// on every address of the machine but loopback, UDP only.
type Config struct {
	// Port is the one UDP port of all connections, and the TCP port of
	// ICE-TCP. 0 takes any that is free in both.
	Port int
	// Addresses are the local addresses to use; empty means all of them.
	Addresses []netip.Addr
	// External maps local addresses to the ones the world sees, for machines
	// behind a one-to-one NAT: "203.0.113.5" for every local address of that
	// family, or "203.0.113.5/10.0.0.2" for one. It adds candidates.
	External []string
	// TCP listens for ICE-TCP too (RFC 6544, passive) and connects to peers
	// that do.
	TCP bool
	// Loopback adds 127.0.0.1 and ::1, for tests and for parties on one
	// machine.
	Loopback bool
	// MDNS looks up the .local names browsers hide their addresses behind.
	// Our own addresses are never hidden. Without it such candidates are
	// left out.
	MDNS bool
	Log  *slog.Logger // nil: nothing is logged
}

// Network is the sockets of one party, shared by its connections. All methods
// may be called from any goroutine.
//
// Two ports carry one connection between them: what arrives is told apart by
// where it comes from. So each party of a process has a Network of its own,
// and a second connection to the same peer at the same time, in another room
// or while the first is being replaced, gets another port (see ConnConfig.Peer).
//
// It owns the sockets, their read loops, the source of silence (see silence)
// and the list of connections. It ends with Close, which ends the connections.
type Network struct {
	config  Config
	log     *slog.Logger
	silent  *silence
	names   *names
	resolve func(ctx context.Context, name string) (netip.Addr, error)

	mu     sync.Mutex
	lanes  []*lane            // guarded by mu; the first is the Config's port
	conns  map[*Conn]struct{} // guarded by mu
	closed bool               // guarded by mu
	making sync.WaitGroup     // connections that are being made
}

// lane is one port and what connections on it are made with.
type lane struct {
	ports        *ports
	codecs       *webrtc.MediaEngine
	interceptors *interceptor.Registry
	settings     webrtc.SettingEngine
	interfaces   *stdnet.Net
}

// api prepares Pion for one connection, which ends with the context.
func (l *lane) api(ctx context.Context, relayOnly bool) *webrtc.API {
	settings := l.settings
	if relayOnly {
		settings.SetRelayAcceptanceMinWait(0) // nothing better can come
	}
	settings.SetNet(&outside{l.interfaces, ctx})
	return webrtc.NewAPI(webrtc.WithMediaEngine(l.codecs), webrtc.WithInterceptorRegistry(l.interceptors), webrtc.WithSettingEngine(settings))
}

// Listen opens the sockets. The error says which address or setting is to
// blame.
func Listen(config Config) (*Network, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	first, err := openLane(config)
	if err != nil {
		return nil, err
	}
	names := &names{logs: pionLog{config.Log}}
	return &Network{
		config:  config,
		log:     config.Log,
		silent:  newSilence(),
		names:   names,
		resolve: names.lookup,
		lanes:   []*lane{first},
		conns:   make(map[*Conn]struct{}),
	}, nil
}

// openLane opens a port and prepares Pion for it.
func openLane(config Config) (*lane, error) {
	rules, err := externalRules(config.External)
	if err != nil {
		return nil, err
	}
	engine, err := mediaEngine()
	if err != nil {
		return nil, fmt.Errorf("codecs: %w", err)
	}
	logs := pionLog{config.Log}
	registry, err := interceptors(logs)
	if err != nil {
		return nil, fmt.Errorf("interceptors: %w", err)
	}
	interfaces, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("network interfaces: %w", err)
	}
	ports, err := openPorts(config, logs)
	if err != nil {
		return nil, err
	}
	settings := settings(logs)
	applyPorts(&settings, config, ports)
	if err := settings.SetICEAddressRewriteRules(rules...); err != nil {
		return nil, errors.Join(err, ports.close())
	}
	return &lane{ports: ports, codecs: engine, interceptors: registry, settings: settings, interfaces: interfaces}, nil
}

// applyPorts makes the ICE agents of all connections use our sockets.
func applyPorts(settings *webrtc.SettingEngine, config Config, ports *ports) {
	settings.SetICEUDPMux(ports.udp)
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if config.TCP {
		settings.SetICETCPMux(ports.tcp)
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	} else {
		settings.DisableActiveTCP(true)
	}
	settings.SetNetworkTypes(types)
	settings.SetIncludeLoopbackCandidate(config.Loopback)
	if len(config.Addresses) > 0 {
		wanted := make(map[netip.Addr]bool)
		for _, addr := range config.Addresses {
			wanted[addr.Unmap()] = true
		}
		// Only with a filter does Pion bind what it opens for TURN to the
		// same addresses; without, it makes one allocation for all of them.
		settings.SetIPFilter(func(ip net.IP) bool {
			addr, ok := netip.AddrFromSlice(ip)
			return ok && wanted[addr.Unmap()]
		})
	}
}

// Port gives the number of the UDP port, and of the TCP port if there is one.
func (n *Network) Port() int { return n.first().number }

// Addrs gives the local UDP addresses that candidates are made of.
func (n *Network) Addrs() []netip.AddrPort { return n.first().addrs() }

func (n *Network) first() *ports {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lanes[0].ports
}

// Close ends every connection and closes the sockets. It returns when nothing
// of them runs any more; a second Close returns at once.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	n.making.Wait()
	n.mu.Lock()
	conns := slices.Collect(maps.Keys(n.conns))
	lanes := n.lanes
	n.mu.Unlock()

	var wg sync.WaitGroup
	errs := make([]error, len(conns))
	for i, conn := range conns {
		wg.Go(func() { errs[i] = conn.Close() })
	}
	wg.Wait()
	n.silent.close()
	errs = append(errs, n.names.close())
	for _, lane := range lanes {
		errs = append(errs, lane.ports.close())
	}
	return errors.Join(errs...)
}

// enter lists a connection and gives it the first lane that no other
// connection to its peer is on, opening one if need be. The caller tells
// making when the connection is made.
func (n *Network) enter(conn *Conn) (*lane, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	n.making.Add(1)
	taken := make(map[*lane]bool)
	for other := range n.conns {
		if conn.peer != "" && other.peer == conn.peer {
			taken[other.lane] = true
		}
	}
	for _, lane := range n.lanes {
		if !taken[lane] {
			conn.lane = lane
			n.conns[conn] = struct{}{}
			return lane, nil
		}
	}
	config := n.config
	config.Port = 0
	another, err := openLane(config)
	if err != nil {
		n.making.Done()
		return nil, fmt.Errorf("port for another connection to the same peer: %w", err)
	}
	n.lanes = append(n.lanes, another)
	conn.lane = another
	n.conns[conn] = struct{}{}
	return another, nil
}

func (n *Network) leave(conn *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, conn)
}
