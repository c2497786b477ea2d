//go:build !portable

package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendControl is the control messages of what is sent: a traffic class, then the size of
// segments. Either can be left out, as they lie one behind the other. The struct's own
// alignment makes of each what CMSG_SPACE does (cmsg(3)).
type sendControl struct {
	class   classControl
	segment segmentControl
}

// classControl is the control message with a traffic class in place of the socket's
// (ip(7), ipv6(7)).
type classControl struct {
	header unix.Cmsghdr
	class  int32
}

func newSendControl() (c sendControl) {
	c.segment = newSegmentControl()
	c.class.header.SetLen(unix.CmsgLen(4))
	return c
}

// fill has a message to a path carry what belongs to it, in segments of size if there
// are several.
func (c *sendControl) fill(h *unix.Msghdr, path *Path, datagrams, size int) {
	marked, several := path.marked && !path.plain, datagrams > 1
	h.Control = nil
	length := 0
	if several {
		c.segment.size = uint16(size)
		h.Control, length = (*byte)(unsafe.Pointer(&c.segment)), unix.CmsgSpace(2)
	}
	if marked {
		c.class.set(path)
		h.Control, length = (*byte)(unsafe.Pointer(&c.class)), length+unix.CmsgSpace(4)
	}
	h.SetControllen(length)
}

// set writes the class for the family of a path's address: a socket of both sends IPv4
// by the rules of IPv4.
func (c *classControl) set(path *Path) {
	c.class = int32(path.class)
	if path.to.Addr().Is4() {
		c.header.Level, c.header.Type = unix.IPPROTO_IP, unix.IP_TOS
		return
	}
	c.header.Level, c.header.Type = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
}
