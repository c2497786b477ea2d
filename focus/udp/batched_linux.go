//go:build !portable

package udp

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// batched is Linux's engine: recvmmsg(2) and sendmmsg(2) on the descriptor of a
// net.UDPConn, which stays with Go's poller. So Close ends a call that waits,
// and WriteTo can stand beside Write.
type batched struct {
	receiver
	sender
}

// newBatched sets the socket up for batches.
func newBatched(s *Socket) (engine, error) {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batched{
		receiver: receiver{raw: raw, count: s.count},
		sender: sender{raw: raw, conn: s.conn, patience: s.config.Patience, count: s.count, errs: s.errs,
			call: sendmmsg},
	}
	b.receiver.step = b.receiver.receive
	b.sender.prepare()
	if err := b.options(&s.config, s.family); err != nil {
		return nil, err
	}
	if err := tryCalls(raw); err != nil {
		return nil, err
	}
	if s.config.Whole {
		b.refuse(errors.New("not asked for"))
	} else if err := trySegments(); err != nil {
		b.refuse(err)
	}
	return b, nil
}

// options turns on what the reading side wants to be told. A kernel that cannot
// put datagrams together hands them over singly.
func (b *batched) options(c *Config, f family) error {
	var failed error
	err := b.receiver.raw.Control(func(fd uintptr) {
		if c.Coalesce && unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) != nil {
			c.Coalesce = false
		}
		if c.ReadTimes {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
		if c.ReadECN && f != six && failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
		}
		if c.ReadECN && f != four && failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
		}
	})
	if err == nil && failed != nil {
		err = fmt.Errorf("ask for traffic class and time of datagrams: %w", failed)
	}
	return err
}

// tryCalls asks for nothing to be read and written: a sandbox may know sockets
// and not these calls.
func tryCalls(raw syscall.RawConn) error {
	var missing error
	err := raw.Control(func(fd uintptr) {
		for _, number := range []uintptr{unix.SYS_RECVMMSG, unix.SYS_SENDMMSG} {
			if _, _, errno := unix.Syscall6(number, fd, 0, 0, 0, 0, 0); errno == unix.ENOSYS {
				missing = ErrNoEngine
			}
		}
	})
	return errors.Join(err, missing)
}

// segmenter is whether the kernel cuts up, and why not.
type segmenter struct {
	refusal atomic.Pointer[error] // nil as long as it does
}

func (s *segmenter) refuse(why error) { s.refusal.Store(&why) }

func (s *segmenter) segmenting() (bool, string) {
	if why := s.refusal.Load(); why != nil {
		return false, (*why).Error()
	}
	return true, ""
}

// forceBuffers asks again, beyond the system's limits, if we are allowed to
// (CAP_NET_ADMIN).
func forceBuffers(c *net.UDPConn, receive, send int) {
	control(c, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receive)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, send)
	})
}

// gauge gives the buffers the kernel gave and how many datagrams it dropped for
// want of the first. The kernel takes twice what it is asked for, for its own
// bookkeeping, and tells that (socket(7)).
func gauge(c *net.UDPConn) (receive, send int, overflowed uint64) {
	control(c, func(fd int) {
		receive, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		send, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
		overflowed = drops(fd)
	})
	return receive / 2, send / 2, overflowed
}

// control does something with the descriptor of a socket that is open.
func control(c *net.UDPConn, do func(fd int)) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}

// again reports errors of a call that say nothing about it: a signal, or what
// ICMP reported of an earlier datagram, which on a socket of many destinations
// is nobody's.
func again(errno syscall.Errno) bool {
	return errno == unix.EINTR || errno == unix.ECONNREFUSED
}
