//go:build !portable

package udp

import (
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trySegments sends two datagrams as one message over loopback, as a kernel may
// know the option and a sandbox before it may not. It is asked at Listen, never
// on the way of a packet.
func trySegments() error {
	var err error
	for _, loopback := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} {
		var c *net.UDPConn
		if c, err = net.ListenUDP("udp", &net.UDPAddr{IP: loopback}); err != nil {
			continue // no such family here
		}
		defer c.Close()
		return trySegmentsOn(c)
	}
	return fmt.Errorf("no loopback to try it on: %w", err)
}

func trySegmentsOn(c *net.UDPConn) error {
	const size = 2
	segment := newSegmentControl()
	segment.size = size
	control := unsafe.Slice((*byte)(unsafe.Pointer(&segment)), unix.CmsgSpace(2))

	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, _, err := c.WriteMsgUDPAddrPort([]byte("abcd"), control, c.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		return fmt.Errorf("tried on loopback: %w", err)
	}
	buffer := make([]byte, 16)
	for range 2 {
		n, _, err := c.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return fmt.Errorf("tried on loopback: %w", err)
		}
		if n != size {
			return errors.New("tried on loopback: it came in one piece")
		}
	}
	return nil
}
