package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport/link"
	"meshfocus/focus/udp"
)

// sockets is the UDP side of ports: a socket for each local address, read by one
// lane, and the link.Port that gets STUN and DTLS of them.
//
// Addresses come and go while connections last: a later ICE generation is
// gathered on those of its time. The socket of an address that has gone stays,
// for the address may be back.
type sockets struct {
	lane *lane.Lane // set once
	port *link.Port // set once
	ecn  bool       // set once: the ECN field of what arrives is read

	stop    context.CancelFunc // ends the lane
	running sync.WaitGroup
	ended   error // why the lane has ended; after running

	mu     sync.RWMutex
	all    []*socket // guarded by mu
	closed bool      // guarded by mu
}

// socket is one of them.
type socket struct {
	*udp.Socket
	local netip.AddrPort
	gone  bool // this machine has the address no more; guarded by sockets.mu
}

var errNoSuchPort = errors.New("not listening on that address")

// newSockets makes a lane that has no sockets yet, and runs it.
func newSockets(config Config) *sockets {
	s := &sockets{ecn: config.ECN}
	s.port = link.NewPort(s.send)
	s.lane = lane.New(lane.Config{Control: s.port.Receive, Tick: config.Tick, Packets: config.Packets, ECN: config.ECN, Traces: config.Traces, Log: config.Log})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.ended = s.lane.Run(ctx) })
	return s
}

// bind opens a port on an address, 0 any, has the lane read it, and says which
// it is.
func (s *sockets) bind(addr netip.Addr, number int) (int, error) {
	opened, err := udp.Listen(udp.Config{Address: netip.AddrPortFrom(addr, uint16(number)), ReadTimes: true, ReadECN: s.ecn})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errors.Join(net.ErrClosed, opened.Close())
	}
	if err := s.lane.Add(opened); err != nil {
		return 0, errors.Join(err, opened.Close())
	}
	local := opened.LocalAddr()
	s.all = append(s.all, &socket{Socket: opened, local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port())})
	s.port.SetLocals(s.here())
	return int(local.Port()), nil
}

// here gives the sockets on addresses that this machine has. s.mu is held.
func (s *sockets) here() (addrs []netip.AddrPort) {
	for _, each := range s.all {
		if !each.gone {
			addrs = append(addrs, each.local)
		}
	}
	return addrs
}

// present is here for others.
func (s *sockets) present() []netip.AddrPort {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.here()
}

// count is of the sockets that ever were.
func (s *sockets) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.all)
}

// follow notes which addresses this machine has now, and gives those that there
// is no socket on yet.
func (s *sockets) follow(addrs []netip.Addr) (fresh []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[netip.Addr]bool{}
	for _, each := range s.all {
		known[each.local.Addr()] = true
		each.gone = !slices.Contains(addrs, each.local.Addr())
	}
	s.port.SetLocals(s.here())
	return slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool { return known[addr] })
}

// send is called by links (link.Send).
func (s *sockets) send(datagram []byte, local, remote netip.AddrPort) error {
	s.mu.RLock()
	i := slices.IndexFunc(s.all, func(each *socket) bool { return each.local == local })
	if i < 0 {
		s.mu.RUnlock()
		return errNoSuchPort
	}
	from := s.all[i]
	s.mu.RUnlock()
	return from.WriteTo(datagram, remote)
}

// close ends the lane and closes the sockets. It returns when nothing of them
// runs any more.
func (s *sockets) close() error {
	s.mu.Lock()
	s.closed = true
	all := s.all
	s.mu.Unlock()
	err := s.port.Close()
	s.stop()
	s.running.Wait()
	err = errors.Join(err, s.ended)
	for _, each := range all { // those that the lane had not begun to read
		err = errors.Join(err, each.Close())
	}
	return err
}
