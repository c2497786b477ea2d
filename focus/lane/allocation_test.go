package lane

import (
	"testing"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

func TestAllocation_Parse(t *testing.T) {
	three := allocation{
		streams: 3, active: [simulcast.Streams]uint8{1, 1, 1},
		width: [simulcast.Streams]uint16{320, 640, 1280}, height: [simulcast.Streams]uint16{180, 360, 720},
	}
	sizes := []byte{1, 0x3F, 0, 179, 30, 2, 0x7F, 1, 103, 30, 4, 0xFF, 2, 0xCF, 30}
	cases := []struct {
		name string
		data []byte
		want allocation
		ok   bool
	}{
		{"nothing is sent", []byte{0}, allocation{streams: simulcast.Streams}, true},
		{"three streams of one layer, with sizes",
			append([]byte{0x21, 0b00_00_00_00, 100, 0xAC, 0x02, 50}, sizes...), three, true},
		{"the second of two is switched off",
			[]byte{0x10, 0x10, 0b01_000000, 10, 20}, allocation{streams: 2, active: [simulcast.Streams]uint8{1, 0}}, true},
		{"empty", nil, allocation{}, false},
		{"masks missing", []byte{0x20, 0x11}, allocation{}, false},
		{"rates missing", []byte{0x01, 0b11_000000, 1, 2, 3}, allocation{}, false},
		{"a rate without end", []byte{0x01, 0, 0x80}, allocation{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var a allocation
			if ok := a.parse(c.data); ok != c.ok || ok && a != c.want {
				t.Errorf("it is %+v, %v", a, ok)
			}
		})
	}
}

func TestAllocation_StreamsThatAreSwitchedOffStop(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	in := Incoming{Numbers: extensions(t, packet.MID, packet.RID, packet.LayersAllocation)}
	track := alice.publish(l, in, IncomingSection{MID: "1", RIDs: []string{"q", "h"}})
	q, h := named(1000, "q"), named(1010, "h")
	alice.send(append(q.frame(true, 1), h.frame(true, 1)...)...)
	until(t, "both flow", func() bool {
		layers := track.Layers()
		return len(layers) == 2 && layers[0].Flowing && layers[1].Flowing
	})
	last := q.frame(false, 1)[0]
	_ = last.SetExtension(uint8(packet.LayersAllocation), []byte{0x10, 0x10, 0, 10})
	alice.send(last)
	until(t, "the upper one has stopped", func() bool { return !track.Layers()[1].Flowing })
	if !track.Layers()[0].Flowing {
		t.Error("the lower one has stopped too")
	}
}
