//go:build !linux

package party

import "net/netip"

const (
	batch   = 1
	longest = 1600
)

// socket, inlet and outlet are Linux's.
type (
	socket struct{ local netip.AddrPort }
	inlet  struct{}
	outlet struct{ count int }
)

func openSocket(netip.Addr) (*socket, error)      { return nil, ErrSystem }
func (*socket) close()                            {}
func (*socket) send([]byte, netip.AddrPort) error { return ErrSystem }
func (*socket) sample(int) error                  { return ErrSystem }
func (*socket) dropped() uint64                   { return 0 }
func newInlet() *inlet                            { return &inlet{} }
func (*inlet) receive(*socket) int                { return 0 }
func (*inlet) datagram(int) []byte                { return nil }
func (*inlet) from(int) netip.AddrPort            { return netip.AddrPort{} }
func (*inlet) arrived(int) int64                  { return 0 }
func (*outlet) add([]byte)                        {}
func (*outlet) send(*socket, netip.AddrPort) int  { return 0 }
func sharpen()                                    {}
func sleep(int64)                                 {}
