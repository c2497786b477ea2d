package egress

import (
	"slices"
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/pacer"
)

// FuzzPath has a path do and hear whatever: every item comes out once, sound at
// once, numbers go up by one, no frame is cut in the middle unless it is endless,
// nothing above a frame that was left out follows it, and in the end all has left.
func FuzzPath(f *testing.F) {
	f.Add([]byte{0, 9, 1, 60, 2, 3, 3, 4, 4, 9, 5, 200, 1, 255, 1, 254, 6, 7})
	f.Add([]byte{1, 255, 1, 255, 1, 255, 5, 1, 1, 255, 5, 10, 7, 0, 1, 240, 5, 255, 7, 3, 8, 2, 1, 9})
	f.Fuzz(func(t *testing.T, steps []byte) {
		r := newRig(t, Config{Padding: 1200 * (len(steps) % 2), First: 65530})
		b := book{rig: r, id: map[uint32]uint32{}}
		for ; len(steps) >= 2; steps = steps[2:] {
			b.step(steps[0], int(steps[1]))
		}
		for range 20000 {
			if r.now += 5 * millisecond; r.take() == 0 && r.waits() == 0 {
				break
			}
		}
		b.balance()
	})
}

type book struct {
	*rig
	id   map[uint32]uint32
	rtcp []byte
}

func (b *book) step(kind byte, n int) {
	switch track := uint32(n % 3); kind % 9 {
	case 0:
		left := len(b.left)
		b.put(pacer.Sound, 50+n, Frame{})
		if b.take(); len(b.left) == left || b.left[left].class != pacer.Sound {
			b.Fatal("sound did not leave at once and first")
		}
	case 1, 2:
		b.id[track]++
		b.picture(Frame{Track: track, ID: b.id[track], Temporal: uint8(n / 3 % 4), Key: n > 240}, n/16+1)
	case 3:
		b.put(pacer.Repair, 40+5*n, Frame{Track: track})
	case 4:
		b.Wanted()
		b.Demand(1000 * 1000)
	case 5:
		b.run(time.Duration(n) * time.Millisecond)
	case 6:
		b.rtcp = append(b.rtcp, byte(n))
		b.hear8(b.rtcp)
	case 7:
		b.report(n)
	case 8:
		if n%8 == 0 {
			b.Drop(track)
		}
		b.Pad(n % 2 * 1000)
	}
}

// report acknowledges what left lately, all or some.
func (b *book) report(n int) {
	for i := max(0, len(b.numbers)-2*n); i < len(b.numbers); i++ {
		if n%4 != 0 || i%3 != 0 {
			b.arrivals.Arrived(b.numbers[i], b.now.Add(time.Duration(i%5)*time.Millisecond))
		}
	}
	b.hear8(b.arrivals.Append(nil, 1, 2, b.now.Add(time.Second)))
}

// hear8 hears what may not be readable.
func (b *book) hear8(rtcp []byte) {
	compound := feedback.Read(rtcp)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		b.Heard(m, b.now)
	}
}

// balance holds what came out against what went in.
func (b *book) balance() {
	b.takeBack()
	all := slices.Concat(ids(b.left), ids(b.omitted))
	slices.Sort(all)
	if len(all) != b.next || b.waits() != 0 || b.upper != 0 {
		b.Fatalf("%d items went in, %d came out, %d bytes wait, %d above", b.next, len(all), b.waits(), b.upper)
	}
	for i, id := range all {
		if id != i+1 {
			b.Fatalf("item %d came out %d times or not at all", i+1, 2)
		}
	}
	for i := 1; i < len(b.numbers); i++ {
		if b.numbers[i] != b.numbers[i-1]+1 {
			b.Fatalf("number %d follows %d", b.numbers[i], b.numbers[i-1])
		}
	}
	for _, t := range b.tracks {
		if t.bytes != 0 {
			b.Fatalf("%d bytes of track %d are said to wait", t.bytes, t.id)
		}
	}
}
