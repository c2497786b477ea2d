//go:build !portable

package udp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is an address in the kernel's form: struct sockaddr_in or
// sockaddr_in6, by the family of the socket.
type sockaddr struct {
	raw    unix.RawSockaddrInet6 // the larger of the two
	length uint32
}

// set writes an address for a socket of a family.
func (s *sockaddr) set(to netip.AddrPort, f family) error {
	if f == four {
		raw := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		*raw = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: network(to.Port()), Addr: to.Addr().As4()}
		s.length = unix.SizeofSockaddrInet4
		return nil
	}
	zone, err := scope(to.Addr().Zone())
	if err != nil {
		return err
	}
	s.raw = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: network(to.Port()), Addr: to.Addr().As16(), Scope_id: zone}
	s.length = unix.SizeofSockaddrInet6
	return nil
}

// network turns a port into network byte order and back.
func network(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// scope gives the number of a zone (RFC 4007 section 11): an interface by name or number.
func scope(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if number, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(number), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("zone %q: %w", zone, err)
	}
	return uint32(i.Index), nil
}

// addresses reads what the kernel wrote; it remembers the names of interfaces,
// which only link-local addresses need. It belongs to the read loop.
type addresses struct {
	zones map[uint32]string
}

// read gives the address, and an invalid one if it is of no family we know.
func (a *addresses) read(raw *unix.RawSockaddrInet6) netip.AddrPort {
	switch raw.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), network(v4.Port))
	case unix.AF_INET6:
		address := netip.AddrFrom16(raw.Addr).Unmap()
		if raw.Scope_id != 0 && address.Is6() {
			address = address.WithZone(a.zone(raw.Scope_id))
		}
		return netip.AddrPortFrom(address, network(raw.Port))
	}
	return netip.AddrPort{}
}

// zone gives the name of an interface as package net gives it.
func (a *addresses) zone(number uint32) string {
	if name, ok := a.zones[number]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(number), 10)
	if i, err := net.InterfaceByIndex(int(number)); err == nil {
		name = i.Name
	}
	if a.zones == nil {
		a.zones = make(map[uint32]string)
	}
	a.zones[number] = name // as many as there are interfaces
	return name
}
