package history

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// FuzzDepartures holds what is known of packets against a list of all that ever left:
// nothing is told otherwise than it was, nothing is lost that never left or was told of
// before, what left within twice the round trip is known, and what flies is what nobody
// has spoken of.
func FuzzDepartures(f *testing.F) {
	f.Add([]byte{0, 200, 1, 3, 2, 5, 0, 9, 1, 0, 3, 7, 0, 255, 2, 255, 4, 1, 0, 90})
	f.Add([]byte("packets leave in all sizes, and are spoken of in any order, or never"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := book{T: t, d: NewDepartures(), now: unit.Instant(time.Hour), cover: time.Second}
		b.d.Begin(65000)
		for ; len(steps) >= 2; steps = steps[2:] {
			b.step(steps[0], int(steps[1]))
			b.check()
		}
	})
}

// book is all that left, from number 65000 on.
type book struct {
	*testing.T
	d      *Departures
	now    unit.Instant
	cover  time.Duration
	left   []noted
	spoken int // all before it, feedback has spoken of or of a later one
}

type noted struct {
	Departure
	told told
	gone bool // it may be forgotten
}

const bookFirst = 65000

func (b *book) step(kind byte, n int) {
	switch kind % 5 {
	case 0:
		for i := range n {
			b.now = b.now.Add(time.Duration(n%7) * time.Millisecond)
			b.leave(i*7+n, uint8(i))
		}
	case 1, 2: // of the last ones
		for i := range 1 + n%40 {
			b.acknowledge(len(b.left)-1-i*(1+n%5), kind%5 == 1)
		}
	case 3: // of any
		b.acknowledge(n*len(b.left)/200-3, n%2 == 0)
	case 4:
		b.now = b.now.Add(time.Duration(n) * 10 * time.Millisecond)
		b.cover = max(2*time.Duration(n)*4*time.Millisecond, time.Second)
		b.d.Cover(time.Duration(n)*2*time.Millisecond, time.Duration(n)*time.Millisecond, time.Duration(n)*time.Millisecond)
		for i := range b.left {
			b.left[i].gone = true // less may be covered for a moment
		}
	}
}

func (b *book) leave(size int, tag uint8) {
	want := bookFirst + len(b.left)
	if got := b.d.Leave(size, tag, b.now); got != uint16(want) {
		b.Fatalf("packet %d has number %d", want, got)
	}
	b.left = append(b.left, noted{Departure: Departure{Number: int64(want), Left: b.now, Size: uint16(size), Tag: tag}})
}

// acknowledge has feedback speak of a packet, which may be one that never left.
func (b *book) acknowledge(at int, arrived bool) {
	got, fate := b.d.Acknowledge(uint16(bookFirst+at), arrived)
	if at < 0 || at >= len(b.left) {
		if fate != Unknown && len(b.left) < 1<<16 {
			b.Fatalf("number %d, which never left, is %d", bookFirst+at, fate)
		}
		return
	}
	p := &b.left[at]
	if fate == Unknown {
		if young := b.now.Sub(p.Left) < b.cover; young && !p.gone && len(b.left)-at < mostDepartures {
			b.Fatalf("%+v is forgotten after %v of %v", p.Departure, b.now.Sub(p.Left), b.cover)
		}
		return
	}
	want := Repeated
	switch {
	case arrived && p.told == nothing:
		p.told, want = received, Received
	case arrived && p.told == missing:
		p.told, want = received, Recovered
	case !arrived && p.told == nothing:
		p.told, want = missing, Missing
	}
	if got != p.Departure || fate != want {
		b.Fatalf("%+v is told as %+v, %d, want %d", p.Departure, got, fate, want)
	}
	b.spoken = max(b.spoken, at+1)
}

// check counts what flies.
func (b *book) check() {
	b.spoken = max(b.spoken, int(b.d.old)-bookFirst) // what was forgotten has landed
	var bytes int64
	for _, p := range b.left[b.spoken:] {
		bytes += int64(p.Size)
	}
	if got, packets := b.d.Flying(); got != bytes || packets != int64(len(b.left)-b.spoken) {
		b.Fatalf("%d bytes of %d packets fly, want %d of %d", got, packets, bytes, len(b.left)-b.spoken)
	}
}
