package discrete

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// FuzzLink puts packets of two flows into a path made of the input, and wants
// that nothing is lost to the books, overtakes, or is faster than the link.
func FuzzLink(f *testing.F) {
	f.Add(uint64(1), []byte{10, 200, 30, 0, 5, 90, 255, 255, 0, 0})
	f.Add(uint64(9), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255})
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) > 2000 {
			ops = ops[:2000]
		}
		luck := rand.New(rand.NewPCG(seed, 1))
		path := Path{
			Queue: time.Duration(luck.IntN(500)) * time.Millisecond, Delay: Delays{{0, time.Duration(luck.IntN(100)) * time.Millisecond}, {time.Second, 0}},
			Jitter: time.Duration(luck.IntN(10)) * time.Millisecond, Loss: luck.Float64() / 4, Bad: luck.Float64() / 10, Good: 0.2,
			Mark: time.Duration(luck.IntN(100)) * time.Millisecond,
		}
		most := unit.BitRate(1)
		for at := time.Duration(0); at < 2*time.Second; at += time.Duration(luck.IntN(500)+1) * time.Millisecond {
			step := RateStep{at, unit.BitRate(luck.IntN(3)) * unit.BitRate(luck.IntN(3_000_000))}
			path.Rates = append(path.Rates, step)
			most = max(most, step.Rate)
		}
		path.Rates = append(path.Rates, RateStep{3 * time.Second, unit.Megabit})
		most = max(most, unit.Megabit)

		clock, log := NewClock(), &Log{}
		link := NewLink(clock, path, luck, log)
		arrived := [2]int{}
		for flow := range arrived {
			last := int64(-1)
			link.Connect(flow, nil, ReceiverFunc(func(p *Packet, now unit.Instant) {
				if p.Number <= last || p.Flow != flow {
					t.Fatalf("flow %d: %d after %d", flow, p.Number, last)
				}
				last = p.Number
				arrived[flow]++
			}))
		}
		now := Start
		for n, op := range ops {
			now = now.Add(time.Duration(op>>1) * 100 * time.Microsecond)
			clock.Run(now)
			link.Put(Packet{Flow: int(op & 1), Size: 40 + 9*int(op>>1), Number: int64(n)}, now)
			if link.Backlog(now) < 0 {
				t.Fatal("less than nothing waits")
			}
		}
		clock.Run(now.Add(time.Hour))
		if link.Backlog(clock.Now()) != 0 {
			t.Fatalf("%d bytes wait for ever", link.Backlog(clock.Now()))
		}
		checkBooks(t, log, arrived, most)
	})
}

// checkBooks counts what became of all packets, and holds when they left against the
// fastest that the link ever was.
func checkBooks(t *testing.T, log *Log, arrived [2]int, most unit.BitRate) {
	t.Helper()
	delivered, left := [2]int{}, Start
	for _, e := range log.Entries {
		if e.Fate == Delivered {
			delivered[e.Flow]++
		}
		if e.Fate == Dropped {
			continue
		}
		if least := max(left, e.Entered).Add(most.Duration(int(e.Size)) - 2); e.Left < least {
			t.Fatalf("%d bytes leave at %v, not before %v were possible", e.Size, Since(e.Left), Since(least))
		}
		left = e.Left
	}
	if delivered != arrived {
		t.Fatalf("%v in the log, %v arrived", delivered, arrived)
	}
}
