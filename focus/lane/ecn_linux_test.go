//go:build !portable

package lane

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

// What a router does with packets that are marked.
const (
	routerPasses = iota
	routerMarks  // ECT(1) becomes CE
	routerWashes // nothing has a mark behind it
)

// markedCall is a lane that sends a picture to another through a router, all of them with
// sockets of the loopback.
type markedCall struct {
	t          *testing.T
	from, to   *Lane
	sender     *End
	picture    *Track
	camera     camera
	shown      unit.Instant
	mode       atomic.Int32
	bare, ect1 atomic.Int64 // that the router got of the sender
}

func loopback(t *testing.T, c udp.Config) *udp.Socket {
	t.Helper()
	c.Address = netip.MustParseAddrPort("127.0.0.1:0")
	s, err := udp.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newMarkedCall(t *testing.T) *markedCall {
	m := &markedCall{t: t, camera: camera{ssrc: 1, size: 500}}
	near, far := loopback(t, udp.Config{}), loopback(t, udp.Config{ReadECN: true})
	m.from, m.to = runningOn(t, Config{ECN: true}, near), runningOn(t, Config{}, far)
	router := m.route(near.LocalAddr(), far.LocalAddr())

	m.sender = m.from.NewEnd(EndConfig{Name: "receiver", CName: "near", Adaptive: true})
	receiver := m.to.NewEnd(EndConfig{Name: "sender", CName: "far"})
	m.picture = m.from.NewTrack(TrackConfig{Kind: Video, Codec: vp8Format().Codec})
	t.Cleanup(func() { m.sender.Close(); receiver.Close(); m.picture.Close() })
	ours, theirs := master(t, srtp.AES128GCM, 1), master(t, srtp.AES128GCM, 101)
	if err := m.sender.Secure(ours, theirs); err != nil {
		t.Fatal(err)
	}
	if err := receiver.Secure(theirs, ours); err != nil {
		t.Fatal(err)
	}
	m.sender.SetPath(near.LocalAddr(), router, true)
	receiver.SetPath(far.LocalAddr(), router, true)
	receiver.SetIncoming(Incoming{Numbers: extensions(t, packet.MID), StreamReports: true, Sections: []IncomingSection{{
		Track: m.to.NewTrack(TrackConfig{Name: "camera", Kind: Video}), Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 2000, RTX: 2001}},
	}}})
	if _, err := m.sender.Subscribe(m.picture, SubscriptionConfig{SSRC: 2000, RTX: 2001, Formats: []Format{vp8Format()}, First: all}); err != nil {
		t.Fatal(err)
	}
	return m
}

// route runs the router, and gives its address.
func (m *markedCall) route(near, far netip.AddrPort) netip.AddrPort {
	router := loopback(m.t, udp.Config{ReadECN: true})
	ways := map[netip.AddrPort][4]*udp.Path{} // by where a datagram comes from
	for from, to := range map[netip.AddrPort]netip.AddrPort{near: far, far: near} {
		p, err := router.Path(to)
		if err != nil {
			m.t.Fatal(err)
		}
		ways[from] = [4]*udp.Path{p, router.Marked(p, udp.ECT1), router.Marked(p, udp.ECT0), router.Marked(p, udp.CE)}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in, out := udp.NewInbox(udp.Buffers(8, 2048)...), udp.NewOutbox(8)
		for {
			if _, err := router.Read(in); err != nil {
				return
			}
			for _, d := range in.Datagrams {
				ecn := d.ECN
				switch {
				case d.From == near && ecn == udp.NotECT:
					m.bare.Add(1)
				case d.From == near && ecn == udp.ECT1:
					m.ect1.Add(1)
				}
				switch mode := m.mode.Load(); {
				case mode == routerMarks && ecn == udp.ECT1:
					ecn = udp.CE
				case mode == routerWashes:
					ecn = udp.NotECT
				}
				out.Append(ways[d.From][ecn], d.Data)
			}
			if router.Write(out) != nil {
				return
			}
		}
	}()
	m.t.Cleanup(func() { _ = router.Close(); <-ended })
	return router.LocalAddr()
}

// until sends pictures of two packets, thirty in a second, until a condition holds.
func (m *markedCall) until(what string, condition func(paths PathStats) bool) {
	m.t.Helper()
	until(m.t, what, func() bool {
		if now := m.from.now(); now.Sub(m.shown) >= 33*time.Millisecond {
			m.shown = now
			for _, one := range m.camera.frame(true, 2) {
				put(m.t, m.picture, now, one)
			}
			m.picture.Flush()
		}
		return condition(m.from.Stats().Paths)
	})
}

// From one end to the other: packets leave with ECT(1), a router on the way marks them, the
// receiver's reports say so, and the estimator yields for that reason. RTCP has no mark.
func TestECN_MarksOfARouterReachTheEstimator(t *testing.T) {
	m := newMarkedCall(t)
	m.until("packets are marked, and proven to come", func(p PathStats) bool { return p.Marked > 50 && m.ect1.Load() > 50 })
	if p := m.from.Stats().Paths; p.Congested != 0 || p.Changes[bwe.Warned] != 0 {
		t.Fatalf("warned by nobody: %+v", p)
	}
	m.mode.Store(routerMarks)
	m.until("the estimator is warned", func(p PathStats) bool { return p.Congested > 0 && p.Changes[bwe.Warned] > 0 })
	warned := m.sender.Stats().Sending.Estimate
	m.until("it goes down", func(PathStats) bool {
		s := m.sender.Stats().Sending
		return s.Reason == bwe.Warned && s.Estimate < warned*3/4
	})
	if p := m.from.Stats().Paths; p.Unmarkable != 0 {
		t.Errorf("it has given up marks that come: %+v", p)
	}
}

// A network that washes marks off: a few are tried, and then none.
func TestECN_IsLeftWhereNoMarkComesThrough(t *testing.T) {
	m := newMarkedCall(t)
	m.mode.Store(routerWashes)
	m.until("marks are given up", func(p PathStats) bool { return p.Unmarkable == 1 })
	tried, bare := m.from.Stats().Paths.Marked, m.bare.Load()
	if tried == 0 || int64(tried) > bare/4 {
		t.Errorf("%d were marked beside %d that were not: one in eight is tried", tried, bare)
	}
	m.until("packets go on", func(PathStats) bool { return m.bare.Load() > bare+40 })
	if now := m.from.Stats().Paths.Marked; now != tried {
		t.Errorf("%d more were marked", now-tried)
	}
}
