package turn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"meshfocus/focus/udp"
)

// Relay is a TURN server. Open it, then Run it; what it gives out works from Open on.
type Relay struct {
	// set once
	config   Config
	peers    peers
	entrance *entrance
	ended    chan struct{} // closed when the entrance is read no more

	count   counters
	readers sync.WaitGroup // of relayed addresses

	mu sync.RWMutex
	// guarded by mu
	ports map[uint16]*relayed // that are bound
	users map[string]int      // how many allocations each has
	all   int
}

// Open binds the port that clients send to. The error is ErrConfig or the system's.
func Open(c Config) (*Relay, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	r := &Relay{config: c, ports: make(map[uint16]*relayed), users: make(map[string]int), ended: make(chan struct{})}
	here, err := c.here()
	if err != nil {
		return nil, err
	}
	if r.peers, err = newPeers(c, here); err != nil {
		return nil, fmt.Errorf("relay: addresses of this machine: %w", err)
	}
	socket, err := openPort(udp.Config{Address: c.Listen}, c.Datagrams, func() { close(r.ended) })
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r.entrance = newEntrance(socket, c)
	return r, nil
}

// Address is where clients reach it.
func (r *Relay) Address() netip.AddrPort {
	return netip.AddrPortFrom(r.config.External, r.entrance.Socket.LocalAddr().Port())
}

// Credentials are good for so long from now.
func (r *Relay) Credentials(user string, lifetime time.Duration) (username, password string) {
	return r.config.Secret.Credentials(user, time.Now().Add(lifetime))
}

// Run relays until the context ends, and returns when all ports are closed and nothing
// reads any more. The error is why it had to end before.
func (r *Relay) Run(ctx context.Context) error {
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: r.config.Realm, LoggerFactory: &logging.DefaultLoggerFactory{}, AuthHandler: r.admit, QuotaHandler: r.room,
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: r.entrance, RelayAddressGenerator: addresses{r}, PermissionHandler: r.permit,
		}},
		EventHandler: turn.EventHandler{
			OnAuth: r.heard, OnAllocationCreated: r.created, OnAllocationDeleted: r.deleted,
			OnChannelCreated: r.channelBound, OnChannelDeleted: r.channelUnbound,
		},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("relay: %w", err), r.Close())
	}
	select {
	case <-ctx.Done():
	case <-r.ended:
		err = fmt.Errorf("relay: the socket at %v is done", r.entrance.LocalAddr())
	}
	err = errors.Join(err, server.Close())
	<-r.ended        // now there is no new allocation, and pion/turn closes those that there are
	r.readers.Wait() // it waits for nobody itself
	return err
}

// Close lets go of a Relay that will not run.
func (r *Relay) Close() error { return r.entrance.Close() }

// Stats gives what it has and did.
func (r *Relay) Stats() Stats {
	s := r.count.stats()
	r.mu.RLock()
	defer r.mu.RUnlock()
	s.Allocations = r.all
	return s
}

// admit gives the key of a user. An allocation may go on with credentials that have
// expired since, as with coturn: a call that is under way is not cut off.
func (r *Relay) admit(asked *turn.RequestAttributes) (user string, key []byte, ok bool) {
	user, expiry, ok := parse(asked.Username)
	if !ok || asked.Realm != r.config.Realm || asked.Method == stun.MethodAllocate && time.Now().After(expiry) {
		r.unknown()
		return "", nil, false
	}
	return user, turn.GenerateAuthKey(asked.Username, asked.Realm, r.config.Secret.password(asked.Username)), true
}

// heard counts wrong passwords.
func (r *Relay) heard(_, _ net.Addr, _, _, _, _ string, right bool) {
	if !right {
		r.unknown()
	}
}

// unknown notes that who asks has no credentials.
func (r *Relay) unknown() {
	r.count.credentials.Add(1)
	r.entrance.stranger = true
}

// room says whether a user may have one more allocation.
func (r *Relay) room(user, _ string, _ net.Addr) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.users[user] >= r.config.PerUser || r.all >= r.config.InAll {
		r.count.quota.Add(1)
		return false
	}
	return true
}

// created notes a new allocation, before it is read.
func (r *Relay) created(client, _ net.Addr, _, user, _ string, relayed net.Addr, _ int) {
	r.count.allocated.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users[user]++
	r.all++
	at := addressOf(client)
	path, err := r.entrance.Path(at)
	one := r.ports[addressOf(relayed).Port()]
	if err != nil || one == nil {
		return // what goes to the client is sent at once
	}
	one.back.begin(path)
	r.entrance.remember(at, one)
}

// deleted notes the end of one. If its client has a new one already, what goes there is
// sent at once from now on.
func (r *Relay) deleted(client, _ net.Addr, _, user, _ string) {
	r.entrance.forget(addressOf(client))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.users[user]--; r.users[user] <= 0 {
		delete(r.users, user)
	}
}

// permit says whether an address may be a peer.
func (r *Relay) permit(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	if ok && r.peers.takes(a) {
		return true
	}
	r.count.peers.Add(1)
	return false
}

// bound says whether a port is a relayed one.
func (r *Relay) bound(port uint16) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.ports[port] != nil
}

// bind opens a relayed address at a port, or at any that is free for 0.
func (r *Relay) bind(wanted uint16) (*relayed, error) {
	const tries = 32
	for range tries {
		number := wanted
		if wanted == 0 {
			number = r.config.FirstPort + uint16(rand.IntN(int(r.config.LastPort-r.config.FirstPort)+1))
		}
		at := netip.AddrPortFrom(r.peers.here, number)
		socket, err := openPort(udp.Config{Address: at, ReceiveBuffer: buffer, SendBuffer: buffer}, r.config.Datagrams, r.readers.Done)
		if err != nil {
			continue
		}
		one := &relayed{port: socket, relay: r, local: net.UDPAddrFromAddrPort(at), out: udp.NewOutbox(1),
			paths: make(map[netip.AddrPort]*udp.Path), spoken: make(map[uint16]bool),
			back: backlog{out: udp.NewOutbox(1), room: r.config.Datagrams * longest}}
		r.readers.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ports[number] = one
		return one, nil
	}
	return nil, errPorts
}

// buffer is what a relayed address asks the kernel for: 20 ms at 200 Mbit/s.
const buffer = 1 << 19

// forget takes a relayed address from the list.
func (r *Relay) forget(one *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ports, one.Socket.LocalAddr().Port())
}

// addresses makes relayed addresses for pion/turn.
type addresses struct{ relay *Relay }

// Validate has nothing to complain of.
func (addresses) Validate() error { return nil }

// AllocatePacketConn gives one over UDP.
func (a addresses) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if (c.Network == "udp4") != a.relay.config.External.Is4() {
		return nil, nil, errFamily
	}
	one, err := a.relay.bind(uint16(c.RequestedPort))
	if err != nil {
		return nil, nil, err
	}
	return one, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.relay.config.External, one.Socket.LocalAddr().Port())), nil
}

// AllocateListener and AllocateConn refuse: there is no TCP here.
func (addresses) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errTransport
}

// AllocateConn is as AllocateListener.
func (addresses) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errTransport
}
