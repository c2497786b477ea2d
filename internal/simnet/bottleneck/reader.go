package bottleneck

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"meshfocus/internal/stamp"
)

// longest is longer than any datagram of WebRTC.
const longest = 2048

// readNear brings what guests send.
func (b *Bottleneck) readNear() {
	b.each(b.near, func(from netip.AddrPort) (*guest, int) { return b.guest(from), Back })
}

// each brings what arrives on a socket, until that is closed. of says by whom
// and where to; nil: nowhere.
func (b *Bottleneck) each(conn *net.UDPConn, of func(from netip.AddrPort) (*guest, int)) {
	buffer, control := make([]byte, longest), make([]byte, 128)
	for {
		n, c, _, from, err := conn.ReadMsgUDPAddrPort(buffer, control)
		seen := time.Now()
		switch {
		case err != nil && b.over():
			return
		case err != nil:
			continue // somebody was not there for the one before (ECONNREFUSED)
		}
		g, way := of(from)
		if g == nil {
			continue
		}
		d := datagram{body: slices.Clone(buffer[:n]), from: g, way: way, seen: seen, at: came(control[:c], seen)}
		select {
		case b.inbox <- d:
		case <-b.stop:
			return
		}
	}
}

func (b *Bottleneck) over() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.closed
}

// mostGuests is how many addresses one path serves.
const mostGuests = 64

// guest gives that of an address, a new one if there is none. Only the near
// socket's reader calls it.
func (b *Bottleneck) guest(address netip.AddrPort) *guest {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, g := range b.guests {
		if g.address == address {
			return g
		}
	}
	if b.closed || len(b.guests) == mostGuests {
		return nil
	}
	far, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(b.target))
	if err != nil {
		return nil
	}
	prepare(far)
	g := &guest{index: len(b.guests), address: address, far: far}
	b.guests = append(b.guests, g)
	b.read.Go(func() { b.each(far, func(netip.AddrPort) (*guest, int) { return g, Forward }) })
	return g
}

// buffer is asked for each socket: the reader may be away for a while.
const buffer = 1 << 20

// prepare has a socket hold much and tell when datagrams came. Where it cannot,
// they come when they are read.
func prepare(conn *net.UDPConn) {
	_ = conn.SetReadBuffer(buffer)
	stamp.Ask(conn)
}

// came is when the kernel had a datagram, on the clock of seen, which is when it was
// read: the kernel counts in the time of day.
func came(control []byte, seen time.Time) time.Time {
	at, known := stamp.Of(control)
	if !known {
		return seen
	}
	late := seen.Round(0).Sub(time.Unix(0, at))
	return seen.Add(-min(max(late, 0), time.Second))
}
