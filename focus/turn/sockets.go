package turn

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/udp"
)

const (
	// longest is more than pion/turn takes (1600 bytes).
	longest = 2048
	// remembered is of how many addresses a socket keeps what it made of them.
	remembered = 4096
)

// port is a socket whose datagrams are read many at a time and handed out one by one.
type port struct {
	*udp.Socket
	// owned by who reads
	in    *udp.Inbox
	next  int
	names map[netip.AddrPort]*net.UDPAddr
	once  sync.Once
	ended func() // set once: told when nobody will read any more
}

// openPort binds a socket; ended is called once.
func openPort(c udp.Config, datagrams int, ended func()) (*port, error) {
	socket, err := udp.Listen(c)
	if err != nil {
		return nil, err
	}
	return &port{
		Socket: socket, in: udp.NewInbox(udp.Buffers(datagrams, longest)...), names: make(map[netip.AddrPort]*net.UDPAddr),
		ended: ended,
	}, nil
}

// read gives the next datagram that is not relayed here and now, and fits. Before it waits
// for more it calls idle.
func (p *port) read(into []byte, relays func(udp.Datagram) bool, idle func()) (n int, from netip.AddrPort, err error) {
	for {
		for p.next < len(p.in.Datagrams) {
			d := p.in.Datagrams[p.next]
			p.next++
			if !relays(d) && len(d.Data) <= len(into) {
				return copy(into, d.Data), d.From, nil
			}
		}
		idle()
		p.next = 0
		if _, err := p.Read(p.in); err != nil {
			p.end()
			return 0, netip.AddrPort{}, err
		}
	}
}

// end says that nobody reads any more.
func (p *port) end() { p.once.Do(p.ended) }

// name gives an address as net has it, the same one each time.
func (p *port) name(a netip.AddrPort) *net.UDPAddr {
	name := p.names[a]
	if name == nil {
		if len(p.names) == remembered {
			clear(p.names)
		}
		name = net.UDPAddrFromAddrPort(a)
		p.names[a] = name
	}
	return name
}

// SetDeadline, SetReadDeadline and SetWriteDeadline are for net.PacketConn: nobody sets any.
func (*port) SetDeadline(time.Time) error      { return nil }
func (*port) SetReadDeadline(time.Time) error  { return nil }
func (*port) SetWriteDeadline(time.Time) error { return nil }

// entrance is the socket that clients send to, for pion/turn. ReadFrom belongs to one
// goroutine, which is also the only one that writes to relayed addresses: what it wrote
// is sent when all that came together is read.
//
// What comes to an allocation's channels is queued there, and sent by its goroutine.
type entrance struct {
	*port
	local   net.Addr
	realm   string
	sending sync.Mutex // of what is queued; guards the socket's writing side

	mu sync.RWMutex
	// guarded by mu
	clients map[netip.AddrPort]*relayed // of whom each has the address that is relayed

	// owned by who reads
	stranger bool // who sent what was read last has no credentials
	request  []byte
	arena    []byte // of what is to be sent
	used     int
	busy     []*relayed // those with something to send
}

func newEntrance(p *port, c Config) *entrance {
	return &entrance{port: p, realm: c.Realm, local: net.UDPAddrFromAddrPort(p.Socket.LocalAddr()), arena: make([]byte, c.Datagrams*longest),
		clients: make(map[netip.AddrPort]*relayed)}
}

// remember notes whose relayed address one is, forget that it is so no more.
func (e *entrance) remember(client netip.AddrPort, one *relayed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients[client] = one
}

func (e *entrance) forget(client netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.clients, client)
}

// client gives the relayed address of one, nil if there is none.
func (e *entrance) client(at netip.AddrPort) *relayed {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.clients[at]
}

// relays sends what came by a channel to its peer. It is false for what is for pion/turn.
func (e *entrance) relays(d udp.Datagram) bool {
	number, data, ok := channelData(d.Data)
	if !ok {
		return false
	}
	r := e.client(d.From)
	if r == nil {
		return false
	}
	peer, ok := r.channels.peer(number)
	if ok {
		_ = r.send(data, peer) // no way there: it is lost, as on any
	}
	return ok
}

// LocalAddr gives the address that was bound.
func (e *entrance) LocalAddr() net.Addr { return e.local }

// ReadFrom gives the next datagram of a client.
func (e *entrance) ReadFrom(into []byte) (int, net.Addr, error) {
	n, from, err := e.read(into, e.relays, e.flush)
	if err != nil {
		return 0, nil, err
	}
	e.stranger, e.request = false, into[:n]
	return n, e.name(from), nil
}

// WriteTo sends to a client at once. Only who reads sends refusals.
func (e *entrance) WriteTo(datagram []byte, to net.Addr) (int, error) {
	sent := datagram
	if isRefusal(datagram) && e.stranger {
		sent = unauthorized(datagram, e.request, e.realm)
	}
	if err := e.Socket.WriteTo(sent, addressOf(to)); err != nil {
		return 0, err
	}
	return len(datagram), nil
}

// keep takes a datagram for later.
func (e *entrance) keep(r *relayed, path *udp.Path, datagram []byte) {
	if len(e.arena)-e.used < len(datagram) {
		e.flush()
	}
	kept := e.arena[e.used : e.used+copy(e.arena[e.used:], datagram) : len(e.arena)]
	e.used += len(kept)
	if r.out.Messages() == 0 {
		e.busy = append(e.busy, r)
	}
	r.out.Append(path, kept)
}

// flush sends what was kept.
func (e *entrance) flush() {
	for _, r := range e.busy {
		_ = r.Write(r.out) // its end: what is in it is lost, as on any way
	}
	clear(e.busy)
	e.busy, e.used = e.busy[:0], 0
}

// relayed is a relayed address, for pion/turn: ReadFrom belongs to the goroutine of its
// allocation, WriteTo to the entrance's.
type relayed struct {
	*port
	relay *Relay
	local net.Addr
	// owned by the entrance's goroutine
	out   *udp.Outbox
	paths map[netip.AddrPort]*udp.Path

	channels channels
	back     backlog

	mu     sync.Mutex
	spoken map[uint16]bool // guarded by mu: ports of this machine that sent here

	closing sync.Once
	begun   atomic.Bool // ReadFrom was called
}

// ways is how many peers an allocation keeps the path to, and how many ports of this machine.
const ways = 64

// hear notes that a program of this machine sent here, and so wants an answer. Nobody
// else has its address: kernels drop what comes from outside under it.
func (r *relayed) hear(port uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spoken) < ways {
		r.spoken[port] = true
	}
}

// open says whether a port of this machine may be sent to: it is relayed, it sent here
// before, or all are allowed.
func (r *relayed) open(port uint16) bool {
	if r.relay.bound(port) || r.relay.peers.open() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spoken[port]
}

// LocalAddr gives the address that was bound.
func (r *relayed) LocalAddr() net.Addr { return r.local }

// ReadFrom gives the next datagram of a peer that has no channel.
func (r *relayed) ReadFrom(into []byte) (int, net.Addr, error) {
	if !r.begun.Load() {
		r.begun.Store(true)
	}
	n, from, err := r.port.read(into, r.relays, r.flush)
	if err != nil {
		return 0, nil, err
	}
	return n, r.name(r.outside(from)), nil
}

// outside gives the address that clients know a peer by.
func (r *relayed) outside(peer netip.AddrPort) netip.AddrPort {
	if p := &r.relay.peers; peer.Addr() == p.here {
		return netip.AddrPortFrom(p.external, peer.Port())
	}
	return peer
}

// relays queues what came from the peer of a channel for the client. It is false for what
// is for pion/turn.
func (r *relayed) relays(d udp.Datagram) bool {
	if d.From.Addr() == r.relay.peers.here {
		r.hear(d.From.Port())
	}
	r.relay.count.in.packets.Add(1)
	r.relay.count.in.bytes.Add(uint64(len(d.Data)))
	number, ok := r.channels.number(r.outside(d.From))
	if !ok {
		return false
	}
	if !r.back.keep(number, d.Data) {
		r.flush()
		return r.back.keep(number, d.Data)
	}
	return true
}

// flush sends what waits for the client.
func (r *relayed) flush() { r.back.flush(r.relay.entrance) }

// WriteTo sends to a peer as send does.
func (r *relayed) WriteTo(datagram []byte, to net.Addr) (int, error) {
	return len(datagram), r.send(datagram, addressOf(to))
}

// send sends to a peer when the entrance has read what came together. What may not go
// there is counted and dropped.
func (r *relayed) send(datagram []byte, to netip.AddrPort) error {
	path, err := r.path(to)
	if err != nil {
		return err
	}
	if path == nil {
		r.relay.count.ports.Add(1)
		return nil
	}
	r.relay.count.out.packets.Add(1)
	r.relay.count.out.bytes.Add(uint64(len(datagram)))
	r.relay.entrance.keep(r, path, datagram)
	return nil
}

// path gives that to a peer, nil for a port of ours that is closed.
func (r *relayed) path(to netip.AddrPort) (*udp.Path, error) {
	if p := &r.relay.peers; to.Addr() == p.external {
		if !r.open(to.Port()) {
			return nil, nil
		}
		to = netip.AddrPortFrom(p.here, to.Port())
	}
	path := r.paths[to]
	if path == nil {
		var err error
		if path, err = r.Path(to); err != nil {
			return nil, err
		}
		if len(r.paths) == ways {
			clear(r.paths)
		}
		r.paths[to] = path
	}
	return path, nil
}

// Close gives the port back.
func (r *relayed) Close() error {
	r.closing.Do(func() { r.relay.forget(r) })
	err := r.Socket.Close()
	if !r.begun.Load() { // an address that was tried out only
		r.end()
	}
	return err
}
