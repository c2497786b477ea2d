package link

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// slotBacklog is how many datagrams wait for an ICE agent: a handshake
	// flight and the checks of a moment. More is dropped; both sides repeat.
	slotBacklog = 64
	// maxAsked is how many of an agent's checks may be on their way at once.
	maxAsked = 256
)

// slot is the packets of one ICE generation on one local address
// (net.PacketConn and ice.AddrPortReaderWriter).
type slot struct {
	port  *Port
	door  door
	inbox chan *parcel // pointers: there is a slot for each address, mostly idle
	done  chan struct{}
	shut  sync.Once

	number uint64 // set once: later slots have higher ones

	// Guarded by port.mu.
	claimed map[route]struct{}
	heard   map[netip.AddrPort]struct{}
	asked   []transaction // the last maxAsked, as a ring
	oldest  int
}

// parcel is a datagram and where it came from.
type parcel struct {
	datagram []byte
	from     netip.AddrPort
}

func newSlot(port *Port, at door) *slot {
	return &slot{
		port: port, door: at,
		inbox:   make(chan *parcel, slotBacklog),
		done:    make(chan struct{}),
		claimed: make(map[route]struct{}),
		heard:   make(map[netip.AddrPort]struct{}),
	}
}

// remember notes a transaction and gives the one that has to be forgotten for
// it, or a zero one. port.mu is held.
func (s *slot) remember(id transaction) (forgotten transaction) {
	if len(s.asked) < maxAsked {
		s.asked = append(s.asked, id)
		return forgotten
	}
	forgotten, s.asked[s.oldest] = s.asked[s.oldest], id
	s.oldest = (s.oldest + 1) % maxAsked
	return forgotten
}

// hears gives the slot if it takes a request from there, else nil, as there are
// requests for nobody. port.mu is held.
func (s *slot) hears(from netip.AddrPort) *slot {
	if s == nil {
		return nil
	}
	if _, known := s.heard[from]; !known && len(s.heard) >= maxHeard {
		return nil
	}
	s.heard[from] = struct{}{}
	return s
}

// deliver hands a datagram to the agent, if there is room.
func (s *slot) deliver(datagram []byte, from netip.AddrPort) bool {
	select {
	case s.inbox <- &parcel{bytes.Clone(datagram), from}:
		return true
	default:
		return false
	}
}

// ReadFromAddrPort waits for a datagram.
func (s *slot) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case <-s.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	case p := <-s.inbox:
		return copy(b, p.datagram), p.from, nil
	}
}

// WriteToAddrPort sends a datagram.
func (s *slot) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-s.done:
		return 0, io.ErrClosedPipe
	default:
	}
	to = unmap(to)
	if m, ok := parseSTUN(b); ok && m.request() {
		s.port.ask(m.id, question{of: s, to: to})
	}
	if err := s.port.send(b, s.door.local, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ReadFrom is ReadFromAddrPort in older clothes.
func (s *slot) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

// WriteTo is WriteToAddrPort in older clothes.
func (s *slot) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "not an address of UDP", Addr: to.String()}
	}
	return s.WriteToAddrPort(b, udp.AddrPort())
}

// LocalAddr gives the address of the socket.
func (s *slot) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.door.local) }

// SetDeadline does nothing, nor do the two below: agents only set one before
// they close.
func (s *slot) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *slot) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *slot) SetWriteDeadline(time.Time) error { return nil }

// Close ends reading and gives the place back.
func (s *slot) Close() error {
	s.shut.Do(func() {
		close(s.done)
		s.port.leave(s)
	})
	return nil
}
