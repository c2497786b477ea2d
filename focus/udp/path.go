package udp

import (
	"net/netip"
	"sync/atomic"
)

// Path is a destination as a socket knows it: the address in the kernel's
// form, and what went wrong on the way there. Who sends to an address often
// keeps a Path of it, and takes a new one when ICE finds another route: what an
// old one has learnt of segments it does not forget.
type Path struct {
	to   netip.AddrPort
	name sockaddr // set once

	class  uint8 // set once: the traffic class, if it is marked
	marked bool  // set once: it has a class of its own (Socket.Marked)

	whole bool // owned by the send loop: the way there takes no message that is cut up
	plain bool // owned by the send loop: the kernel takes no class of a message

	failures atomic.Uint64
	last     atomic.Pointer[error]
}

// To gives the address.
func (p *Path) To() netip.AddrPort { return p.to }

// Failures says how many datagrams the kernel refused to send there, and why it
// refused the last. For all goroutines.
func (p *Path) Failures() (uint64, error) {
	if last := p.last.Load(); last != nil {
		return p.failures.Load(), *last
	}
	return 0, nil
}

// fail counts datagrams that were refused.
func (p *Path) fail(datagrams int, err error) {
	p.last.Store(&err)
	p.failures.Add(uint64(datagrams))
}
