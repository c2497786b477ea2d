package congestion

import (
	"math"
	"testing"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

func TestProcess_StandsForItsShareOfTheTime(t *testing.T) {
	for _, share := range []float64{0, 0.1, 0.3, 0.6} {
		r := &run{seed: 1}
		p := newProcess(Starved{Share: share}, discrete.NewClock(), r.luck(1))
		stood, long, now, most := 0, 0, 0, 600_000
		for i := range most {
			if !p.stands(discrete.At(time.Duration(i) * time.Millisecond)) {
				now = 0
				continue
			}
			stood++
			if now++; now == 150 {
				long++
			}
		}
		if got := float64(stood) / float64(most); math.Abs(got-share) > 0.03 {
			t.Errorf("it stands %.3f of the time, want %.1f", got, share)
		}
		if share > 0 && long < 20 {
			t.Errorf("at %.1f it stands %d times for 150 ms", share, long)
		}
	}
}

func TestProcess_DoesAllLaterAndInOrder(t *testing.T) {
	for _, spec := range []Starved{{Share: 0.5}, {Wakes: 30 * time.Millisecond}} {
		clock, r := discrete.NewClock(), &run{seed: 1}
		p := newProcess(spec, clock, r.luck(1))
		var done []int
		late, waited := 0, time.Duration(0)
		for i := range 2000 {
			at := discrete.At(time.Duration(i) * 5 * time.Millisecond)
			clock.Run(at)
			work := func(now unit.Instant) {
				done = append(done, i)
				waited = max(waited, now.Sub(at))
			}
			if p.stands(at) {
				late++
				p.later(work)
			} else {
				work(at)
			}
		}
		clock.Run(discrete.At(time.Minute))
		for i, was := range done {
			if was != i {
				t.Fatalf("%+v: after %d comes %d", spec, i-1, was)
			}
		}
		if len(done) != 2000 || late < 500 || waited < 50*time.Millisecond || waited > longMost {
			t.Errorf("%+v: %d of 2000 done, %d late, by %v at most", spec, len(done), late, waited)
		}
	}
}

func TestBelow_IsTheLongestTimeAndAllOfIt(t *testing.T) {
	var b below
	for i := range 20 {
		b.see(i == 3 || i >= 10 && i < 14, 50*time.Millisecond)
	}
	if b.longest != 200*time.Millisecond || b.part() != 25 {
		t.Errorf("%v, %v %%", b.longest, b.part())
	}
}
