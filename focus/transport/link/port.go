package link

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/pion/ice/v4"
)

// Send sends one datagram from a local address of a Port. It is called by
// several goroutines at once and must neither keep the datagram nor wait long.
type Send func(datagram []byte, local, remote netip.AddrPort) error

// Port is the sockets of one party as its Links see them: the STUN and DTLS
// of all of them goes through it. It has no goroutine. All methods may be
// called from any goroutine; Receive is called by the caller's read loops, and
// copies what it keeps.
type Port struct {
	send Send // set once

	mu     sync.Mutex
	locals []netip.AddrPort         // guarded by mu, as all below
	doors  map[door]*slot           // STUN requests
	asked  map[transaction]question // STUN answers
	claims map[route]claim          // DTLS
	slots  uint64                   // how many there have been
	gone   bool
}

// door is where the requests for one ICE generation arrive.
type door struct {
	ufrag string
	local netip.AddrPort
}

// route is a pair of addresses.
type route struct{ local, remote netip.AddrPort }

// question is a STUN request that went out.
type question struct {
	of     *slot // nil for a question of our own
	to     netip.AddrPort
	answer chan<- netip.AddrPort // for one of our own
}

// claim says whose peer is at the other end of a route. It is proven when the
// peer has answered a check there; a claim that is not yields to one that is,
// and an older ICE generation to a later one.
type claim struct {
	of     *slot
	proven bool
}

// maxHeard is from how many addresses one slot takes requests. An honest peer
// has a few, and another whenever its NAT forgets it; for the rest there is the
// next restart. Each is a candidate that ICE keeps.
const maxHeard = 128

// NewPort makes the Port of sockets on the given local addresses.
func NewPort(send Send, locals ...netip.AddrPort) *Port {
	p := &Port{
		send:   send,
		doors:  make(map[door]*slot),
		asked:  make(map[transaction]question),
		claims: make(map[route]claim),
	}
	p.SetLocals(locals)
	return p
}

// SetLocals tells on which addresses there are sockets now. ICE generations
// that begin later use them; the present ones keep what they have.
func (p *Port) SetLocals(locals []netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locals = nil
	for _, local := range locals {
		p.locals = append(p.locals, unmap(local))
	}
}

// Receive takes a datagram that came to a local address, and reports whether
// anybody wanted it. Only STUN and DTLS are ever wanted: a first byte of 0 to 3
// or of 20 to 63 (RFC 7983 section 7).
func (p *Port) Receive(datagram []byte, local, from netip.AddrPort) bool {
	switch {
	case len(datagram) == 0:
		return false
	case datagram[0] <= 3:
		return p.receiveSTUN(datagram, route{unmap(local), unmap(from)})
	case isDTLS(datagram[0]):
		return p.receiveDTLS(datagram, route{unmap(local), unmap(from)})
	}
	return false
}

func (p *Port) receiveDTLS(datagram []byte, way route) bool {
	p.mu.Lock()
	to := p.claims[way].of
	p.mu.Unlock()
	return to != nil && to.deliver(datagram, way.remote)
}

func (p *Port) receiveSTUN(datagram []byte, way route) bool {
	m, ok := parseSTUN(datagram)
	if !ok {
		return false
	}
	var to *slot
	p.mu.Lock()
	switch {
	case m.request():
		to = p.doors[door{string(m.ufrag), way.local}].hears(way.remote)
		p.claim(to, way, false)
	case m.answer():
		q, asked := p.asked[m.id]
		if !asked || q.to != way.remote {
			break
		}
		delete(p.asked, m.id)
		if q.of == nil {
			p.mu.Unlock()
			tell(q.answer, datagram)
			return true
		}
		to = q.of
		if m.success() {
			p.claim(to, way, true)
		}
	default: // an indication, of use to nobody here
	}
	p.mu.Unlock()
	return to != nil && to.deliver(datagram, way.remote)
}

// claim notes that the peer of a slot is at the end of a route. p.mu is held.
func (p *Port) claim(of *slot, way route, proven bool) {
	if of == nil {
		return
	}
	before, taken := p.claims[way]
	switch {
	case taken && (!proven || before.proven && before.of.number >= of.number):
		return
	case taken && before.of != of:
		delete(before.of.claimed, way)
	}
	p.claims[way] = claim{of, proven}
	of.claimed[way] = struct{}{}
}

// ask notes a request on its way, so that its answer finds back.
func (p *Port) ask(id transaction, q question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[id] = q
	if q.of == nil {
		return
	}
	if forgotten := q.of.remember(id); p.asked[forgotten].of == q.of && forgotten != id {
		delete(p.asked, forgotten)
	}
}

func (p *Port) forget(id transaction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.asked, id)
}

// leave forgets a slot.
func (p *Port) leave(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doors[s.door] == s {
		delete(p.doors, s.door)
	}
	for way := range s.claimed {
		delete(p.claims, way)
	}
	for _, id := range s.asked {
		delete(p.asked, id)
	}
}

// Close ends what Links have of the Port. The sockets remain the caller's.
// Links are to be closed before.
func (p *Port) Close() error {
	p.mu.Lock()
	p.gone = true
	var open []*slot
	for _, s := range p.doors {
		open = append(open, s)
	}
	p.mu.Unlock()
	var errs []error
	for _, s := range open {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// mux is a Port as Pion's ICE agents want it (ice.UDPMux).
type mux struct{ *Port }

var _ ice.UDPMux = mux{}

// GetConn gives the packets of one ICE generation on one address.
func (m mux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, &net.AddrError{Err: "not an address of UDP", Addr: addr.String()}
	}
	s := newSlot(m.Port, door{ufrag, unmap(udp.AddrPort())})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, io.ErrClosedPipe
	}
	if _, taken := m.doors[s.door]; taken {
		return nil, &net.AddrError{Err: "ICE generation is there already", Addr: addr.String()}
	}
	m.slots++
	s.number = m.slots
	m.doors[s.door] = s
	return s, nil
}

// RemoveConnByUfrag takes no more requests for an ICE generation.
func (m mux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for d := range m.doors {
		if d.ufrag == ufrag {
			delete(m.doors, d)
		}
	}
}

// GetListenAddresses gives what host candidates are made of.
func (m mux) GetListenAddresses() []net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	var addrs []net.Addr
	for _, local := range m.locals {
		addrs = append(addrs, net.UDPAddrFromAddrPort(local))
	}
	return addrs
}

// Close is for the Port's owner only: agents share it.
func (m mux) Close() error { return nil }

// Locals gives the addresses there are sockets on.
func (p *Port) Locals() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.locals)
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func isDTLS(first byte) bool { return first >= 20 && first <= 63 }
