package lane

import (
	"bytes"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// Point 34: a playout delay that the publisher does not say any more is told to who
// joins, and to who has not got the packet that brought it, until a report covers it.
func TestDelay_IsToldUntilAcknowledged(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	numbers := extensions(t, packet.PlayoutDelay)
	track := alice.publish(l, Incoming{Numbers: numbers}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	c := &camera{ssrc: 1000}
	frames := func(count int, delay ...byte) {
		for range count {
			before := track.Stats().Packets
			frame := c.frame(c.picture%4 == 0, 2)
			if len(delay) > 0 {
				_ = frame[0].SetExtension(uint8(packet.PlayoutDelay), delay)
			}
			alice.send(frame...)
			until(t, "they arrived", func() bool { return track.Stats().Packets == before+2 })
		}
	}
	frames(1, 1, 2, 3)
	sub := bob.agree(track, SubscriptionConfig{SSRC: 2000, Writer: packet.NewWriter(extensions(t, packet.PlayoutDelay), false)})
	said := 0
	expect := func(total int, delay []byte) {
		t.Helper()
		until(t, "bob has them", func() bool { return len(bob.got(2000)) == total })
		for _, one := range bob.got(2000)[said:] {
			if got := one.GetExtension(uint8(packet.PlayoutDelay)); !bytes.Equal(got, delay) {
				t.Errorf("packet %d says %x, want %x", one.SequenceNumber, got, delay)
			}
		}
		said = total
	}
	acknowledge := func(of *rtp.Packet) {
		reports := sub.Stats().Reports
		bob.report(&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: 2000, LastSequenceNumber: uint32(of.SequenceNumber)}}})
		until(t, "the report was heard", func() bool { return sub.Stats().Reports == reports+1 })
	}
	frames(7)
	expect(8, []byte{1, 2, 3}) // from the next key frame on
	acknowledge(&rtp.Packet{Header: rtp.Header{SequenceNumber: bob.got(2000)[0].SequenceNumber - 1}})
	frames(1)
	expect(10, []byte{1, 2, 3})
	acknowledge(bob.got(2000)[3])
	frames(1)
	expect(12, nil)

	sub.Aim(simulcast.None)
	frames(2, 4, 5, 6) // bob gets nothing of these
	sub.Aim(simulcast.Layer{Spatial: 3, Temporal: 3})
	frames(5) // a key frame after one
	expect(22, []byte{4, 5, 6})
	acknowledge(bob.got(2000)[21])
	frames(1)
	expect(24, nil)
	frames(1, 4, 5, 6) // what the publisher goes on saying passes
	until(t, "bob has them", func() bool { return len(bob.got(2000)) == 26 })
	if got := bob.got(2000)[24].GetExtension(uint8(packet.PlayoutDelay)); !bytes.Equal(got, []byte{4, 5, 6}) {
		t.Errorf("it passes as %x", got)
	}
}

// A report from before the numbers wrap does not acknowledge what came after.
func TestDelay_AcknowledgementsWrap(t *testing.T) {
	var d toldDelay
	d.follow(0, 1)
	if d.pending {
		t.Error("nothing is told as something")
	}
	d.follow(1<<24, 2)
	d.acknowledge(65535)
	if d.follow(1<<24, 3); !d.pending || d.since != 2 {
		t.Errorf("%+v after a report of what was before", d)
	}
	if d.acknowledge(2); d.pending {
		t.Error("told though it is known")
	}
}
