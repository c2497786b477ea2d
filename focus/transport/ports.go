package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// ports is one port number on each local address, UDP and, if wanted, TCP. A
// socket of its own for each address, not one for all, so that an answer
// leaves from the address that was asked: ICE drops others.
type ports struct {
	number    int
	sockets   []*socket
	listeners []*listener
	udp       *ice.MultiUDPMuxDefault
	tcp       *tcpPorts
}

const (
	// portAttempts is how often a free port is tried: a port that is free
	// in UDP on one address may be taken in TCP or on another.
	portAttempts = 20
	// socketBuffer holds 100 ms of 20 streams of 2 Mbit/s with room to
	// spare; the system may grant less.
	socketBuffer = 2 << 20
	// tcpWriteBuffer is what may wait for a slow TCP peer before packets for
	// it are dropped: without it one peer would hold up the others.
	tcpWriteBuffer = 256 << 10
	// tcpReadBuffer is packets.
	tcpReadBuffer = 64
	// tcpFirstMessage is how long a new TCP connection may stay silent.
	tcpFirstMessage = 5 * time.Second
	// tcpUnknownPeer is how long one is kept whose check names no connection
	// of ours.
	tcpUnknownPeer = 2 * time.Second
)

func openPorts(config Config, logs logging.LoggerFactory) (*ports, error) {
	if config.Port < 0 || config.Port > 65535 {
		return nil, fmt.Errorf("media port %d: want 1 to 65535, or 0 for any", config.Port)
	}
	addrs, err := wantedAddresses(config)
	if err != nil {
		return nil, err
	}
	attempts := 1
	if config.Port == 0 {
		attempts = portAttempts
	}
	var p *ports
	for range attempts {
		p, err = bindAll(addrs, config.Port, config.TCP)
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	p.serve(logs)
	return p, nil
}

// bindAll opens the same number on every address. An address that cannot be
// used at the moment (an IPv6 address still being checked for duplicates) is
// left out; a number that is taken is an error.
func bindAll(addrs []netip.Addr, number int, tcp bool) (*ports, error) {
	p := &ports{number: number}
	for _, addr := range addrs {
		err := p.bind(addr, tcp)
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("media port: %w", err), p.close())
		}
	}
	if len(p.sockets) == 0 {
		return nil, errors.New("media port: none of the addresses is one of this machine")
	}
	return p, nil
}

func (p *ports) bind(addr netip.Addr, tcp bool) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, uint16(p.number))))
	if err != nil {
		return err
	}
	p.number = conn.LocalAddr().(*net.UDPAddr).Port
	_ = conn.SetReadBuffer(socketBuffer) // best effort: the system has a limit
	_ = conn.SetWriteBuffer(socketBuffer)
	p.sockets = append(p.sockets, newSocket(conn))
	if !tcp {
		return nil
	}
	accept, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, uint16(p.number))))
	if err != nil {
		return err
	}
	p.listeners = append(p.listeners, &listener{Listener: accept, open: make(map[net.Conn]struct{})})
	return nil
}

// serve starts reading.
func (p *ports) serve(logs logging.LoggerFactory) {
	log := logs.NewLogger("ice")
	muxes := make([]ice.UDPMux, 0, len(p.sockets))
	for _, s := range p.sockets {
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: log, UDPConn: s}))
	}
	p.udp = ice.NewMultiUDPMuxDefault(muxes...)
	p.tcp = &tcpPorts{muxes: make(map[netip.Addr]*ice.TCPMuxDefault)}
	for _, l := range p.listeners {
		local := l.Addr().(*net.TCPAddr).AddrPort().Addr()
		p.tcp.muxes[local.Unmap().WithZone("")] = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener:                     l,
			Logger:                       log,
			ReadBufferSize:               tcpReadBuffer,
			WriteBufferSize:              tcpWriteBuffer,
			FirstStunBindTimeout:         tcpFirstMessage,
			AliveDurationForConnFromStun: tcpUnknownPeer,
		})
	}
}

func (p *ports) addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(p.sockets))
	for _, s := range p.sockets {
		addrs = append(addrs, s.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	return addrs
}

// close closes the sockets and waits for their readers.
func (p *ports) close() error {
	var errs []error
	if p.udp == nil { // never served
		for _, l := range p.listeners {
			errs = append(errs, l.Close())
		}
	} else {
		errs = append(errs, p.udp.Close(), p.tcp.Close())
	}
	for _, s := range p.sockets {
		s.shut()
	}
	return errors.Join(errs...)
}

// socket is one UDP socket. Closing it waits for its reader, which Pion's mux
// does not, and it asks STUN servers (see reflexive).
type socket struct {
	*net.UDPConn
	reading sync.Mutex // held by the read loop while it reads

	mu     sync.Mutex
	asked  map[transaction]chan netip.AddrPort // guarded by mu
	asking atomic.Int32                        // how many are in asked
}

func newSocket(conn *net.UDPConn) *socket {
	return &socket{UDPConn: conn, asked: make(map[transaction]chan netip.AddrPort)}
}

// ReadFromAddrPort is called by the read loop only (ice.AddrPortReaderWriter).
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for {
		n, from, err := s.ReadFromUDPAddrPort(b)
		if err != nil || !s.answered(b[:n]) {
			return n, from, err
		}
	}
}

// WriteToAddrPort sends one datagram.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteToUDPAddrPort(b, to)
}

// shut closes the socket and returns when no read is under way. It does not
// wait for the loop to see the error: a loop whose mux was closed while it
// handled a packet ends without another read.
func (s *socket) shut() {
	_ = s.UDPConn.Close() // a second close is an error of no interest
	s.reading.Lock()
	//lint:ignore SA2001 the wait is the point
	s.reading.Unlock()
}

// wantedAddresses gives the addresses of a Config, or all that this machine
// has: no link-local ones (RFC 8445 section 5.1.1.1), loopback if asked for.
func wantedAddresses(config Config) ([]netip.Addr, error) {
	if len(config.Addresses) > 0 {
		return config.Addresses, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of this machine: %w", err)
	}
	var addrs []netip.Addr
	for _, each := range all {
		network, ok := each.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(network.IP)
		addr = addr.Unmap()
		if !ok || addr.IsLoopback() && !config.Loopback || !addr.IsLoopback() && !addr.IsGlobalUnicast() {
			continue
		}
		addrs = append(addrs, addr)
	}
	if len(addrs) == 0 {
		return nil, errors.New("this machine has no network address but loopback: allow loopback, or connect it")
	}
	return addrs, nil
}
