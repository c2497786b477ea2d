package lane

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
)

// write lets a packet arrive in the clear.
func (g *ground) write(t *testing.T, one *rtp.Packet) {
	t.Helper()
	raw, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	g.packet(raw)
}

// A stream may change its SSRC eight times in ten seconds; each of the SSRCs before is
// remembered for that time, and what still comes of it is dropped.
func TestSuccession_EightSSRCsAreRememberedForTenSeconds(t *testing.T) {
	g := newGround(t, 256)
	track := g.tracks[1]
	taken := func() int64 { return track.Stats().Packets }
	var before []*camera
	const most = 8
	for i := range most {
		c := named(uint32(500+i), "h")
		for _, one := range c.frame(true, 2) {
			g.write(t, one)
		}
		if got := taken(); got != int64(2*i+2) {
			t.Fatalf("%d packets taken with SSRC %d", got, i)
		}
		for _, old := range before { // stragglers, which do not tell their names any more
			late := *old
			late.rid, late.mid = "", ""
			g.write(t, late.frame(false, 1)[0])
		}
		before = append(before, c)
		g.now = g.now.Add(100 * time.Millisecond)
	}
	if got := taken(); got != 2*most {
		t.Fatalf("%d packets taken with the stragglers", got)
	}
	next := named(600, "h")
	g.now = g.now.Add(9 * time.Second)
	g.write(t, next.frame(true, 1)[0])
	if got := taken(); got != 2*most {
		t.Fatalf("a ninth SSRC within ten seconds is taken")
	}
	g.now = g.now.Add(time.Second)
	g.write(t, next.frame(true, 1)[0])
	layer := track.Layers()[0]
	if got := taken(); got != 2*most+1 || layer.SSRC != 600 {
		t.Fatalf("%d packets taken after ten seconds, the SSRC is %d", got, layer.SSRC)
	}
	g.end.Close()
	g.drain()
}

// What a publisher has said of a stream outlives its SSRC: how the picture lies, and
// how long it is to be held back.
func TestSuccession_WhatWasSaidOfAStreamOutlivesItsSSRC(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := l.NewTrack(TrackConfig{Name: "camera", Kind: Video})
	numbers := extensions(t, packet.Orientation, packet.PlayoutDelay, packet.MID, packet.RID)
	alice.publish(l, Incoming{Numbers: numbers}, IncomingSection{MID: "1", Track: track, RIDs: []string{"h"}})
	sub := bob.agree(track, SubscriptionConfig{SSRC: 2000, Writer: packet.NewWriter(numbers, false)})
	first, second := named(1000, "h"), named(1500, "h")
	begin := first.frame(true, 2)
	_ = begin[0].SetExtension(uint8(packet.Orientation), []byte{3})
	_ = begin[0].SetExtension(uint8(packet.PlayoutDelay), []byte{1, 2, 3})
	alice.send(begin...)
	until(t, "it came", func() bool { return sub.Stats().Packets == 2 })
	alice.send(second.frame(true, 2)...)
	until(t, "it goes on", func() bool { return len(bob.got(2000)) == 4 })
	again := bob.got(2000)[2]
	if lies, delay := again.GetExtension(uint8(packet.Orientation)), again.GetExtension(uint8(packet.PlayoutDelay)); !bytes.Equal(lies, []byte{3}) || !bytes.Equal(delay, []byte{1, 2, 3}) {
		t.Errorf("told orientation %x, delay %x", lies, delay)
	}
	unbroken(t, bob.got(2000))
}
