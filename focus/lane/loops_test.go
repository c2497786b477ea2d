package lane

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"meshfocus/focus/udp"
	"meshfocus/simulcast"
)

// With a tick what comes is gathered, and all of it leaves, in order.
func TestTick_GathersAndLosesNothing(t *testing.T) {
	l := running(t, Config{Tick: 2 * time.Millisecond}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	for range 50 {
		show(alice, c, 1, sub)
	}
	until(t, "all came", func() bool { return len(bob.got(2000)) == 100 })
	unbroken(t, bob.got(2000))
}

// A socket that is added while the lane runs is read, and sent from.
func TestAdd_ASocketIsReadAndSentFrom(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	show(alice, c, 2, sub)

	added, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(added); err != nil {
		t.Fatal(err)
	}
	alice.from(added.LocalAddr())
	bob.from(added.LocalAddr())
	show(alice, c, 2, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 8 })
	unbroken(t, bob.got(2000))
	until(t, "they are counted as sent by the new socket", func() bool { return added.Stats().Written.Datagrams >= 4 })

	// It goes again: what is sent to it is lost, and another is found.
	_ = added.Close()
	until(t, "it is forgotten", func() bool { return len(*l.sockets.Load()) == 1 })
	first := (*l.sockets.Load())[0].LocalAddr()
	alice.from(first)
	bob.end.SetPath(added.LocalAddr(), bob.conn.LocalAddr().(*net.UDPAddr).AddrPort(), true)
	show(alice, c, 2, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 12 })
}

// Over a path that is not direct media comes by Receive and leaves by Write, and a
// path that stands still holds up nobody else.
func TestRelay_APathThatStandsStillHoldsUpNobody(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	stuck, free := make(chan struct{}, 1), make(chan struct{})
	written := make(chan int, 1000)
	bob.end.config.Write = func(datagram []byte) (int, error) {
		select {
		case stuck <- struct{}{}: // the first tells that it stands still
		default:
		}
		<-free
		written <- len(datagram)
		return len(datagram), nil
	}
	bob.end.SetPath(netip.AddrPort{}, netip.AddrPort{}, false)
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	slow, quick := bob.watch(track, 2000), carol.watch(track, 3000)
	c := &camera{ssrc: 1000}
	show(alice, c, 1, quick)
	<-stuck
	for range 50 {
		show(alice, c, 1, quick, slow)
	}
	until(t, "all came to who is not stuck", func() bool { return len(carol.got(3000)) == 102 })
	if lost := bob.end.Stats().Sending.Unsent; lost < 102-relayQueue-2 {
		t.Errorf("only %d were given up of 102", lost)
	}
	close(free)
	until(t, "what waited was written", func() bool { return len(written) >= relayQueue })
	bob.from((*l.sockets.Load())[0].LocalAddr()) // and back to a direct path
	show(alice, c, 1, slow)
	until(t, "it came", func() bool { return len(bob.got(2000)) >= 2 })
}

func TestRelay_MediaComesInByReceive(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	bob.watch(track, 2000)
	for _, one := range (&camera{ssrc: 1000}).frame(true, 3) {
		alice.end.Receive(alice.seal(one))
	}
	until(t, "all came", func() bool { return len(bob.got(2000)) == 3 })
}

// Before there are keys and a path nothing leaves, and nothing is kept.
func TestSubscription_WaitsForKeysAndPath(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	bare := l.NewEnd(EndConfig{Name: "bare"})
	defer bare.Close()
	sub, err := bare.Subscribe(track, SubscriptionConfig{
		SSRC: 2000, Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 3, Temporal: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	alice.send((&camera{ssrc: 1000}).frame(true, 3)...)
	until(t, "they were given up", func() bool { return sub.Stats().Unsent == 3 })
	bare.Close()
	if sub.Track() != nil || len(track.fanout.Load().groups) != 0 {
		t.Error("a closed End still watches")
	}
}

// Run ends when its context does, with traffic on all its ways, and what is posted
// later is forgotten.
func TestRun_EndsWithItsContext(t *testing.T) {
	socket, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	l := New(Config{}, socket)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	show(alice, c, 3, sub)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	for _, one := range c.frame(true, 3) {
		alice.end.Receive(alice.seal(one))
	}
	if stats := l.Stats(); stats.Waiting != 0 || stats.Ends != 2 {
		t.Errorf("after the end: %+v", stats)
	}
	if err := socket.WriteTo([]byte{0}, socket.LocalAddr()); err == nil {
		t.Error("the socket is open")
	}
	if err := l.Add(socket); err != ErrClosed {
		t.Errorf("an ended lane takes a socket: %v", err)
	}
}

// The lane's own clock is one for all, and never at its zero.
func TestNow_GoesOnFromAfterZero(t *testing.T) {
	before := Now()
	if before <= 0 || Now() < before {
		t.Errorf("%d, then %d", before, Now())
	}
}

// portable reports whether sockets are those of systems without calls for batches,
// which do not say how long a call took.
func portable(t *testing.T) bool {
	t.Helper()
	s, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	return s.Stats().Engine == udp.Portable
}

// Stages of the way are timed now and then, and their sums are told.
func TestLedger_TimesEveryStage(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	calls := !portable(t)
	until(t, "every stage was timed", func() bool {
		show(alice, c, 1, sub)
		for stage, stats := range l.Stats().Stages {
			if stats.Batches == 0 && (Stage(stage) != Receive || calls) {
				return false
			}
		}
		return true
	})
	for side, stats := range l.Stats().Sides {
		if stats.Packets == 0 || stats.Took <= 0 {
			t.Errorf("%v: %+v", Side(side), stats)
		}
	}
	for stage, stats := range l.Stats().Stages {
		if Stage(stage) == Receive && !calls {
			continue
		}
		if stats.Packets == 0 || stats.Took <= 0 || stats.Each() <= 0 {
			t.Errorf("%v: %+v", Stage(stage), stats)
		}
	}
}

func TestLedger_SortsByPowersOfTwo(t *testing.T) {
	var l ledger
	l.add(Seal, 10*time.Nanosecond, 10)
	l.add(Seal, 900*time.Nanosecond, 2)
	l.add(Seal, time.Hour, 1)
	l.add(Seal, time.Hour, 0)
	var all Stats
	l.statsInto(&all)
	stats := all.Stages
	want := map[int]uint64{1: 10, 9: 2, classes - 1: 1}
	for class, n := range stats[Seal].Histogram {
		if n != want[class] {
			t.Errorf("class %d has %d", class, n)
		}
	}
	if s := stats[Seal]; s.Batches != 3 || s.Packets != 13 || s.Took != time.Hour+910*time.Nanosecond {
		t.Errorf("%+v", s)
	}
	if Seal.String() != "seal" || Stages.String() != "unknown" {
		t.Error("stages have other names")
	}
}
