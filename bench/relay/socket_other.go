//go:build !linux

package relay

import (
	"errors"
	"net/netip"
)

const longest = 1600

// socket is Linux's.
type socket struct {
	local   netip.AddrPort
	dropped uint32
}

func openSocket(netip.Addr) (*socket, error) {
	return nil, errors.New("relays are measured on Linux alone")
}
func (*socket) close()                            {}
func (*socket) send([]byte, netip.AddrPort) error { return nil }
func (*socket) receive([]byte) (int, int64, bool) { return 0, 0, false }
func sharpen()                                    {}
func sleep(int64)                                 {}
