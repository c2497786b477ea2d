package lane

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// BenchmarkTake is the reading half without sockets and SRTP: packets of 1200 bytes in
// runs of eight, to so many subscribers.
func BenchmarkTake(b *testing.B) {
	for _, subscribers := range []int{0, 1, 50} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			g, run := newTake(b, subscribers)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8, "ns/packet")
			g.end.Close()
			g.drain()
		})
	}
}

// newTake gives a ground, and what brings it a run of eight packets.
func newTake(t testing.TB, subscribers int) (*ground, func()) {
	g := newGround(t, 4096)
	for _, s := range g.subs {
		s.Close()
	}
	for i := range subscribers {
		if _, err := g.lane.NewEnd(EndConfig{}).Subscribe(g.tracks[2], SubscriptionConfig{
			SSRC: uint32(5000 + i), Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 1, Temporal: 3},
		}); err != nil {
			t.Fatal(err)
		}
	}
	c := camera{ssrc: 2, size: 1160}
	one := c.frame(true, 1)[0]
	_ = one.SetExtension(uint8(packet.TransportNumber), []byte{0, 0})
	raw, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	number := uint16(0)
	return g, func() {
		g.now = g.now.Add(4 * time.Millisecond)
		g.end.mutex.Lock()
		for range 8 {
			number++
			binary.BigEndian.PutUint16(raw[2:], number)
			binary.BigEndian.PutUint32(raw[4:], uint32(number/8)*360)
			binary.BigEndian.PutUint16(raw[17:], number)
			g.end.opened(g.reader, raw, envelope{}, g.now)
		}
		g.end.settle(g.reader, g.now)
		g.end.mutex.Unlock()
		g.reader.done()
		g.drain()
	}
}

// What was read late is told to have come when it did.
func TestTake_TellsWhenPacketsCameAndNotWhenTheyWereRead(t *testing.T) {
	g := newGround(t, 64)
	late := []time.Duration{30 * time.Millisecond, 20 * time.Millisecond, 0}
	for i, waited := range late {
		one := (&camera{ssrc: 2}).frame(true, 1)[0]
		one.SequenceNumber = uint16(i)
		_ = one.SetExtension(uint8(packet.TransportNumber), []byte{0, byte(i)})
		raw, err := one.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		g.end.mutex.Lock()
		g.end.opened(g.reader, raw, envelope{waited: waited}, g.now)
		g.end.mutex.Unlock()
	}
	var came []time.Duration
	reading := feedback.Read(g.end.in.arrivals.Append(nil, 1, 2, g.now.Add(time.Second)))
	for m, ok := reading.Next(); ok; m, ok = reading.Next() {
		for a := range m.Transport() {
			came = append(came, a.At)
		}
	}
	if len(came) != 3 {
		t.Fatalf("%d packets are told of", len(came))
	}
	for i := range late {
		if got, want := came[2]-came[i], late[i]; (got - want).Abs() > time.Millisecond/2 {
			t.Errorf("packet %d came %v before the last, want %v", i, got, want)
		}
	}
	g.end.settle(g.reader, g.now)
	g.end.Close()
	g.drain()
}

func TestTake_AllocatesNothing(t *testing.T) {
	if raceful {
		t.Skip("the race detector allocates")
	}
	g, run := newTake(t, 5)
	for range 600 { // until rings, batches and histories have their size
		run()
	}
	if allocations := testing.AllocsPerRun(200, run); allocations >= 1 {
		t.Errorf("a run of eight packets allocates %v times", allocations)
	}
	g.end.Close()
	g.drain()
}
