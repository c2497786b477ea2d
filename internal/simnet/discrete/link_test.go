package discrete

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// sink notes what arrives.
type sink struct {
	numbers []int64
	times   []time.Duration
	marked  int
}

func (s *sink) Arrive(p *Packet, now unit.Instant) {
	s.numbers = append(s.numbers, p.Number)
	s.times = append(s.times, Since(now))
	if p.Marked {
		s.marked++
	}
}

// source puts a packet of a size each gap.
type source struct {
	clock    *Clock
	link     *Link
	gap      time.Duration
	size     int
	n, count int64
	refused  int
}

func (s *source) Wake(now unit.Instant) {
	if !s.link.Put(Packet{Size: s.size, Number: s.n}, now) {
		s.refused++
	}
	if s.n++; s.n < s.count {
		s.clock.At(now.Add(s.gap), s)
	}
}

// play sends count packets of size bytes, one each gap, over a path.
func play(path Path, size int, gap time.Duration, count int64) (*sink, *source, *Log) {
	clock, log, to := NewClock(), &Log{}, &sink{}
	link := NewLink(clock, path, rand.New(rand.NewPCG(7, 7)), log)
	link.Connect(0, nil, to)
	from := &source{clock: clock, link: link, gap: gap, size: size, count: count}
	clock.At(Start, from)
	clock.Run(At(time.Hour))
	return to, from, log
}

func TestABurstLeavesAtTheRateOfTheLink(t *testing.T) {
	// 1250 bytes are 10 ms at 1 Mbit/s.
	to, _, _ := play(Path{Rates: Constant(unit.Megabit), Queue: time.Second, Delay: Always(50 * time.Millisecond)}, 1250, 0, 5)
	want := []time.Duration{60, 70, 80, 90, 100}
	for i, at := range to.times {
		if at != want[i]*time.Millisecond {
			t.Errorf("packet %d arrives at %v, want %d ms", i, at, want[i])
		}
	}
}

func TestAPacketOnItsWayFeelsTheRateChange(t *testing.T) {
	// 5 ms at 1 Mbit/s send half of it; the rest takes 10 ms at 0.5, then an
	// outage holds the second until 100 ms.
	rates := Rates{{0, unit.Megabit}, {5 * time.Millisecond, unit.Megabit / 2}, {20 * time.Millisecond, 0}, {100 * time.Millisecond, unit.Megabit}}
	to, _, _ := play(Path{Rates: rates, Queue: time.Second, Least: 10_000}, 1250, 0, 2)
	// By 20 ms 5 × 0.5 = 2.5 kbit of the second have been sent; 7.5 remain.
	if to.times[0] != 15*time.Millisecond || to.times[1] != 107500*time.Microsecond {
		t.Errorf("arrivals at %v", to.times)
	}
}

func TestTheQueueHoldsItsTime(t *testing.T) {
	// At twice the rate half is dropped once the queue of 100 ms is full.
	to, from, log := play(Path{Rates: Constant(unit.Megabit), Queue: 100 * time.Millisecond}, 1250, 5*time.Millisecond, 2000)
	if share := float64(from.refused) / 2000; math.Abs(share-0.5) > 0.01 {
		t.Errorf("%.3f refused", share)
	}
	if len(to.numbers)+from.refused != 2000 || len(log.Entries) != 2000 {
		t.Errorf("%d arrived, %d refused, %d in the log", len(to.numbers), from.refused, len(log.Entries))
	}
	longest := time.Duration(0)
	for _, e := range log.Entries {
		if e.Fate == Delivered {
			longest = max(longest, e.Left.Sub(e.Entered))
		}
	}
	// ten packets fit, and one waits for the rest of the one in transmission
	if longest < 90*time.Millisecond || longest > 100*time.Millisecond {
		t.Errorf("the longest wait is %v", longest)
	}
}

// A queue with random arrivals: M/D/1 waits load ÷ (2 (1 − load)) of a service
// time on average (Pollaczek and Khinchine).
func TestMeanWaitIsThatOfTheory(t *testing.T) {
	clock, log := NewClock(), &Log{}
	link := NewLink(clock, Path{Rates: Constant(unit.Megabit), Queue: time.Hour}, nil, log)
	link.Connect(0, nil, &sink{})
	luck := rand.New(rand.NewPCG(1, 1))
	const load, count, service = 0.7, 60_000, 10.0 // ms
	now := Start
	for n := range int64(count) {
		now = now.Add(time.Duration(luck.ExpFloat64() * service / load * 1e6))
		clock.Run(now)
		link.Put(Packet{Size: 1250, Number: n}, now)
	}
	sum := 0.0
	for _, e := range log.Entries {
		sum += e.Left.Sub(e.Entered).Seconds()*1000 - service
	}
	if got, want := sum/count, service*load/(2*(1-load)); math.Abs(got-want) > 0.07*want {
		t.Errorf("the mean wait is %.2f ms, in theory %.2f", got, want)
	}
}

func TestJitterIsBoundedAndKeepsOrder(t *testing.T) {
	path := Path{Delay: Always(50 * time.Millisecond), Jitter: 5 * time.Millisecond}
	to, _, _ := play(path, 100, 40*time.Millisecond, 10_000) // far apart: order takes nothing away
	var sum, squares float64
	for i, at := range to.times {
		off := (at - time.Duration(i)*40*time.Millisecond - 50*time.Millisecond).Seconds() * 1000
		if off < -15 || off > 15 {
			t.Fatalf("%v ms off, more than three σ", off)
		}
		sum, squares = sum+off, squares+off*off
	}
	if mean, sigma := sum/10_000, math.Sqrt(squares/10_000); math.Abs(mean) > 0.2 || sigma < 4.8 || sigma > 5.1 {
		t.Errorf("mean %.2f ms, σ %.2f ms", mean, sigma)
	}
	to, _, _ = play(path, 100, time.Millisecond, 10_000)
	if !slices.IsSorted(to.numbers) || !slices.IsSorted(to.times) || len(to.numbers) != 10_000 {
		t.Error("packets overtake")
	}
}

func TestLossIsAsOftenAsItSays(t *testing.T) {
	to, from, _ := play(Path{Loss: 0.02}, 100, time.Millisecond, 50_000)
	if lost := 50_000 - len(to.numbers); from.refused != 0 || lost < 850 || lost > 1150 {
		t.Errorf("%d of 50 000 lost", lost)
	}
}

func TestBurstsAreAsLongAsTheySay(t *testing.T) {
	// Bad for p/(p+r) = 0.01/0.26 = 3.85 % of the time, 1/r = 4 packets at a time.
	to, _, _ := play(Path{Bad: 0.01, Good: 0.25}, 100, time.Millisecond, 50_000)
	lost, bursts, next := 50_000-len(to.numbers), 0, int64(0)
	for _, n := range to.numbers {
		if n != next {
			bursts++
		}
		next = n + 1
	}
	if share := float64(lost) / 50_000; math.Abs(share-0.01/0.26) > 0.006 {
		t.Errorf("%.4f lost", share)
	}
	if length := float64(lost) / float64(bursts); math.Abs(length-4) > 0.5 {
		t.Errorf("bursts of %.2f packets", length)
	}
}

func TestAMarkingQueueMarksAboveItsThreshold(t *testing.T) {
	path := Path{Rates: Constant(unit.Megabit), Queue: time.Second, Mark: 35 * time.Millisecond}
	to, _, _ := play(path, 1250, 0, 10) // those that leave after 40 to 100 ms
	if to.marked != 7 {
		t.Errorf("%d of 10 marked, want 7", to.marked)
	}
}

func TestADelayThatFallsOvertakesNothing(t *testing.T) {
	path := Path{Delay: Delays{{0, 120 * time.Millisecond}, {time.Second, 20 * time.Millisecond}}}
	to, _, _ := play(path, 100, 10*time.Millisecond, 200)
	if !slices.IsSorted(to.numbers) || !slices.IsSorted(to.times) {
		t.Error("packets overtake")
	}
	if last := to.times[199] - 1990*time.Millisecond; last != 20*time.Millisecond {
		t.Errorf("the last takes %v", last)
	}
}

func TestEventsComeByInstantAndThenByWhoAskedFirst(t *testing.T) {
	clock := NewClock()
	var order []int
	for i, at := range []int{30, 10, 20, 10, 30, 10, 0} {
		clock.At(At(time.Duration(at)*time.Millisecond), called(func() { order = append(order, i) }))
	}
	clock.Run(At(time.Second))
	if want := []int{6, 1, 3, 5, 2, 0, 4}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if clock.Now() != At(time.Second) {
		t.Error("the clock does not stand at the end")
	}
}

type called func()

func (c called) Wake(unit.Instant) { c() }

func TestRatesIntegrate(t *testing.T) {
	rates := Rates{{0, 1000}, {10 * time.Second, 3000}, {20 * time.Second, 500}}
	for _, c := range []struct {
		from, to time.Duration
		share    float64
		most     unit.BitRate
		want     float64
	}{
		{0, 30 * time.Second, 1, 0, 45_000},
		{5 * time.Second, 15 * time.Second, 1, 0, 20_000},
		{5 * time.Second, 15 * time.Second, 2, 0, 10_000},
		{0, 30 * time.Second, 1, 1500, 30_000},
	} {
		if got := rates.Bits(c.from, c.to, c.share, c.most); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v to %v: %v bits, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestALinkAllocatesNothing(t *testing.T) {
	clock := NewClock()
	link := NewLink(clock, Path{Rates: Constant(unit.Megabit), Queue: time.Second, Delay: Always(time.Millisecond), Jitter: 1}, rand.New(rand.NewPCG(1, 1)), nil)
	link.Connect(0, nil, ReceiverFunc(func(*Packet, unit.Instant) {}))
	now := Start
	step := func() {
		now = now.Add(10 * time.Millisecond)
		clock.Run(now)
		link.Put(Packet{Size: 1000}, now)
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
}

func TestALinkThatIsRetunedGoesAtItsNewRate(t *testing.T) {
	// 1250 bytes are 10 ms at 1 Mbit/s, and 100 ms at a tenth of it.
	to, clock := &sink{}, NewClock()
	link := NewLink(clock, Path{Rates: Constant(unit.Megabit), Queue: time.Second}, rand.New(rand.NewPCG(7, 7)), nil)
	link.Connect(0, nil, to)
	put := func(n int64) { link.Put(Packet{Size: 1250, Number: n}, Start) }
	put(0)
	link.Retune(Constant(100 * unit.Kilobit))
	put(1)
	clock.Run(At(time.Hour))
	if ms := time.Millisecond; !slices.Equal(to.times, []time.Duration{10 * ms, 110 * ms}) {
		t.Errorf("they came at %v", to.times)
	}
}

func TestALinkThatBecomesAnother(t *testing.T) {
	clock, to, other := NewClock(), &sink{}, &sink{}
	link := NewLink(clock, Path{Rates: Constant(unit.Megabit), Queue: time.Second, Delay: Always(50 * time.Millisecond)}, rand.New(rand.NewPCG(7, 7)), &Log{})
	link.Connect(0, nil, to)
	link.Connect(1, Always(time.Millisecond), other)
	put := func(at time.Duration, flow int) {
		clock.Run(At(at))
		link.Put(Packet{Flow: flow, Size: 1250, Number: int64(at)}, At(at))
	}
	put(0, 0) // 10 ms, and 50 more
	clock.Run(At(time.Second))
	link.Become(Path{Rates: Constant(10 * unit.Megabit), Queue: time.Second, Delay: Always(5 * time.Millisecond)})
	put(time.Second, 0)
	put(time.Second, 1)
	clock.Run(At(2 * time.Second))
	link.Become(Path{Loss: 1})
	put(2*time.Second, 0)
	clock.Run(At(time.Hour))
	if want := []time.Duration{60 * time.Millisecond, 1006 * time.Millisecond}; !slices.Equal(to.times, want) {
		t.Errorf("arrived at %v, want %v", to.times, want)
	}
	if want := []time.Duration{1003 * time.Millisecond}; !slices.Equal(other.times, want) {
		t.Errorf("on a wire of its own at %v, want %v", other.times, want)
	}
}
