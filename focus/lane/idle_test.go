package lane

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/internal/unit"
)

// take has the ground take frames of a camera, of one packet each, at 30 in a second.
func (g *ground) take(t *testing.T, c *camera, frames int) {
	t.Helper()
	for i := range frames {
		for _, one := range c.frame(i == 0, 1) {
			raw, err := one.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			g.packet(raw)
		}
		g.reader.done()
		g.drain()
		g.now = g.now.Add(time.Second / 30)
		g.end.tick(g.now)
	}
}

func TestIdle_NothingIsHeldForNobody(t *testing.T) {
	g := newGround(t, 256)
	g.take(t, &camera{ssrc: 2}, 60)
	if held := g.reader.pool.Held(); held < 20 || held > 40 {
		t.Errorf("of a second %d packets are held", held)
	}
	next, calls := g.now, 0
	for ; next != unit.Far && calls < 1000; calls++ {
		g.now = next
		next = g.end.tick(g.now)
	}
	if next != unit.Far || g.reader.pool.Held() != 0 {
		t.Errorf("after %d calls the next is at %v, %d are held", calls, next, g.reader.pool.Held())
	}
	g.drain()
	g.take(t, &camera{ssrc: 2, sequence: 60, timestamp: 1 << 20}, 1)
	if !g.end.in.upstream.awake {
		t.Error("it sleeps though something came")
	}
	g.end.Close()
	g.drain()
}

func TestLayers_SayWhatArrives(t *testing.T) {
	g := newGround(t, 256)
	g.take(t, &camera{ssrc: 2, size: 1000}, 90)
	layer := g.tracks[2].Layers()[0]
	if rate := layer.Rates[temporals-1]; rate < 200*unit.Kilobit || rate > 280*unit.Kilobit {
		t.Errorf("30 times 1000 bytes a second are %v", rate)
	}
	if layer.Pictures < 28 || layer.Pictures > 32 || !layer.Flowing || layer.LastPacket == unit.Never {
		t.Errorf("the layer is %+v", layer)
	}
	g.end.Close()
	g.drain()
}

func TestPool_WhatArrivesIsWorthMoreThanWhatIsKept(t *testing.T) {
	g := newGround(t, 16)
	g.take(t, &camera{ssrc: 2}, 60)
	if taken, stats := g.tracks[2].Stats().Packets, g.end.Stats().Received; taken != 60 || stats.Starved != 0 {
		t.Errorf("%d of 60 packets were taken, %+v", taken, stats)
	}
	g.end.Close()
	g.drain()
}

func TestGoodbye_EndsALayerAtOnce(t *testing.T) {
	g := newGround(t, 64)
	g.take(t, &camera{ssrc: 2}, 3)
	if !g.tracks[2].Layers()[0].Flowing {
		t.Fatal("it does not flow")
	}
	raw, err := (&rtcp.Goodbye{Sources: []uint32{7, 2}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	g.end.mutex.Lock()
	g.end.heard(raw, g.now)
	g.end.mutex.Unlock()
	if g.tracks[2].Layers()[0].Flowing {
		t.Error("it flows after its goodbye")
	}
	g.end.Close()
	g.drain()
}
