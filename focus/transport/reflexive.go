package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// How long a STUN server is asked: at once and after 200, 600 and 1400 ms, and
// what has not come after two seconds does not come (RFC 8489 section 6.2.1
// is more patient, but a call is waiting).
const (
	stunPatience = 2 * time.Second
	stunFirst    = 200 * time.Millisecond
)

// srflxPriority is type preference 100, local preference 65535, component 1
// (RFC 8445 section 5.1.2).
const srflxPriority = 100<<24 | 65535<<8 | 255

// askReflexive finds out how the media port looks from outside and adds a
// candidate for each address found. Pion would ask from a socket of its own;
// this way there is one port only. A server-reflexive candidate needs nothing
// from the ICE agent, whose checks leave from the host candidate it is based on
// (RFC 8445 section 6.1.2.4).
func (c *Conn) askReflexive(g *gathering, servers []string, ufrag, mid string) {
	ctx, cancel := context.WithTimeout(context.Background(), stunPatience)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	var asking sync.WaitGroup
	for _, server := range servers {
		asking.Go(func() {
			for address := range c.lane.ports.reflexive(ctx, server) {
				g.found(reflexiveCandidate(address, ufrag, mid))
			}
		})
	}
	asking.Wait()
	g.finishOne()
}

// mapping is an address of ours and how a server saw it.
type mapping struct{ local, seen netip.AddrPort }

// reflexive asks one server, "host:port", from each socket that may reach it.
// The channel is closed when all have answered or the context ends.
func (p *ports) reflexive(ctx context.Context, server string) <-chan mapping {
	found := make(chan mapping, len(p.sockets))
	defer close(found)
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return found
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return found
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return found
	}
	var asking sync.WaitGroup
	for _, s := range p.sockets {
		local := s.LocalAddr().(*net.UDPAddr).AddrPort()
		for _, addr := range addrs {
			addr = addr.Unmap()
			if addr.Is4() != local.Addr().Unmap().Is4() || addr.IsLoopback() != local.Addr().IsLoopback() {
				continue
			}
			asking.Go(func() {
				if seen, err := s.ask(ctx, netip.AddrPortFrom(addr, uint16(number))); err == nil && seen != local {
					found <- mapping{local, seen}
				}
			})
			break // one address of a server is enough
		}
	}
	asking.Wait()
	return found
}

// ask sends a binding request from the socket and waits for the answer.
func (s *socket) ask(ctx context.Context, server netip.AddrPort) (netip.AddrPort, error) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}, err
	}
	answer := make(chan netip.AddrPort, 1)
	s.expect(request.TransactionID, answer)
	defer s.forget(request.TransactionID)
	for interval := stunFirst; ; interval *= 2 {
		if _, err := s.WriteToUDPAddrPort(request.Raw, server); err != nil {
			return netip.AddrPort{}, err
		}
		timer := time.NewTimer(interval)
		select {
		case seen := <-answer:
			timer.Stop()
			return seen, nil
		case <-ctx.Done():
			timer.Stop()
			return netip.AddrPort{}, ctx.Err()
		case <-timer.C:
		}
	}
}

// transaction identifies a STUN request.
type transaction = [stun.TransactionIDSize]byte

func (s *socket) expect(id transaction, answer chan netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[id] = answer
	s.asking.Store(int32(len(s.asked)))
}

func (s *socket) forget(id transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, id)
	s.asking.Store(int32(len(s.asked)))
}

// answered takes a datagram that answers one of our own requests out of the
// stream of those for ICE agents. It is called by the read loop and costs one
// load of an atomic while nothing is asked.
func (s *socket) answered(datagram []byte) bool {
	if s.asking.Load() == 0 || !stun.IsMessage(datagram) {
		return false
	}
	message := stun.Message{Raw: append([]byte(nil), datagram...)}
	if message.Decode() != nil {
		return false
	}
	s.mu.Lock()
	answer, ours := s.asked[message.TransactionID]
	s.mu.Unlock()
	if !ours {
		return false
	}
	var seen stun.XORMappedAddress
	if message.Type == stun.BindingSuccess && seen.GetFrom(&message) == nil {
		if addr, ok := netip.AddrFromSlice(seen.IP); ok {
			select {
			case answer <- netip.AddrPortFrom(addr.Unmap(), uint16(seen.Port)):
			default: // a second answer
			}
		}
	}
	return true
}

// reflexiveCandidate writes a server-reflexive candidate (RFC 8839 section
// 5.1). One foundation for each base is enough.
func reflexiveCandidate(m mapping, ufrag, mid string) Candidate {
	text := fmt.Sprintf("candidate:srflx%d 1 udp %d %s %d typ srflx raddr %s rport %d ufrag %s",
		foundation(m.local.Addr()), srflxPriority, m.seen.Addr(), m.seen.Port(), m.local.Addr(), m.local.Port(), ufrag)
	index := uint16(0)
	return Candidate{Candidate: text, Mid: &mid, MLineIndex: &index, UsernameFragment: &ufrag}
}

// foundation is the same for one base and differs for others, mostly.
func foundation(base netip.Addr) uint32 {
	hash := uint32(2166136261) // FNV-1a
	for _, b := range base.As16() {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return hash
}
