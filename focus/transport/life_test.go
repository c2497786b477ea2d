package transport

import (
	"runtime"
	"testing"
	"time"

	"meshfocus/focus/transport/link"
)

func TestConn_LeavesNothingBehindAfterFiftyCalls(t *testing.T) {
	a, b := listen(t, Config{TCP: true}), listen(t, Config{TCP: true})
	picture := camera(t, "alice")
	cycle := func(wait bool) {
		caller := newConn(t, a, ConnConfig{Peer: "b", Video: picture, DataChannel: true})
		callee := newConn(t, b, ConnConfig{Peer: "a", Video: picture})
		negotiate(t, caller, callee, OfferOptions{}, unchanged)
		for wait && caller.State() != StateConnected {
			<-caller.Events()
		}
		if err := caller.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := callee.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	cycle(true)
	before := runtime.NumGoroutine()
	for i := range 50 {
		cycle(i%2 == 0) // every other one is closed while it connects
	}
	if picture.Bindings() != 0 {
		t.Errorf("the picture is still bound to %d connections", picture.Bindings())
	}
	if len(a.conns) != 0 || len(a.berths) != 1 {
		t.Errorf("%d connections on %d ports are left, want none on one", len(a.conns), len(a.berths))
	}
	await(t, "goroutines of closed connections end", func() bool { return runtime.NumGoroutine() <= before+4 })
}

func TestConn_TrackEndsWithTheConnection(t *testing.T) {
	p := connected(t)
	track := p.seenByCallee.awaitTrack(t, Video)
	readSamples(t, track, 3)
	go func() { _ = p.callee.Close() }()
	select {
	case <-track.Ended():
	case <-time.After(patience):
		t.Fatal("the track goes on")
	}
	if !track.Stats().Ended {
		t.Error("the statistics do not say so")
	}
	if n, err := track.ReadRTP(make([]byte, 1500)); err == nil && n == 0 {
		t.Error("ReadRTP gives nothing and no error")
	}
}

func TestConn_GoesOnWhenNobodyReadsATrack(t *testing.T) {
	t.Parallel() // waits most of the time
	p := connected(t)
	track := p.seenByCallee.awaitTrack(t, Video)
	await(t, "a key frame on a full shelf", func() bool { return track.Stats().Unread >= videoRoom })
	if sample := readSamples(t, track, 1)[0]; !sample.KeyFrame {
		t.Error("what is left does not begin with a key frame")
	}
	// And packets for those who want them as they are.
	buffer := make([]byte, 1500)
	for range 10 {
		if n, err := track.ReadRTP(buffer); err != nil || n < 100 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
}

func TestConn_SaysDisconnectedWhenThePeerIsGone(t *testing.T) {
	t.Parallel() // waits most of the time
	p := connectedOn(t, Config{timeouts: link.Timeouts{Disconnected: time.Second, Failed: time.Hour, Keepalive: 100 * time.Millisecond}})
	// The peer dies without a word: its network goes first.
	if err := p.callee.network.Close(); err != nil {
		t.Error(err)
	}
	p.seenByCaller.awaitState(t, StateDisconnected)
}

func TestStats_TellTheStoryOfAConnection(t *testing.T) {
	t.Parallel() // waits most of the time
	p := connected(t)
	track := p.seenByCallee.awaitTrack(t, Video)
	readSamples(t, track, 100)
	await(t, "reports of the receiver", func() bool {
		s := p.caller.Stats()
		return s.Sent[1].Reports > 0 && s.Sent[1].RTT > 0
	})
	s := p.caller.Stats()
	if s.State != StateConnected || s.DTLS != "connected" || s.ICE != "connected" && s.ICE != "completed" || s.Signalling != "stable" {
		t.Errorf("states %s, %s, %s, %s", s.State, s.DTLS, s.ICE, s.Signalling)
	}
	if s.Pair.Local == "" || s.Pair.Remote == "" || s.Pair.Protocol != "udp" {
		t.Errorf("pair %+v", s.Pair)
	}
	if s.RTT <= 0 || s.RTT > time.Second {
		t.Errorf("round trip %s", s.RTT)
	}
	sound, picture := s.Sent[0], s.Sent[1]
	if sound.Kind != Audio || sound.Codec != Opus || picture.Kind != Video || picture.Codec != VP8 || picture.StreamID != "alice" {
		t.Errorf("sent %+v and %+v", sound, picture)
	}
	// The hundredth may be read before its sender has counted it.
	if picture.Frames < 99 || picture.Packets < 2*99 || picture.Bytes < 99*1800 || picture.Failed > 0 {
		t.Errorf("sent %+v", picture)
	}
	received := track.Stats()
	if received.Frames < 100 || received.KeyFrames < 1 || received.Width != 320 || received.Height != 240 || received.Jitter > time.Second {
		t.Errorf("received %+v", received)
	}
	if got := p.callee.Stats().Received; len(got) < 1 {
		t.Error("the callee's statistics have no tracks")
	}
}

func TestConn_ExchangesItsPicture(t *testing.T) {
	t.Parallel() // waits most of the time
	p := connected(t)
	track := p.seenByCallee.awaitTrack(t, Video)
	readSamples(t, track, 5)
	other := camera(t, "alice2")
	if err := p.caller.ReplaceVideo(other); err != nil {
		t.Fatal(err)
	}
	before := track.Stats()
	await(t, "frames of the other track", func() bool { return track.Stats().Frames > before.Frames+50 })
	if after := track.Stats(); after.Broken > before.Broken || after.Lost > before.Lost {
		t.Errorf("the exchange broke something: %+v", after)
	}
	if track.StreamID() != "alice" {
		t.Errorf("the stream is called %q now", track.StreamID())
	}
	if err := p.caller.ReplaceVideo(nil); err != nil {
		t.Fatal(err)
	}
	if err := p.caller.ReplaceVideo(newTrack(t, Opus)); err == nil {
		t.Error("sound in place of the picture")
	}
	silent := newConn(t, p.caller.network, ConnConfig{})
	if err := silent.ReplaceVideo(other); err == nil {
		t.Error("a connection without video takes one")
	}
}

func BenchmarkConn_Stats(b *testing.B) {
	n, err := Listen(Config{Loopback: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	conn, err := n.NewConn(ConnConfig{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.CreateOffer(b.Context(), OfferOptions{Gather: time.Second}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = conn.Stats()
	}
}
