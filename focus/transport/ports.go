package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	listeners []*listener
	udp       *sockets
	tcp       *tcpPorts // nil until it is served
}

const (
	// portAttempts is how often a free port is tried: a port that is free
	// in UDP on one address may be taken in TCP or on another.
	portAttempts = 20
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

func openPorts(config Config, addrs []netip.Addr, logs logging.LoggerFactory) (*ports, error) {
	if config.Port < 0 || config.Port > 65535 {
		return nil, fmt.Errorf("media port %d: want 1 to 65535, or 0 for any", config.Port)
	}
	attempts := 1
	if config.Port == 0 {
		attempts = portAttempts
	}
	var p *ports
	var err error
	for range attempts {
		p, err = bindAll(addrs, config.Port, config.TCP, newSockets(config))
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
func bindAll(addrs []netip.Addr, number int, tcp bool, udp *sockets) (*ports, error) {
	p := &ports{number: number, udp: udp}
	for _, addr := range addrs {
		err := p.bind(addr, tcp)
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("media port: %w", err), p.close())
		}
	}
	if udp.count() == 0 {
		return nil, errors.Join(errors.New("media port: none of the addresses is one of this machine"), p.close())
	}
	return p, nil
}

func (p *ports) bind(addr netip.Addr, tcp bool) error {
	number, err := p.udp.bind(addr, p.number)
	if err != nil {
		return err
	}
	p.number = number
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

// serve starts accepting TCP connections.
func (p *ports) serve(logs logging.LoggerFactory) {
	log := logs.NewLogger("ice")
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

func (p *ports) addrs() []netip.AddrPort { return p.udp.present() }

// follow opens the port on addresses that are new; on another number where
// this one is taken.
func (p *ports) follow(addrs []netip.Addr) error {
	var errs []error
	for _, addr := range p.udp.follow(addrs) {
		_, err := p.udp.bind(addr, p.number)
		if errors.Is(err, syscall.EADDRINUSE) {
			_, err = p.udp.bind(addr, 0)
		}
		if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) { // not yet, or gone again
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// close closes the sockets and waits for their readers.
func (p *ports) close() error {
	errs := []error{p.udp.close()}
	if p.tcp == nil { // never served
		for _, l := range p.listeners {
			errs = append(errs, l.Close())
		}
	} else {
		errs = append(errs, p.tcp.Close())
	}
	return errors.Join(errs...)
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

// OnlyLoopback reports whether this machine has no other address than loopback
// ones. Where it has, loopback candidates do harm: Firefox sends nothing
// there, but answers checks that come from there, so ICE would nominate a
// pair that Firefox never uses.
func OnlyLoopback() bool {
	_, err := wantedAddresses(Config{})
	return err != nil
}
