package party

import (
	"fmt"
	"net/netip"
	"strings"
)

// Through leads an End by way of something else, such as a bottleneck: find is given
// the first address over UDP and IPv4 that the server says it has, and gives the one to
// send to instead. The server learns none of ours. It is for before the first
// description.
func (e *End) Through(find func(server netip.AddrPort) (netip.AddrPort, error)) { e.through = find }

// addThrough takes a candidate of the server's whose way leads somewhere else, the
// first alone (RFC 8839 section 5.1). e.mu is held.
func (e *End) addThrough(text string) error {
	const address, port = 4, 5
	fields := strings.Fields(text)
	if e.led || len(fields) <= port {
		return nil
	}
	server, err := netip.ParseAddrPort(fields[address] + ":" + fields[port])
	if err != nil || !server.Addr().Is4() || server.Addr().IsLoopback() && !e.socket.local.Addr().IsLoopback() {
		return nil // another will do: loopback is another machine's, perhaps
	}
	instead, err := e.through(server)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", e.Name, server, err)
	}
	e.led = true
	fields[address], fields[port] = instead.Addr().String(), fmt.Sprint(instead.Port())
	return e.link.AddCandidate(strings.Join(fields, " "))
}
