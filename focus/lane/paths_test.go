package lane

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/simulcast"
)

func TestPaths_AConnectionMovesBetweenSockets(t *testing.T) {
	l := running(t, Config{}, 2)
	sockets := *l.sockets.Load()
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	bob.watch(track, 2000)
	c := camera{ssrc: 1000}
	total := 0
	for round := range 6 {
		alice.from(sockets[round%2].LocalAddr())
		bob.from(sockets[(round+1)%2].LocalAddr())
		alice.send(c.frame(round == 0, 4)...)
		total += 4
		until(t, "it came", func() bool { return len(bob.got(2000)) == total })
	}
	for i, one := range bob.got(2000) {
		if one.SequenceNumber != bob.got(2000)[0].SequenceNumber+uint16(i) {
			t.Errorf("packet %d left as %d", i, one.SequenceNumber)
		}
	}
}

func TestPaths_WhatIsNotDirectComesAndGoesByTheLink(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	bob.watch(track, 2000)
	relay := netip.MustParseAddrPort("192.0.2.1:3478")
	alice.end.SetPath(relay, relay, false)
	c := camera{ssrc: 1000}
	for _, one := range c.frame(true, 5) {
		alice.end.Receive(alice.seal(one))
	}
	until(t, "it came", func() bool { return len(bob.got(2000)) == 5 })
}

func TestPaths_WithoutKeysOrNameNothingIsTaken(t *testing.T) {
	l := running(t, Config{Control: func(datagram []byte, _, _ netip.AddrPort) bool {
		return packet.Demultiplex(datagram) == packet.STUN
	}}, 1)
	stranger, err := net.Dial("udp4", (*l.sockets.Load())[0].LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	raw, _ := (&camera{ssrc: 1}).frame(true, 1)[0].Marshal()
	_, _ = stranger.Write(raw)
	until(t, "the stranger was counted", func() bool { return l.counts.strangers.Load() == 1 })
	locked := l.NewEnd(EndConfig{Name: "locked"})
	defer locked.Close()
	locked.SetPath((*l.sockets.Load())[0].LocalAddr(), stranger.LocalAddr().(*net.UDPAddr).AddrPort(), true)
	_, _ = stranger.Write(raw)
	until(t, "it came before keys", func() bool { return locked.Stats().Received.Locked == 1 })
	if err := locked.Secure(master(t, srtp.AES128CMSHA1, 1), master(t, srtp.AES128CMSHA1, 2)); err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.Write(raw)
	until(t, "it was refused", func() bool { return locked.Stats().Received.Refused == 1 })
}

func TestHostile_TheStreamGoesOn(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	in := Incoming{Numbers: extensions(t, packet.Descriptor, packet.Orientation)}
	track := alice.publish(l, in, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	bob.watch(track, 2000)
	c := camera{ssrc: 1000}
	alice.send(c.frame(true, 2)...)
	until(t, "it began", func() bool { return len(bob.got(2000)) == 2 })

	cut := c.frame(false, 1)[0]
	cut.Payload = []byte{0x80} // an extended descriptor that ends there
	described := c.frame(false, 1)[0]
	_ = described.SetExtension(uint8(packet.Descriptor), []byte{0xC0}) // cut short
	foreign := c.frame(false, 1)[0]
	foreign.PayloadType = 55
	alice.send(cut, described, foreign)
	until(t, "all were dropped", func() bool {
		stats := alice.end.Stats().Received
		return stats.Malformed == 2 && stats.Unknown == 1
	})
	alice.reportRaw([]byte{0x81, 205, 0, 1, 0, 0, 0, 1})       // a report that ends within its header
	alice.reportRaw([]byte{0x80, 200, 0, 1, 0, 0, 3, 0xE8})    // a sender report without its middle
	alice.reportRaw([]byte{0x9F, 203, 0, 1, 0, 0, 3, 0xE8, 1}) // 31 goodbyes of one source
	until(t, "they were counted", func() bool { return alice.end.Stats().Received.Reports == 3 })
	alice.send(c.frame(true, 2)...)
	until(t, "it goes on", func() bool { return len(bob.got(2000)) == 4 })
}

func TestOwed_AnOrientationIsNotLostWithItsPacket(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	numbers := extensions(t, packet.Orientation)
	track := alice.publish(l, Incoming{Numbers: numbers}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	s, err := bob.end.Subscribe(track, SubscriptionConfig{
		SSRC: 2000, Writer: packet.NewWriter(numbers, false), Formats: []Format{vp8Format()}, First: simulcast.None,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := camera{ssrc: 1000}
	turned := c.frame(true, 1)[0]
	_ = turned.SetExtension(uint8(packet.Orientation), []byte{3})
	alice.send(turned)
	until(t, "it came", func() bool { return track.Stats().Packets == 1 })
	s.Aim(simulcast.Layer{Spatial: 3, Temporal: 3})
	alice.send(c.frame(true, 2)...)
	until(t, "bob has it", func() bool { return len(bob.got(2000)) == 2 })
	if value := bob.got(2000)[0].GetExtension(uint8(packet.Orientation)); len(value) != 1 || value[0] != 3 {
		t.Errorf("the first packet says %v", value)
	}
}

func TestChurn_SubscribersComeAndGoWhileMediaFlows(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 2)
	other := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for i, lane := range []*Lane{l, other} {
		workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				e := lane.NewEnd(EndConfig{Name: "guest", Write: func(b []byte) (int, error) { return len(b), nil }})
				_ = e.Secure(master(t, srtp.AES128GCM, 1), master(t, srtp.AES128GCM, 2))
				e.SetPath(netip.AddrPort{}, netip.AddrPort{}, false)
				s, err := e.Subscribe(track, SubscriptionConfig{SSRC: 9, Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 1, Temporal: 1}})
				if err != nil {
					t.Error(err)
					return
				}
				detach := track.Attach(&collector{})
				_, _, _ = s.Stats(), s.Current(), track.Layers()
				s.Aim(simulcast.None)
				track.SetMuted(n%2 == i)
				detach()
				if n%3 == 0 {
					s.Close()
				}
				e.Close()
			}
		})
	}
	c := camera{ssrc: 1000}
	for i := range 60 {
		alice.send(c.frame(i%20 == 0, 3)...)
		until(t, "it came", func() bool { return track.Stats().Packets == int64(3*i+3) })
	}
	close(stop)
	workers.Wait()
	track.SetMuted(false)
	bob := connect(t, other, "bob")
	bob.watch(track, 2000)
	alice.send(c.frame(true, 2)...)
	until(t, "bob has it", func() bool { return len(bob.got(2000)) == 2 })
	alice.end.Close()
	until(t, "nothing is held", func() bool { return l.Stats().Waiting == 0 && other.Stats().Waiting == 0 })
}
