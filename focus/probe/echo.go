package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// How an echo is measured: as many datagrams as half a second of sound, each
// sent when the one before is back or lost, which takes a second: longer than
// a relay beyond a satellite. A path on which the first few are lost is no
// path, and a bad one is not looked at for ever.
const (
	echoRounds   = 30
	echoHopeless = 4
	echoPatience = time.Second
	echoLimit    = 8 * time.Second
	echoSize     = 160 // an Opus frame with its headers, roughly
)

// far is the other end of a relayed path: a socket of ours, or a second relay.
type far interface {
	send(payload []byte) error
	receive(ctx context.Context, until time.Time) (payload []byte, from netip.AddrPort, err error)
}

// echo is what came of sending datagrams from the far end to the relay, to us
// and back the same way.
//
// What comes after it was given up is late, not lost: a machine or a relay that is
// busy keeps everything waiting for a while, which says nothing of the way. Such a
// round is not counted.
type echo struct {
	sent, there, back int
	trips             []time.Duration
	peer, source      netip.AddrPort  // the far end as the relay sees it; the relay as the far end sees it
	next              uint32          // number of the next datagram: even from the far end, odd back to it
	missed            map[uint32]bool // numbers of those that were given up
	late              int             // how many of these came after all
}

func (e *echo) loss() float64 { return 100 * float64(e.sent-e.back) / float64(max(e.sent, 1)) }

// median of the round trips.
func (e *echo) median() time.Duration {
	if len(e.trips) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(e.trips))[len(e.trips)/2]
}

func (e *echo) String() string {
	return fmt.Sprintf("%d of %d datagrams came back, loss %.0f %%, round trip %.1f ms", e.back, e.sent, e.loss(),
		float64(e.median().Microseconds())/1000)
}

// measure runs the rounds. An error is for a path that broke, not for loss.
func measure(ctx context.Context, a *allocation, peer far, at netip.AddrPort) (*echo, error) {
	e := &echo{peer: at}
	stamp := make([]byte, echoSize)
	_, _ = rand.Read(stamp) // never fails (crypto/rand)
	for end := time.Now().Add(echoLimit); e.sent < echoRounds && (e.back > 0 || e.sent < echoHopeless) && time.Now().Before(end); {
		if err := e.round(ctx, a, peer, stamp); err != nil {
			return e, err
		}
	}
	if len(e.missed) > 0 && e.back > 0 { // late ones of the last rounds
		_, _, err := e.await(ctx, a.receive, nil, e.next, time.Now().Add(a.link.loss))
		_, _, again := e.await(ctx, peer.receive, nil, e.next+1, time.Now().Add(lastLook))
		return e, errors.Join(err, again)
	}
	return e, nil
}

// round sends one datagram around. The first bytes tell rounds and directions
// apart, so that late ones are not taken for others.
func (e *echo) round(ctx context.Context, a *allocation, peer far, stamp []byte) error {
	number := e.next
	binary.BigEndian.PutUint32(stamp, number)
	start := time.Now()
	e.sent, e.next = e.sent+1, e.next+2
	if err := e.knock(a, stamp); err != nil {
		return err
	}
	if err := peer.send(stamp); err != nil {
		return fmt.Errorf("sending to the relayed address: %w", err)
	}
	until := start.Add(a.link.loss)
	from, ok, err := e.await(ctx, a.receive, stamp, number, until)
	if err != nil || !ok {
		e.miss(number, err)
		e.overhear(ctx, a, peer, stamp)
		return err
	}
	e.there, e.peer = e.there+1, from
	binary.BigEndian.PutUint32(stamp, number+1)
	if err := a.send(e.peer, stamp); err != nil {
		return err
	}
	source, ok, err := e.await(ctx, peer.receive, stamp, number+1, until)
	if err != nil || !ok {
		e.miss(number+1, err)
		return err
	}
	e.source = source
	e.back, e.trips = e.back+1, append(e.trips, time.Since(start))
	return nil
}

// settle sends short datagrams until the relay has twice seen the far end at the
// same address: the first one and what the relay sends towards it may meet in a
// NAT, which then gives the far end another port.
func (e *echo) settle(ctx context.Context, a *allocation, peer far) bool {
	same := 0
	for range 2 * echoHopeless {
		before, at := e.back, e.peer
		err := e.round(ctx, a, peer, make([]byte, echoSize))
		switch {
		case err != nil || e.sent == echoHopeless && e.back == 0:
			return false
		case e.back == before || e.peer != at:
			same = 0
		default:
			same++
		}
		if same == 2 {
			return true
		}
	}
	return false
}

// knock sends from the relay first as long as nothing has come, as ICE's
// checks do: it opens firewalls that let answers in only.
func (e *echo) knock(a *allocation, stamp []byte) error {
	if e.there > 0 || e.peer.Port() == 0 {
		return nil
	}
	return a.send(e.peer, stamp)
}

// overhear looks whether the far end got the knock, and from where.
func (e *echo) overhear(ctx context.Context, a *allocation, peer far, stamp []byte) {
	if e.there > 0 {
		return
	}
	if got, from, err := peer.receive(ctx, time.Now().Add(a.link.loss/8)); err == nil && len(got) == len(stamp) && bytes.Equal(got[4:], stamp[4:]) {
		e.source = from
	}
}

type receiver func(context.Context, time.Time) ([]byte, netip.AddrPort, error)

// await waits for one datagram, which has a number, among others.
func (e *echo) await(ctx context.Context, receive receiver, want []byte, number uint32, until time.Time) (netip.AddrPort, bool, error) {
	for {
		got, from, err := receive(ctx, until)
		switch {
		case errors.Is(err, errSilent):
			return netip.AddrPort{}, false, ctx.Err()
		case err != nil:
			return netip.AddrPort{}, false, err
		case bytes.Equal(got, want):
			return from, true, nil
		case len(got) >= 4:
			e.overdue(binary.BigEndian.Uint32(got), number)
		}
	}
}

// miss gives a datagram up; after an error nobody has waited for it.
func (e *echo) miss(number uint32, err error) {
	if err != nil {
		return
	}
	if e.missed == nil {
		e.missed = map[uint32]bool{}
	}
	e.missed[number] = true
}

// overdue takes the round of a late datagram out of the count; want was awaited,
// which tells the direction.
func (e *echo) overdue(number, want uint32) {
	if !e.missed[number] || number%2 != want%2 {
		return
	}
	delete(e.missed, number)
	e.late, e.sent = e.late+1, e.sent-1
	if number%2 == 1 {
		e.there--
	}
}

// direct is the far end as a socket of this machine that talks to the relay
// as any other party would.
type direct struct {
	*socket
	relayed netip.AddrPort
}

func (d *direct) send(payload []byte) error {
	_, err := d.WriteToUDPAddrPort(payload, d.relayed)
	return err
}

func (d *direct) receive(ctx context.Context, until time.Time) ([]byte, netip.AddrPort, error) {
	return d.hear(ctx, until)
}

// relayedFar is the far end as another allocation on the same server. It shows
// that the relay works where the way from here to it is closed.
type relayedFar struct {
	*allocation
	to netip.AddrPort
}

func (r *relayedFar) send(payload []byte) error { return r.allocation.send(r.to, payload) }

// outwardAddress is the address of this machine on the way to another.
func outwardAddress(to netip.AddrPort) (netip.Addr, bool) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}, false
	}
	defer func() { _ = conn.Close() }()
	return clean(conn.LocalAddr()).Addr(), true
}
