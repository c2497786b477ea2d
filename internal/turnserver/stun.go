package turnserver

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
)

// cookie is in every message of STUN (RFC 8489 section 5).
const cookie = 0x2112A442

// STUN answers binding requests with an address of IPv4, as if there was a NAT on the
// way; with none it never answers. It gives "127.0.0.1:port".
func STUN(t testing.TB, seen netip.AddrPort) (address string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		request := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(request)
			if err != nil {
				return
			}
			if n >= 20 && seen.IsValid() && bytes.HasPrefix(request, []byte{0, 1}) {
				_, _ = conn.WriteToUDPAddrPort(bound(request[8:20], seen), from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// bound is the success response to a transaction, with its XOR-MAPPED-ADDRESS (RFC
// 8489 section 14.2).
func bound(transaction []byte, seen netip.AddrPort) []byte {
	ip := seen.Addr().As4()
	m := binary.BigEndian.AppendUint32([]byte{1, 1, 0, 12}, cookie)
	m = append(append(m, transaction...), 0, 0x20, 0, 8, 0, 1)
	m = binary.BigEndian.AppendUint16(m, seen.Port()^cookie>>16)
	return binary.BigEndian.AppendUint32(m, binary.BigEndian.Uint32(ip[:])^cookie)
}
