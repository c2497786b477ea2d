package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/trace"
	"meshfocus/focus/transport/link"
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
	// Lanes is how many cores the connections are spread over, each with a port of
	// its own: the second and later take any that are free. 0 is one. Tick and Packets are those of lane.Config.
	Lanes   int
	Tick    time.Duration
	Packets int
	// ECN marks what leaves, where reports tell of marks, and reads those of what arrives
	// (lane.Config.ECN); of a peer that knows both, RFC 8888 is preferred then. Systems other
	// than Linux mark and read nothing.
	ECN bool
	// Traces is that of lane.Config: what is decided about paths, while somebody wants it.
	Traces *trace.Store
	Log    *slog.Logger // nil: nothing is logged

	timeouts link.Timeouts // for tests that cannot wait
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
	config Config
	log    *slog.Logger
	silent *silence
	names  link.Names
	// resolve finds the address behind a .local name; set once.
	resolve func(ctx context.Context, name string) (netip.Addr, error)
	// addresses gives those of this machine that are wanted; set once.
	addresses func(Config) ([]netip.Addr, error)
	pace      time.Duration // see movePace; set once
	external  []external    // set once
	uplink    *lane.Uplink  // set once; of the connections that are adaptive

	following sync.Mutex    // guards nothing: one looks at the addresses at a time
	moves     atomic.Uint64 // how often they were others

	mu      sync.Mutex
	present []netip.Addr           // what follow saw last, sorted; guarded by mu
	berths  []*berth               // guarded by mu; the first is the Config's port
	conns   map[*exchange]struct{} // guarded by mu
	closed  bool                   // guarded by mu
	making  sync.WaitGroup         // connections that are being made
}

// Listen opens the sockets. The error says which address or setting is to
// blame.
func Listen(config Config) (*Network, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return listenOn(config, wantedAddresses)
}

// listenOn is Listen on addresses that a test may give.
func listenOn(config Config, addresses func(Config) ([]netip.Addr, error)) (*Network, error) {
	external, err := parseExternal(config.External)
	if err != nil {
		return nil, err
	}
	addrs, err := addresses(config)
	if err != nil {
		return nil, err
	}
	n := &Network{
		config: config, log: config.Log, silent: newSilence(), addresses: addresses, pace: movePace, external: external, uplink: lane.NewUplink(),
		present: slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare),
		conns:   make(map[*exchange]struct{}),
	}
	n.names.Logs = pionLog{config.Log}
	n.resolve = n.names.Lookup
	if err := n.openBerths(); err != nil {
		return nil, err
	}
	return n, nil
}

// reach is our place in the network as it is known now (link.Config.Reach).
func (n *Network) reach() link.Reach {
	r := link.Reach{}
	for _, each := range n.external {
		r.External = append(r.External, each.public)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r.Own, r.Loopback = slices.Clone(n.present), n.config.Loopback
	return r
}

// lookUp finds the address behind a hidden name, if we look such names up
// (link.Config.Resolve).
func (n *Network) lookUp(ctx context.Context, name string) (netip.Addr, error) {
	if !n.config.MDNS {
		return netip.Addr{}, errors.New("names are not looked up here")
	}
	return n.resolve(ctx, name)
}

// Port gives the number of the UDP port, and of the TCP port if there is one.
func (n *Network) Port() int { return n.first().number }

// Addrs gives the local UDP addresses that candidates are made of.
func (n *Network) Addrs() []netip.AddrPort { return n.first().addrs() }

// Stats gives what each lane is and did, the first port's first. Lanes are added and
// never go, so all counts go up only.
func (n *Network) Stats() (lanes []lane.Stats) {
	n.mu.Lock()
	berths := slices.Clone(n.berths)
	n.mu.Unlock()
	for _, b := range berths {
		lanes = append(lanes, b.lane.Stats())
	}
	return lanes
}

func (n *Network) first() *ports {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.berths[0].ports
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
	berths := n.berths
	n.mu.Unlock()

	var wg sync.WaitGroup
	errs := make([]error, len(conns))
	for i, conn := range conns {
		wg.Go(func() { errs[i] = conn.Close() })
	}
	wg.Wait()
	n.silent.close()
	errs = append(errs, n.names.Close())
	for _, berth := range berths {
		errs = append(errs, berth.ports.close())
	}
	return errors.Join(errs...)
}

// enter lists a connection and gives it, of the berths that no other connection
// to its peer is on, the one with the fewest, opening one if need be. The caller tells
// making when the connection is made.
func (n *Network) enter(x *exchange, on *lane.Lane) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	i := n.least(x.peer)
	if on != nil {
		i = slices.IndexFunc(n.berths, func(b *berth) bool { return b.lane == on })
		if i < 0 {
			return errors.New("the lane is another network's")
		}
	}
	if i < 0 {
		i = len(n.berths)
		if err := n.openBerth(); err != nil {
			return fmt.Errorf("port for another connection to the same peer: %w", err)
		}
	}
	n.making.Add(1)
	x.berth = n.berths[i]
	n.conns[x] = struct{}{}
	return nil
}

// least gives the place of a berth for a connection to a peer, -1 if there is
// none. Without Lanes it is the first that is not taken. n.mu is held.
func (n *Network) least(peer string) int {
	taken, load := make(map[*berth]bool), make(map[*berth]int)
	for other := range n.conns {
		load[other.berth]++
		if peer != "" && other.peer == peer {
			taken[other.berth] = true
		}
	}
	least := -1
	for i, b := range n.berths {
		switch {
		case taken[b]:
		case least < 0, i < n.config.Lanes && load[b] < load[n.berths[least]]:
			least = i
		}
	}
	return least
}

func (n *Network) leave(x *exchange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, x)
}
