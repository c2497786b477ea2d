package pacer

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// FuzzPacer has a path do whatever it likes: at no pace does more leave within any
// interval than the bound says, and nothing waits for ever.
func FuzzPacer(f *testing.F) {
	f.Add([]byte{0, 10, 1, 200, 2, 30, 3, 40, 4, 50, 5, 60})
	f.Add([]byte{4, 255, 4, 0, 1, 255, 1, 255, 1, 255, 2, 255, 5, 9})
	f.Fuzz(func(t *testing.T, steps []byte) {
		r := run{T: t, now: second, pace: 500 * unit.Kilobit}
		r.p.Pace(r.pace, r.now)
		for ; len(steps) >= 2; steps = steps[2:] {
			r.step(steps[0], int(steps[1]))
		}
		r.check()
		r.starves()
	})
}

// run is a pacer and what left since the pace changed last or a cluster ended.
type run struct {
	*testing.T
	p    Pacer
	now  unit.Instant
	pace unit.BitRate
	left []leaving
}

func (r *run) step(kind byte, n int) {
	switch kind % 6 {
	case 0:
		r.now = r.now.Add(time.Duration(n) * 100 * time.Microsecond)
	case 1, 2:
		for range n % 8 {
			r.send([]Class{Repair, Video, Padding}[n%3], 40+5*n)
		}
	case 3:
		r.p.Sent(Sound, 20+n, r.now)
	case 4:
		r.check()
		r.pace = unit.BitRate(n*n+1) * 20 * unit.Kilobit
		r.p.Pace(r.pace, r.now)
	case 5:
		r.check()
		r.cluster(unit.BitRate(n+1)*50*unit.Kilobit, 1000+100*n)
	}
}

func (r *run) send(class Class, size int) {
	if r.p.May(class, size, r.now) {
		r.p.Sent(class, size, r.now)
		r.left = append(r.left, leaving{r.now, class, size})
	}
}

// check holds every interval against the bound, and forgets what left.
func (r *run) check() {
	for i := range r.left {
		sum := 0
		for _, l := range r.left[i:] {
			sum += l.size
			within := l.at.Sub(r.left[i].at)
			if most := r.pace.Bytes(within+5*time.Millisecond) + 1500 + 2; int64(sum) > most {
				r.Fatalf("%d bytes left within %v at %v, at most %d should", sum, within, r.pace, most)
			}
		}
	}
	r.left = r.left[:0]
}

// cluster runs a cluster with exact instants.
func (r *run) cluster(rate unit.BitRate, bytes int) {
	r.p.Probe(rate, bytes, r.now)
	sent, from := 0, r.now
	for r.p.Probing(r.now) > 0 {
		if !r.p.May(Padding, 200, r.now) {
			r.now = max(r.p.When(200), r.now+1)
			continue
		}
		if most := rate.Bytes(r.now.Sub(from)) + 1; int64(sent) > most {
			r.Fatalf("%d bytes of a cluster at %v left within %v", sent, rate, r.now.Sub(from))
		}
		r.p.Sent(Padding, 200, r.now)
		sent += 200
	}
	if sent < bytes {
		r.Fatalf("%d of %d bytes of a cluster left", sent, bytes)
	}
}

// starves waits for one more packet, whatever was before.
func (r *run) starves() {
	for range 10 {
		at := max(r.p.When(1500), r.now+1)
		if at.Sub(r.now) > 20*time.Second {
			r.Fatalf("a picture is to wait for %v at %v", at.Sub(r.now), r.pace)
		}
		if r.now = at; r.p.May(Video, 1500, r.now) {
			return
		}
	}
	r.Fatal("it may never leave")
}
