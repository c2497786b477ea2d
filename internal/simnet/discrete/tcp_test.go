package discrete

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// dumbbell is a bottleneck with TCPs on it.
type dumbbell struct {
	clock     *Clock
	out, back *Link
	log       Log
}

func newDumbbell(rate unit.BitRate, queue, delay time.Duration) *dumbbell {
	d := &dumbbell{clock: NewClock()}
	luck := rand.New(rand.NewPCG(1, 2))
	d.out = NewLink(d.clock, Path{Rates: Constant(rate), Queue: queue, Delay: Always(delay)}, luck, &d.log)
	d.back = NewLink(d.clock, Path{Delay: Always(delay)}, luck, nil)
	return d
}

func (d *dumbbell) bits(wire int, from, to time.Duration) (bits float64) {
	for _, e := range d.log.Entries {
		if t := Since(e.Arrived); int(e.Flow) == wire && e.Fate == Delivered && t >= from && t < to {
			bits += float64(e.Size) * 8
		}
	}
	return bits
}

func TestOneGreedyTCPFillsTheLinkAndItsQueue(t *testing.T) {
	d := newDumbbell(5*unit.Megabit, 100*time.Millisecond, 20*time.Millisecond)
	tcp := NewTCP(d.clock, d.out, d.back, 0, nil, nil)
	tcp.Transfer(0, Start)
	d.clock.Run(At(60 * time.Second))
	if rate := d.bits(0, 5*time.Second, 60*time.Second) / 55; rate < 0.97*5e6 {
		t.Errorf("a greedy TCP gets %.0f bit/s of 5 Mbit/s", rate)
	}
	dropped, longest := 0, time.Duration(0)
	for _, e := range d.log.Entries {
		if e.Fate == Dropped {
			dropped++
		} else if Since(e.Entered) > 5*time.Second {
			longest = max(longest, e.Left.Sub(e.Entered))
		}
	}
	if longest < 90*time.Millisecond || longest > 101*time.Millisecond {
		t.Errorf("its longest wait is %v of a queue of 100 ms", longest)
	}
	if dropped == 0 || dropped > len(d.log.Entries)/100 {
		t.Errorf("%d of %d segments dropped", dropped, len(d.log.Entries))
	}
}

func TestTwoTCPsShareFairly(t *testing.T) {
	d := newDumbbell(5*unit.Megabit, 100*time.Millisecond, 20*time.Millisecond)
	first := NewTCP(d.clock, d.out, d.back, 0, nil, nil)
	second := NewTCP(d.clock, d.out, d.back, 2, nil, nil)
	first.Transfer(0, Start)
	d.clock.Run(At(10 * time.Second))
	second.Transfer(0, d.clock.Now())
	d.clock.Run(At(130 * time.Second))
	a, b := d.bits(0, 40*time.Second, 130*time.Second), d.bits(2, 40*time.Second, 130*time.Second)
	if share := a / (a + b); share < 0.4 || share > 0.6 {
		t.Errorf("the first has %.0f %% of the link", 100*share)
	}
}

func TestATransferEndsAndIsWhole(t *testing.T) {
	d := newDumbbell(2*unit.Megabit, 50*time.Millisecond, 50*time.Millisecond)
	ended := unit.Never
	tcp := NewTCP(d.clock, d.out, d.back, 0, nil, func(now unit.Instant) { ended = now })
	tcp.Transfer(1_000_000, Start)
	d.clock.Run(At(60 * time.Second))
	if ended == unit.Never {
		t.Fatal("1 MB have not been transferred in a minute")
	}
	if tcp.Delivered != (1_000_000+segmentData-1)/segmentData {
		t.Errorf("%d segments acknowledged", tcp.Delivered)
	}
	// 1 MB is 691 segments of 1500 bytes: 4.15 s at 2 Mbit/s, and losses of slow start.
	if took := Since(ended); took < 4100*time.Millisecond || took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTCPComesBackFromAnOutage(t *testing.T) {
	d := newDumbbell(2*unit.Megabit, 100*time.Millisecond, 20*time.Millisecond)
	d.out.path.Rates = Rates{{0, 2 * unit.Megabit}, {10 * time.Second, 0}, {15 * time.Second, 2 * unit.Megabit}}
	tcp := NewTCP(d.clock, d.out, d.back, 0, nil, nil)
	tcp.Transfer(0, Start)
	d.clock.Run(At(40 * time.Second))
	if rate := d.bits(0, 25*time.Second, 40*time.Second) / 15; rate < 0.95*2e6 {
		t.Errorf("after the outage it gets %.0f bit/s of 2 Mbit/s", rate)
	}
}

// The window by the formulae of RFC 9438, computed by hand: W_max 100, reduced
// to 70; K = cbrt(30/0.4) = 4.217 s.
func TestCubicFollowsItsFormula(t *testing.T) {
	c := Cubic{window: 100, threshold: 50}
	c.Reduce()
	if c.Window() != 70 || c.most != 100 {
		t.Fatalf("reduced to %v with W_max %v", c.Window(), c.most)
	}
	const trip = 100 * time.Millisecond
	now := Start
	for range 80 { // 8 s, a window's worth of acknowledgements in each round trip
		for range int(c.Window()) {
			c.Acknowledged(trip, now)
		}
		now = now.Add(trip)
		since := now.Sub(c.epoch).Seconds() - 4.217
		want := 0.4*since*since*since + 100
		if friendly := c.reno; want < friendly {
			want = friendly
		}
		if got := c.Window(); got < want-3 || got > want+3 {
			t.Fatalf("after %.1f s the window is %.1f, by the formula %.1f", now.Sub(c.epoch).Seconds(), got, want)
		}
	}
	// Below W_max at a loss: less is remembered (fast convergence).
	c = Cubic{window: 80, most: 100, threshold: 50}
	c.Reduce()
	if c.most != 80*1.7/2 {
		t.Errorf("W_max %v, want 68", c.most)
	}
	c.Timeout()
	if c.Window() != 1 {
		t.Errorf("the window after a timeout is %v", c.Window())
	}
}

// Without HyStart++ the window would double until a queue of a second is full,
// which it is after 1.4 s.
func TestSlowStartTakesCareBeforeTheQueueIsFull(t *testing.T) {
	d := newDumbbell(10*unit.Megabit, time.Second, 50*time.Millisecond)
	tcp := NewTCP(d.clock, d.out, d.back, 0, nil, nil)
	tcp.Transfer(0, Start)
	d.clock.Run(At(3 * time.Second))
	for _, e := range d.log.Entries {
		if e.Fate == Dropped {
			t.Fatal("something was dropped after", Since(e.Entered))
		}
	}
	if rate := d.bits(0, time.Second, 3*time.Second) / 2; rate < 0.9*10e6 {
		t.Errorf("and it gets %.0f bit/s", rate)
	}
}

func TestHystartGrowsLessWhenRoundTripsRise(t *testing.T) {
	const ms = time.Millisecond
	h := newHystart(10)
	round := func(first int64, trip time.Duration) (growth float64, over bool) {
		for n := range int64(10) {
			growth, over = h.acknowledged(first+n, trip, first+10)
		}
		return growth, over
	}
	for i, c := range []struct {
		trip   time.Duration
		growth float64
		over   bool
	}{
		{100 * ms, 1, false}, {105 * ms, 1, false}, // an eighth more is needed
		{120 * ms, 0.25, false}, {110 * ms, 1, false}, // it was nothing
		{130 * ms, 0.25, false}, {131 * ms, 0.25, false}, {132 * ms, 0.25, false}, {133 * ms, 0.25, false}, {134 * ms, 0.25, false},
		{135 * ms, 0.25, true},
	} {
		if growth, over := round(int64(i)*10+10, c.trip); growth != c.growth || over != c.over {
			t.Fatalf("round %d of %v: grows by %v, over %v", i, c.trip, growth, over)
		}
	}
}

// With losses at random the mean window is that of RFC 9438 section 5.1,
// (C (3 + β) ÷ (4 (1 − β)))^¼ RTT^¾ ÷ p^¾, and where Reno would have more, that of
// section 4.3: √1.5 ÷ √p.
func TestTheMeanWindowUnderLossIsThatOfTheory(t *testing.T) {
	for _, c := range []struct {
		loss   float64
		delay  time.Duration // one way
		length time.Duration
		want   float64
	}{
		{0.0005, 100 * time.Millisecond, 300 * time.Second, 94}, // 1.0538 × 0.299 ÷ 0.00334
		{0.005, 20 * time.Millisecond, 100 * time.Second, 17.3}, // √1.5 ÷ √0.005
	} {
		clock, luck := NewClock(), rand.New(rand.NewPCG(3, 3))
		out := NewLink(clock, Path{Delay: Always(c.delay), Loss: c.loss}, luck, nil)
		back := NewLink(clock, Path{Delay: Always(c.delay)}, luck, nil)
		tcp := NewTCP(clock, out, back, 0, nil, nil)
		tcp.Transfer(0, Start)
		clock.Run(At(10 * time.Second))
		before := tcp.Delivered
		clock.Run(At(c.length))
		trips := (c.length - 10*time.Second).Seconds() / (2 * c.delay).Seconds()
		if got := float64(tcp.Delivered-before) / trips; got < 0.8*c.want || got > 1.25*c.want {
			t.Errorf("loss %v, round trip %v: a mean window of %.1f, in theory %.1f", c.loss, 2*c.delay, got, c.want)
		}
	}
}

func TestEverySecondSegmentIsAcknowledgedAndGapsAtOnce(t *testing.T) {
	clock, acks := NewClock(), &sink{}
	back := NewLink(clock, Path{}, nil, nil)
	back.Connect(1, nil, acks)
	a := &acknowledger{clock: clock, back: back, wire: 1, next: -1, asleep: unit.Far}
	for _, c := range []struct{ ms, number int64 }{
		{0, 0},         // the first is not expected: at once
		{1, 1}, {2, 2}, // together
		{3, 3},                     // alone, after 40 ms
		{50, 4}, {51, 6}, {100, 7}, // 5 is missing: 4 and 6 at once; 7 after 40 ms
	} {
		now := At(time.Duration(c.ms) * time.Millisecond)
		clock.Run(now)
		a.Arrive(&Packet{Number: c.number}, now)
	}
	clock.Run(At(time.Second))
	for i, want := range []struct{ ms, number int64 }{{0, 0}, {2, 2}, {43, 3}, {51, 4}, {51, 6}, {140, 7}} {
		if i >= len(acks.numbers) || acks.numbers[i] != want.number || acks.times[i] != time.Duration(want.ms)*time.Millisecond {
			t.Fatalf("acknowledged %v at %v", acks.numbers, acks.times)
		}
	}
}
