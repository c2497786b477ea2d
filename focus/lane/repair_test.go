package lane

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/focus/transport/srtp"
	"meshfocus/simulcast"
)

// agree subscribes a peer with everything that the tests agree on.
func (p *peer) agree(track *Track, c SubscriptionConfig) *Subscription {
	p.t.Helper()
	if c.Formats == nil {
		c.Formats = []Format{vp8Format(), opusFormat()}
	}
	c.First = simulcast.Layer{Spatial: 3, Temporal: 3}
	s, err := p.end.Subscribe(track, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// show sends pictures and waits until the watchers have all of them.
func show(p *peer, c *camera, pictures int, watchers ...*Subscription) {
	p.t.Helper()
	before := make([]uint64, len(watchers))
	for i, w := range watchers {
		before[i] = w.Stats().Packets
	}
	for range pictures {
		p.send(c.frame(c.picture == 0, 2)...)
	}
	for i, w := range watchers {
		until(p.t, "the pictures were forwarded", func() bool { return w.Stats().Packets >= before[i]+2*uint64(pictures) })
	}
}

// nack asks for numbers again.
func (p *peer) nack(ssrc uint32, numbers ...uint16) {
	p.t.Helper()
	p.report(&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)})
}

// RFC 4588: on an SSRC and under numbers of its own, the number it had in front.
func TestRepair_WhatWasLostComesAgainOnAStreamOfItsOwn(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	show(alice, &camera{ssrc: 1000, sequence: 65530}, 5, sub)

	until(t, "all came", func() bool { return len(bob.got(2000)) == 10 })
	lost := bob.got(2000)[3:6]
	bob.nack(2000, lost[0].SequenceNumber, lost[1].SequenceNumber, lost[2].SequenceNumber)
	until(t, "they came again", func() bool { return len(bob.got(2001)) == 3 })
	for i, repeat := range bob.got(2001) {
		if binary.BigEndian.Uint16(repeat.Payload) != lost[i].SequenceNumber {
			t.Errorf("repeat %d is of %d", i, binary.BigEndian.Uint16(repeat.Payload))
		}
		if !slices.Equal(repeat.Payload[2:], lost[i].Payload) || repeat.Timestamp != lost[i].Timestamp ||
			repeat.Marker != lost[i].Marker || repeat.PayloadType != vp8RTX {
			t.Errorf("repeat %d differs from what it repeats", i)
		}
		if first := bob.got(2001)[0]; repeat.SequenceNumber != first.SequenceNumber+uint16(i) {
			t.Errorf("repeat %d has number %d", i, repeat.SequenceNumber)
		}
	}
	if stats := sub.Stats(); stats.Resent != 3 || stats.Nacked != 3 || stats.Denied != 0 {
		t.Errorf("counted %+v", stats)
	}
}

// Points 17 to 19 of the checklist: not again within a round trip, and no index is
// sealed twice, whatever is asked for.
func TestRepair_AskingAgainAndAgainBringsLittle(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	show(alice, &camera{ssrc: 1000}, 5, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 10 })
	bob.end.SetRoundTrip(patience)
	first := bob.got(2000)[0].SequenceNumber
	for range 50 {
		bob.nack(2000, first, first+1, first+2, first+500)
	}
	until(t, "all questions were heard", func() bool { return sub.Stats().Nacked == 200 })
	until(t, "the repeats came", func() bool { return len(bob.got(2001)) >= 3 })
	if stats := sub.Stats(); stats.Resent != 3 || stats.Denied != 197 {
		t.Errorf("counted %+v", stats)
	}
	if bob.refused != 0 {
		t.Errorf("%d packets could not be opened", bob.refused)
	}
}

func TestRepair_WithoutAStreamForItNothingIsSentAgain(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.agree(track, SubscriptionConfig{SSRC: 2000})
	show(alice, &camera{ssrc: 1000}, 2, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 4 })
	bob.nack(2000, bob.got(2000)[1].SequenceNumber)
	until(t, "the question was heard", func() bool { return sub.Stats().Denied == 1 })
	if sent := bob.end.Stats().Sending.Packets; sent != 4 {
		t.Errorf("%d packets left", sent)
	}
}

// Point 18: what was left behind with a switch is not repaired.
func TestRepair_EndsAtABorder(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	one := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	other := carol.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(one, 2000)
	show(alice, &camera{ssrc: 1000}, 2, sub)
	if err := sub.Replace(other); err != nil {
		t.Fatal(err)
	}
	show(carol, &camera{ssrc: 1000}, 2, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 8 })
	got := bob.got(2000)
	bob.nack(2000, got[1].SequenceNumber, got[6].SequenceNumber)
	until(t, "the younger came again", func() bool { return len(bob.got(2001)) == 1 })
	if again := binary.BigEndian.Uint16(bob.got(2001)[0].Payload); again != got[6].SequenceNumber {
		t.Errorf("%d came again", again)
	}
	if stats := sub.Stats(); stats.Denied != 1 {
		t.Errorf("counted %+v", stats)
	}
}

func TestAllowance_IsAShareAndABurst(t *testing.T) {
	var a allowance
	spent := 0
	for a.spend(1200) {
		spent += 1200
	}
	if spent != repairBurst {
		t.Errorf("a burst of %d", spent)
	}
	a.earn(2400 * repairShare)
	for spent = 0; a.spend(1200); spent += 1200 {
	}
	if spent != 2400 {
		t.Errorf("what was sent earns %d", spent)
	}
	a.earn(1 << 30)
	for spent = 0; a.spend(1200); spent += 1200 {
	}
	if spent != repairBurst {
		t.Errorf("a burst of %d after a long time", spent)
	}
}

// Replacing a track goes on with numbers and time, on the same SSRC.
func TestReplace_GoesOnWithNumbersAndTime(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	one := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	other := carol.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(one, 2000)
	cameras := []*camera{{ssrc: 1000, sequence: 100, timestamp: 5}, {ssrc: 1000, sequence: 40_000, timestamp: 1 << 31}}
	for range 3 {
		show(alice, cameras[0], 2, sub)
		if err := sub.Replace(other); err != nil {
			t.Fatal(err)
		}
		cameras[1].picture = 0 // a key frame
		show(carol, cameras[1], 2, sub)
		if err := sub.Replace(nil); err != nil || sub.Track() != nil {
			t.Fatal(err, sub.Track())
		}
		if err := sub.Replace(one); err != nil {
			t.Fatal(err)
		}
		cameras[0].picture = 0
	}
	until(t, "all came", func() bool { return len(bob.got(2000)) == 24 })
	unbroken(t, bob.got(2000))
	if bob.refused != 0 {
		t.Errorf("%d packets could not be opened", bob.refused)
	}
}

// unbroken checks that numbers have no holes and time never goes back, nor far ahead.
func unbroken(t *testing.T, got []*rtp.Packet) {
	t.Helper()
	for i := range got[1:] {
		before, now := got[i], got[i+1]
		if now.SequenceNumber != before.SequenceNumber+1 {
			t.Errorf("number %d after %d", now.SequenceNumber, before.SequenceNumber)
		}
		if ahead := int32(now.Timestamp - before.Timestamp); ahead < 0 || ahead > 90_000*int32(patience.Seconds()) {
			t.Errorf("packet %d is %d ticks behind the one before", i+1, ahead)
		}
	}
}

func TestReplace_RefusesWhatTheSubscriberCannotTake(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	one := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer one.Close()
	sub := bob.agree(one, SubscriptionConfig{SSRC: 2000})
	for _, c := range []TrackConfig{{Kind: Video, Codec: simulcast.AV1}, {Kind: Audio, Codec: simulcast.Opus}} {
		if err := sub.Replace(l.NewTrack(c)); err != ErrFormat || sub.Track() != one {
			t.Errorf("%+v: %v", c, err)
		}
	}
	sub.Close()
	if err := sub.Replace(one); err != ErrClosed {
		t.Errorf("closed: %v", err)
	}
}

// An SSRC that is used again goes on: no number of it may be sealed twice.
func TestSubscribe_AnSSRCUsedAgainGoesOn(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	c := &camera{ssrc: 1000}
	for round := range 5 {
		sub := bob.watch(track, 2000)
		if _, err := bob.end.Subscribe(track, SubscriptionConfig{SSRC: 3000, RTX: 2000, Formats: []Format{vp8Format()}}); err != ErrSource {
			t.Errorf("an SSRC in use was taken: %v", err)
		}
		c.picture = 0
		show(alice, c, 2, sub)
		until(t, "all came", func() bool { return len(bob.got(2000)) == 4*(round+1) })
		bob.nack(2000, bob.got(2000)[4*round].SequenceNumber)
		until(t, "it came again", func() bool { return len(bob.got(2001)) == round+1 })
		sub.Close()
	}
	unbroken(t, bob.got(2000))
	for i, repeat := range bob.got(2001) {
		if repeat.SequenceNumber != bob.got(2001)[0].SequenceNumber+uint16(i) {
			t.Errorf("repeat %d has number %d", i, repeat.SequenceNumber)
		}
	}
	if bob.refused != 0 {
		t.Errorf("%d packets could not be opened", bob.refused)
	}
}

func TestSubscribe_SaysWhatIsWrong(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	track := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer track.Close()
	for _, c := range []struct {
		name   string
		config SubscriptionConfig
		want   error
	}{
		{"no SSRC", SubscriptionConfig{Formats: []Format{vp8Format()}}, ErrSource},
		{"one SSRC for both", SubscriptionConfig{SSRC: 1, RTX: 1, Formats: []Format{vp8Format()}}, ErrSource},
		{"no format", SubscriptionConfig{SSRC: 1}, ErrFormat},
	} {
		if _, err := bob.end.Subscribe(track, c.config); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	bob.end.Close()
	if _, err := bob.end.Subscribe(track, SubscriptionConfig{SSRC: 1, Formats: []Format{vp8Format()}}); err != ErrClosed {
		t.Errorf("closed: %v", err)
	}
	if n := bob.end.subscribed.Load(); n != 0 {
		t.Errorf("%d subscriptions counted", n)
	}
}

// The same keys once more are the same sealer: its numbers go on.
func TestSecure_TheSameKeysOnceMoreChangeNothing(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	for range 3 {
		if err := bob.end.Secure(master(t, srtp.AES128GCM, 1), master(t, srtp.AES128GCM, 101)); err != nil {
			t.Fatal(err)
		}
		show(alice, c, 2, sub)
	}
	until(t, "all came", func() bool { return len(bob.got(2000)) == 12 })
	bob.mutex.Lock()
	defer bob.mutex.Unlock()
	if bob.refused != 0 { // a report with an index of before among them
		t.Errorf("%d datagrams could not be opened", bob.refused)
	}
}
