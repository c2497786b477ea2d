package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Socket is one UDP port with its two sides.
type Socket struct {
	// set once
	conn   *net.UDPConn
	engine engine
	config Config
	family family
	local  netip.AddrPort
	count  *counters
	errs   *troubles
}

// engine is how the two sides are done. Each method is called by one goroutine.
type engine interface {
	// read fills an inbox with at least one datagram, or says why the socket is done.
	read(*Inbox) error
	// write sends all it can of an outbox. An error says that the socket is done.
	write(*Outbox) error
	// segmenting says whether the kernel cuts up, or why it does not. For all goroutines.
	segmenting() (bool, string)
}

// family is what addresses a socket speaks.
type family uint8

const (
	both family = iota // sockets of IPv6 that speak IPv4 as well
	four
	six
)

// speaks says whether an address can be reached.
func (f family) speaks(a netip.Addr) bool {
	return a.IsValid() && (f == both || a.Is4() == (f == four))
}

// Listen opens a socket.
func Listen(c Config) (*Socket, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("UDP socket: %w", err)
	}
	conn, err := bind(c.Address)
	if err != nil {
		return nil, fmt.Errorf("UDP socket: %w", err)
	}
	s := &Socket{conn: conn, config: c, count: &counters{}, errs: &troubles{}}
	if err := s.open(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("UDP socket on %v: %w", s.local, err)
	}
	return s, nil
}

// bind asks for a port.
func bind(at netip.AddrPort) (*net.UDPConn, error) {
	if !at.Addr().IsValid() {
		return net.ListenUDP("udp", &net.UDPAddr{Port: int(at.Port())})
	}
	network := "udp6"
	if at.Addr().Unmap().Is4() {
		network = "udp4"
	}
	return net.ListenUDP(network, net.UDPAddrFromAddrPort(clean(at)))
}

// clean gives an address as what it is: IPv4 in IPv6 is IPv4.
func clean(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// open finds out what was bound, sets it up and chooses the engine.
func (s *Socket) open() error {
	bound := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.local = clean(bound)
	switch {
	case s.local.Addr().Is4():
		s.family = four
	case s.config.Address.Addr().IsValid():
		s.family = six
	}
	// Smaller buffers than asked for are no reason to stay away: Stats tells.
	_ = s.conn.SetReadBuffer(s.config.ReceiveBuffer)
	_ = s.conn.SetWriteBuffer(s.config.SendBuffer)
	forceBuffers(s.conn, s.config.ReceiveBuffer, s.config.SendBuffer)
	if err := s.classify(); err != nil {
		return err
	}
	return s.choose()
}

// choose makes the engine.
func (s *Socket) choose() (err error) {
	if s.config.Engine != Portable {
		s.engine, err = newBatched(s)
		if err == nil {
			s.config.Engine = Batched
			return nil
		}
		if s.config.Engine == Batched || !errors.Is(err, ErrNoEngine) {
			return err
		}
	}
	s.config.Engine, s.config.Coalesce = Portable, false
	s.engine = &portable{conn: s.conn, count: s.count, errs: s.errs}
	return nil
}

// classify sets the traffic class (RFC 2474), of both families if there are two:
// not all systems let one socket have both.
func (s *Socket) classify() error {
	class := int(s.config.DSCP)<<2 | int(s.config.ECN)
	if class == 0 {
		return nil
	}
	var failed []error
	if s.family != six {
		failed = append(failed, ipv4.NewPacketConn(s.conn).SetTOS(class))
	}
	if s.family != four {
		failed = append(failed, ipv6.NewPacketConn(s.conn).SetTrafficClass(class))
	}
	if slices.Contains(failed, nil) {
		return nil
	}
	return fmt.Errorf("traffic class %#x: %w", class, errors.Join(failed...))
}

// LocalAddr gives the address that was bound.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Read waits for datagrams and puts what there is into the inbox, at least one.
// It says how many; net.ErrClosed ends it, and after any error the inbox is
// empty. Errors that come and go (an ICMP message, a call that was interrupted)
// are counted and not told. For the read loop.
func (s *Socket) Read(in *Inbox) (int, error) {
	in.Datagrams = in.Datagrams[:0]
	if s.config.Coalesce && !in.kernel.roomy() {
		return 0, ErrShortBuffer
	}
	if err := s.engine.read(in); err != nil {
		in.Datagrams = in.Datagrams[:0]
		return 0, fmt.Errorf("UDP socket on %v: read: %w", s.local, err)
	}
	return len(in.Datagrams), nil
}

// Write sends what is in the outbox and empties it. A destination that refuses
// its datagrams is counted (Path, Stats) and the rest goes on; what finds no
// room in the send buffer in time is dropped and counted. The only error is
// that the socket is closed: net.ErrClosed. For the send loop.
func (s *Socket) Write(out *Outbox) error {
	defer out.Reset()
	if len(out.messages) == 0 {
		return nil
	}
	if err := s.engine.write(out); err != nil {
		return fmt.Errorf("UDP socket on %v: write: %w", s.local, err)
	}
	return nil
}

// WriteTo sends one datagram by the slow way, for what is not media. For all
// goroutines; it waits behind a Write that is under way.
func (s *Socket) WriteTo(datagram []byte, to netip.AddrPort) error {
	to = clean(to)
	if !s.family.speaks(to.Addr()) {
		return fmt.Errorf("UDP socket on %v: to %v: %w", s.local, to, ErrFamily)
	}
	n, err := s.conn.WriteToUDPAddrPort(datagram, to)
	s.count.sent.calls.Add(1)
	switch {
	case err == nil:
		s.count.sent.datagrams.Add(1)
		s.count.sent.bytes.Add(uint64(n))
	case errors.Is(err, os.ErrDeadlineExceeded): // of a Write that ran out of patience just now
		s.count.sent.full.Add(1)
		err = ErrFull
	case !errors.Is(err, net.ErrClosed):
		s.count.sent.failed.Add(1)
	}
	if err != nil {
		return fmt.Errorf("UDP socket on %v: to %v: %w", s.local, to, err)
	}
	return nil
}

// Path makes a destination of an address. For all goroutines.
func (s *Socket) Path(to netip.AddrPort) (*Path, error) {
	to = clean(to)
	if !s.family.speaks(to.Addr()) {
		return nil, fmt.Errorf("UDP socket on %v: path to %v: %w", s.local, to, ErrFamily)
	}
	p := &Path{to: to}
	if err := p.name.set(to, s.family); err != nil {
		return nil, fmt.Errorf("UDP socket on %v: path to %v: %w", s.local, to, err)
	}
	return p, nil
}

// Marked gives another Path to the same address, whose datagrams carry e in place of
// Config.ECN; p itself, if the engine cannot tell datagrams apart. One that the kernel
// refuses for its mark leaves without. For all goroutines.
func (s *Socket) Marked(p *Path, e ECN) *Path {
	if s.config.Engine == Portable || e == s.config.ECN {
		return p
	}
	return &Path{to: p.to, name: p.name, class: s.config.DSCP<<2 | uint8(e&CE), marked: true}
}

// Stats gives what the socket is and did. For all goroutines.
func (s *Socket) Stats() Stats {
	t := Stats{Engine: s.config.Engine, Coalescing: s.config.Coalesce, Troubled: s.errs.list()}
	t.Segmenting, t.Refusal = s.engine.segmenting()
	t.Read, t.Written = s.count.stats()
	t.ReceiveBuffer, t.SendBuffer, t.Read.Overflowed = gauge(s.conn)
	return t
}

// Close ends Read and Write at once. Closing twice does nothing.
func (s *Socket) Close() error {
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("UDP socket on %v: close: %w", s.local, err)
	}
	return nil
}
