//go:build !linux || portable

package udp

import (
	"net"
	"net/netip"
)

// Systems without the batched engine, and Linux with the tag portable, by which
// every suite can be run on what they have.

func newBatched(*Socket) (engine, error) { return nil, ErrNoEngine }

// kernelInbox is nothing here.
type kernelInbox struct{}

func (kernelInbox) prepare(int)       {}
func (kernelInbox) place(int, []byte) {}
func (kernelInbox) roomy() bool       { return true }

// sockaddr is nothing here: net makes one for each call.
type sockaddr struct{}

func (sockaddr) set(netip.AddrPort, family) error { return nil }

// forceBuffers: there is no asking twice.
func forceBuffers(*net.UDPConn, int, int) {}

// gauge: these systems are not asked what they gave.
func gauge(*net.UDPConn) (receive, send int, overflowed uint64) { return 0, 0, 0 }
