package probe

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/pion/stun/v4"
)

// Values of REQUESTED-TRANSPORT and REQUESTED-ADDRESS-FAMILY (RFC 8656
// sections 18.3 and 18.6) and of CHANGE-REQUEST (RFC 5780 section 7.2).
const (
	protocolUDP = 17

	familyIPv4 = 1
	familyIPv6 = 2

	changeAddress = 4
	changePort    = 2
)

// attribute is any attribute of which we know the bytes.
func attribute(kind stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: kind, Value: value}
}

func requestedUDP() stun.Setter { return attribute(stun.AttrRequestedTransport, protocolUDP, 0, 0, 0) }

func requestedFamily(family byte) stun.Setter {
	return attribute(stun.AttrRequestedAddressFamily, family, 0, 0, 0)
}

func changeRequest(bits byte) stun.Setter { return attribute(stun.AttrChangeRequest, 0, 0, 0, bits) }

// lifetime is in seconds; 0 gives an allocation back.
func lifetime(seconds uint32) stun.Setter {
	return attribute(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, seconds)...)
}

// xorAddress is an address in one of the attributes that hide addresses from
// NATs which rewrite payload.
type xorAddress struct {
	kind    stun.AttrType
	address netip.AddrPort
}

// AddTo is for stun.Build.
func (x xorAddress) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: net.IP(x.address.Addr().AsSlice()), Port: int(x.address.Port())}.AddToAs(m, x.kind)
}

// addressIn reads such an attribute.
func addressIn(m *stun.Message, kind stun.AttrType) (netip.AddrPort, bool) {
	var read stun.XORMappedAddress
	if read.GetFromAs(m, kind) != nil {
		return netip.AddrPort{}, false
	}
	return addrPort(read.IP, read.Port)
}

// mappedIn reads where a server saw us: XOR-MAPPED-ADDRESS, or what servers
// older than RFC 5389 send.
func mappedIn(m *stun.Message) (netip.AddrPort, bool) {
	if seen, ok := addressIn(m, stun.AttrXORMappedAddress); ok {
		return seen, true
	}
	var old stun.MappedAddress
	if old.GetFrom(m) != nil {
		return netip.AddrPort{}, false
	}
	return addrPort(old.IP, old.Port)
}

// otherIn reads the server's second address (RFC 5780 section 7.4).
func otherIn(m *stun.Message) (netip.AddrPort, bool) {
	var other stun.OtherAddress
	if other.GetFrom(m) != nil {
		return netip.AddrPort{}, false
	}
	return addrPort(other.IP, other.Port)
}

func addrPort(ip net.IP, port int) (netip.AddrPort, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok && port > 0 && port <= 0xffff
}

// clean takes the 4-in-6 form off what the net package gives.
func clean(address net.Addr) netip.AddrPort {
	var a netip.AddrPort
	switch known := address.(type) {
	case *net.UDPAddr:
		a = known.AddrPort()
	case *net.TCPAddr:
		a = known.AddrPort()
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
