package lane

import (
	"strings"
	"testing"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
)

// threeTemporal is the structure of one spatial layer with three temporal ones that
// the AV1 RTP specification has as an example (A.10.2.1), behind the flags of a
// packet that attaches it. Its templates are 8 to 12: T0 key, T0, T1, T2, T2.
const threeTemporal = "10000" + "001000" + "00010" + "0001010011" +
	"101010" + "101010" + "100100" + "010000" + "010000" +
	"0" + "100110" + "100010" + "100000" + "100000" +
	"01" + "00000100001000010011" + "1" + "0000010011111111" + "0000001011001111"

// packBits packs a string of them.
func packBits(of string) []byte {
	of += strings.Repeat("0", -len(of)&7)
	packed := make([]byte, len(of)/8)
	for i, bit := range of {
		packed[i/8] |= byte(bit-'0') << (7 - i%8)
	}
	return packed
}

// described makes a frame of one packet, of VP8 without numbers, whose place is told
// by a dependency descriptor alone, as browsers send it.
func described(number uint16, template byte) *rtp.Packet {
	descriptor := []byte{0xC0 | template, byte(number >> 8), byte(number)}
	one := &rtp.Packet{Header: rtp.Header{
		Version: 2, PayloadType: vp8Type, SSRC: 1000, SequenceNumber: number, Timestamp: uint32(number) * 3000, Marker: true,
	}}
	if template == 8 {
		descriptor = append(descriptor, packBits(threeTemporal)...)
	}
	one.Extension, one.ExtensionProfile = true, 0x1000 // the two-byte form, as it is long
	_ = one.SetExtension(uint8(packet.Descriptor), descriptor)
	one.Payload = append(append([]byte{0x10}, tag(template == 8)...), make([]byte, 50)...)
	return one
}

// Who is sent less is told that no more is active, so that it does not wait for it.
func TestDescriptor_ThinsForThoseWhoReadIt(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	numbers := extensions(t, packet.Descriptor)
	track := alice.publish(l, Incoming{Numbers: numbers}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	for _, w := range []struct {
		*peer
		ssrc   uint32
		writer *packet.Writer
	}{{bob, 2000, packet.NewWriter(numbers, true)}, {carol, 3000, nil}} {
		_, err := w.end.Subscribe(track, SubscriptionConfig{
			SSRC: w.ssrc, Writer: w.writer, Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 0, Temporal: 0},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	templates := []byte{8, 11, 10, 12, 9, 11, 10, 12, 9}
	for i, template := range templates {
		alice.send(described(uint16(i), template))
	}
	until(t, "carol has all", func() bool { return len(carol.got(3000)) == len(templates) })
	until(t, "bob has the lowest", func() bool { return len(bob.got(2000)) == 3 })
	var state dependency.State
	for i, one := range bob.got(2000) {
		var d dependency.Descriptor
		if err := state.Parse(one.GetExtension(uint8(packet.Descriptor)), &d); err != nil || d.Temporal != 0 || d.Active != 1<<2 {
			t.Errorf("packet %d: %+v, %v", i, d, err)
		}
		if one.SequenceNumber != bob.got(2000)[0].SequenceNumber+uint16(i) {
			t.Errorf("packet %d left as %d", i, one.SequenceNumber)
		}
	}
	if stats := alice.end.Stats().Received; stats.Malformed != 0 {
		t.Errorf("received %+v", stats)
	}
}

func TestDescriptor_OfALostStructureAsksForAKeyFrame(t *testing.T) {
	g := newGround(t, 256)
	track := g.tracks[2]
	one := described(5, 9)
	one.SSRC = 2
	raw, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	g.packet(raw)
	if stats := g.end.Stats().Received; stats.Malformed != 1 || track.Stats().KeyFrames.Wanted == 0 {
		t.Errorf("%+v, %+v", stats, track.Stats())
	}
	g.end.Close()
	g.drain()
}

func TestRepair_OfALayerThatNobodyGetsIsNotAskedFor(t *testing.T) {
	g := newGround(t, 256)
	for _, s := range g.subs {
		s.Close()
	}
	c := camera{ssrc: 2}
	frame := c.frame(true, 8)
	for i, one := range frame {
		if raw, err := one.Marshal(); err != nil {
			t.Fatal(err)
		} else if i != 4 {
			g.packet(raw)
		}
	}
	for range 100 {
		g.now = g.now.Add(beat)
		g.end.tick(g.now)
	}
	if repair := g.tracks[2].Layers()[0].Repair; repair.Missed != 1 || repair.Asked > 1 {
		t.Errorf("repair is %+v", repair)
	}
	g.end.Close()
	g.drain()
}
