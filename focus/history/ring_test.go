package history

import (
	"testing"
	"time"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

const millisecond = unit.Instant(time.Millisecond)

// arrive makes a packet of the number, that arrived then, held by the caller.
func arrive(t testing.TB, pool *packet.Pool, number int64, at unit.Instant) *packet.Packet {
	t.Helper()
	p := pool.Take()
	if p == nil {
		t.Fatalf("no packet for number %d: all are held", number)
	}
	p.Fill([]byte{byte(number)})
	p.Number, p.Arrived = number, at
	return p
}

func TestRing_HoldsPacketsForAWhile(t *testing.T) {
	pool := packet.NewPool(100, 1000)
	ring := NewRing(time.Second, 512)
	var handles []packet.Handle
	for i := range int64(200) {
		p := arrive(t, pool, i, unit.Instant(i)*10*millisecond)
		handles = append(handles, p.Handle())
		ring.Add(p)
		p.Release()
	}
	// The newest is of 1990 ms.
	for i, handle := range handles {
		p := handle.Retain()
		if held, want := p != nil, i >= 99; held != want {
			t.Fatalf("packet %d: held %v, want %v", i, held, want)
		}
		if p != nil {
			p.Release()
		}
	}
	if ring.Len() != 101 || pool.Held() != 101 {
		t.Errorf("%d in the ring, %d held", ring.Len(), pool.Held())
	}
	ring.Expire(2500 * millisecond)
	if ring.Len() != 50 {
		t.Errorf("%d left half a second later", ring.Len())
	}
	ring.Clear()
	if ring.Len() != 0 || pool.Held() != 0 {
		t.Errorf("%d in the ring, %d held after all", ring.Len(), pool.Held())
	}
	ring.Clear()
	ring.Expire(unit.Far)
}

func TestRing_HoldsNoMoreThanItMay(t *testing.T) {
	pool := packet.NewPool(100, 1000)
	ring := NewRing(time.Hour, 100) // 128
	for i := range int64(500) {
		p := arrive(t, pool, i, unit.Instant(i))
		ring.Add(p)
		p.Release()
		if want := int(min(i+1, 128)); ring.Len() != want || pool.Held() != want {
			t.Fatalf("%d in the ring, %d held after %d", ring.Len(), pool.Held(), i+1)
		}
	}
}

func TestRing_GivesWayWhenPacketsRunOut(t *testing.T) {
	pool := packet.NewPool(100, 10)
	ring := NewRing(time.Hour, 64)
	var handles []packet.Handle
	for i := range int64(10) {
		p := arrive(t, pool, i, 1)
		handles = append(handles, p.Handle())
		ring.Add(p)
		p.Release()
	}
	if pool.Take() != nil {
		t.Fatal("there are packets left")
	}
	ring.Shed(3)
	for i, handle := range handles {
		if p := handle.Retain(); (p != nil) != (i >= 3) {
			t.Errorf("packet %d: held %v", i, p != nil)
		} else if p != nil {
			p.Release()
		}
	}
	if pool.Take() == nil || ring.Len() != 7 {
		t.Errorf("%d left in the ring", ring.Len())
	}
	ring.Shed(100)
	if ring.Len() != 0 {
		t.Errorf("%d left in the ring after all", ring.Len())
	}
}

func TestRing_SharesPacketsWithThoseWhoSend(t *testing.T) {
	pool := packet.NewPool(100, 3)
	ring := NewRing(time.Second, 1)
	first := arrive(t, pool, 1, millisecond)
	ring.Add(first)
	second := arrive(t, pool, 2, 2*millisecond)
	ring.Add(second)
	second.Release()
	if pool.Held() != 2 {
		t.Error("the ring took away what a send loop holds")
	}
	first.Release()
	if pool.Held() != 1 {
		t.Errorf("%d held, want the newest", pool.Held())
	}
}
