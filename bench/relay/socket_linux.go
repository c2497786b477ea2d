package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// longest is longer than any datagram of ours.
	longest = 1600
	// buffer is asked for each socket: what comes in while the loop does something else.
	buffer = 4 << 20
)

// socket is a UDP port of IPv4 that never waits.
type socket struct {
	fd      int
	local   netip.AddrPort
	control [64]byte
	// dropped is what the kernel had no room for, as far as it has told: with a
	// datagram that came later (SO_RXQ_OVFL).
	dropped uint32
}

// openSocket binds a port of an address.
func openSocket(address netip.Addr) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd}
	if err := s.prepare(address); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *socket) prepare(address netip.Addr) error {
	if err := unix.Bind(s.fd, &unix.SockaddrInet4{Addr: address.As4()}); err != nil {
		return fmt.Errorf("bind %s: %w", address, err)
	}
	for _, option := range []int{unix.SO_TIMESTAMPNS, unix.SO_RXQ_OVFL} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil { // root may have more
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer); err != nil {
			return os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	bound := name.(*unix.SockaddrInet4) // of a socket of IPv4
	s.local = netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
	return nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// send sends one datagram.
func (s *socket) send(datagram []byte, to netip.AddrPort) error {
	err := unix.Sendto(s.fd, datagram, 0, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	return os.NewSyscallError("sendto", err)
}

// receive takes one datagram, and says when the kernel took it in; false if there is
// none.
func (s *socket) receive(into []byte) (n int, at int64, ok bool) {
	n, controls, _, _, err := unix.Recvmsg(s.fd, into, s.control[:], unix.MSG_DONTWAIT)
	if err != nil {
		return 0, 0, false
	}
	for rest := s.control[:controls]; len(rest) >= unix.SizeofCmsghdr; {
		h, data, remainder, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			break
		}
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
			at = (*unix.Timespec)(unsafe.Pointer(&data[0])).Nano()
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			s.dropped = binary.NativeEndian.Uint32(data)
		}
		rest = remainder
	}
	return n, at, true
}

// sharpen makes sleeps of the calling thread end when they should: without, the
// kernel lets them last 50 µs longer (prctl(2), PR_SET_TIMERSLACK).
func sharpen() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// sleep lets the thread rest for so many nanoseconds.
func sleep(nanoseconds int64) {
	rest := unix.NsecToTimespec(nanoseconds)
	_ = unix.Nanosleep(&rest, nil) // woken early is no harm
}
