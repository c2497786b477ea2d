package remb

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// wire is a link with a queue, from a sender whose clock is another.
type wire struct {
	limit Limit
	now   time.Duration // of the sender
	free  time.Duration // when the link is
	noise *rand.Rand    // up to 2 ms more, nil is none
}

const packet = 1200

// send sends frames of a picture at a rate for a while over a link of another, and gives
// the last rate that was found, 0 if none was.
func (w *wire) send(rate, link float64, lasts time.Duration) (found unit.BitRate) {
	const frame = time.Second / 30
	owed := 0.0
	for end := w.now + lasts; w.now < end; w.now += frame {
		for owed += rate * frame.Seconds() / 8; owed >= packet; owed -= packet {
			if w.free-w.now > 300*time.Millisecond { // the queue is full
				continue
			}
			w.free = max(w.free, w.now) + time.Duration(packet*8/link*1e9)
			came := w.free + 20*time.Millisecond
			if w.noise != nil {
				came += time.Duration(w.noise.Int64N(int64(2 * time.Millisecond)))
			}
			sent := uint32(uint64((w.now+61*time.Second).Seconds()*(1<<18))) % wrap
			w.limit.Arrived(sent, packet, unit.Instant(1).Add(time.Hour+came))
			if r, ok := w.limit.Rate(); ok {
				found = r
			}
		}
	}
	return found
}

func TestLimit_IsBelowWhatAFullLinkCarries(t *testing.T) {
	w := wire{}
	if r := w.send(1.5e6, 3e6, 10*time.Second); r < 1.5e6 || r > 2.4e6 {
		t.Errorf("where there is room: %v", r)
	}
	r := w.send(1.5e6, 0.8e6, 2*time.Second)
	if r < 0.4e6 || r > 0.8e6 {
		t.Errorf("where there is none: %v", r)
	}
	// A sender that goes by it: 0.8 Mbit/s have to be found again.
	for range 60 {
		if next := w.send(min(float64(r), 1.5e6), 0.8e6, 500*time.Millisecond); next != 0 {
			r = next
		}
	}
	if r < 0.5e6 || r > 1e6 {
		t.Errorf("of 0.8 Mbit/s it says %v in the end", r)
	}
	// Later there is room again.
	for range 120 {
		if next := w.send(min(float64(r), 1.5e6), 3e6, 500*time.Millisecond); next != 0 {
			r = next
		}
	}
	if r < 1.5e6 {
		t.Errorf("of 3 Mbit/s it says %v in the end", r)
	}
}

func TestLimit_SaysNothingAtFirst(t *testing.T) {
	w := wire{}
	if r := w.send(1.5e6, 3e6, 4*time.Second); r != 0 {
		t.Errorf("after 4 s: %v", r)
	}
	if r := (&wire{}).send(1.3e6, 1e6, 4*time.Second); r == 0 || r > 1.1e6 {
		t.Errorf("of a path that is full: %v", r)
	}
}

func TestLimit_IsNotMisledByNoise(t *testing.T) {
	w := wire{noise: rand.New(rand.NewPCG(1, 2))}
	if r := w.send(1.5e6, 10e6, 30*time.Second); r < 1.5e6 {
		t.Errorf("by 2 ms of noise it fell to %v", r)
	}
}

func TestLater_KnowsThatTheClockWraps(t *testing.T) {
	if d := later(5, wrap-5); d <= 0 || d > time.Millisecond {
		t.Errorf("over the wrap: %v", d)
	}
	if d := later(wrap-5, 5); d >= 0 {
		t.Errorf("back over it: %v", d)
	}
}

func FuzzLimit_NeverSaysMoreThanHalfAsMuchAgain(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 100, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		var l Limit
		at, bytes := unit.Instant(1), 0
		for i, b := range data {
			at = at.Add(time.Duration(b) * time.Millisecond)
			l.Arrived(uint32(b)<<16^uint32(i), 1200, at)
			bytes += 1200
			if r, ok := l.Rate(); ok && (r < least || float64(r) > 1.5*float64(bytes)*8*20+10_000) {
				t.Fatalf("%v after %d bytes", r, bytes)
			}
		}
	})
}
