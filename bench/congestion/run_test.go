package congestion

import (
	"math"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

func TestTheSameSeedGivesTheSamePackets(t *testing.T) {
	for _, name := range []string{"5.1", "5.3", "5.7", "burst", "feedback shape"} {
		c, ok := Find(name)
		if !ok {
			t.Fatal("no case", name)
		}
		c.Length = min(c.Length, 15*time.Second)
		first, again, other := Run(c, 1, Ours), Run(c, 1, Ours), Run(c, 2, Ours)
		if first.Hash != again.Hash || first.String() != again.String() {
			t.Errorf("%s: the same seed gave %016x and %016x", name, first.Hash, again.Hash)
		}
		if first.Hash == other.Hash {
			t.Errorf("%s: another seed gave the same", name)
		}
	}
}

// A rate that fits: everything arrives, nothing waits.
func TestAConstantRateComesToWhatItShould(t *testing.T) {
	c := single("constant", "", 30*time.Second, discrete.Constant(2*megabit))
	c.Forward.Jitter, c.Back.Jitter = 0, 0
	result := Run(c, 3, fixedAt(980*kilobit))
	// 980 kbit/s of video in frames of ±5 %, 20 kbit/s of sound, of 1.52 Mbit/s.
	if got, want := result.Get(Utilisation), 1.0/1.52; math.Abs(got-want) > 0.01 {
		t.Errorf("utilisation %.3f, want %.3f", got, want)
	}
	// Frames leave in one burst of 980/8/30 = 4083 bytes: 16 ms at 2 Mbit/s.
	if got := result.Get(Queue99); got > 18 {
		t.Errorf("p99 of the queue is %.1f ms", got)
	}
	for _, m := range []Metric{Loss, LossBurst, Frozen, PaddingShare, SoundLoss} {
		if got := result.Get(m); got != 0 {
			t.Errorf("%s is %v", m, got)
		}
	}
}

// A rate that does not: the queue is full, and what does not fit is lost.
func TestTooMuchFillsTheQueueAndIsDropped(t *testing.T) {
	c := single("too much", "", 60*time.Second, discrete.Constant(megabit))
	result := Run(c, 3, fixedAt(1230*kilobit)) // and 20 of sound: a fifth too much
	if got := result.Get(Utilisation); got < 0.99 || got > 1.01 {
		t.Errorf("utilisation %.3f", got)
	}
	if got := result.Get(Queue95); got < 285 || got > 300 {
		t.Errorf("p95 of a queue of 300 ms is %.1f", got)
	}
	// 250 kbit/s are too much: 30 packets of 1025 bytes, of 150 and 50 of sound.
	if got := result.Get(Loss); got < 14 || got > 16.5 {
		t.Errorf("%.1f %% dropped", got)
	}
}

// What enters a link is dropped, lost, delivered, or still under way.
func TestPacketsAreConserved(t *testing.T) {
	for _, name := range []string{"5.1", "5.3", "5.7", "6.3", "burst", "short"} {
		c, _ := Find(name)
		c.Length = min(c.Length, 40*time.Second)
		r := newRun(&c, 5, Ours)
		r.clock.Run(discrete.At(c.Length))
		for _, log := range []*discrete.Log{&r.forwardLog, &r.backLog, &r.crossLog} {
			checkOrder(t, name, log)
		}
		for i, f := range r.flows {
			whole, came := 0, 0
			for _, p := range r.ways(i) {
				if p.kind == discrete.Video && p.fate == discrete.Delivered && p.arrived < discrete.At(c.Length) {
					came++
				}
			}
			for _, frame := range f.frames {
				whole += int(frame.came)
			}
			if came != whole {
				t.Errorf("%s: the log has %d packets of video delivered, the receiver got %d", name, came, whole)
			}
		}
	}
}

// checkOrder wants each flow in order, and the bottleneck never faster than it is.
func checkOrder(t *testing.T, name string, log *discrete.Log) {
	t.Helper()
	var last unit.Instant
	arrived := map[int32]unit.Instant{}
	for _, e := range log.Entries {
		if e.Fate == discrete.Dropped {
			continue
		}
		if e.Left < e.Entered || e.Left < last {
			t.Fatalf("%s: packets overtake in the queue", name)
		}
		last = e.Left
		if e.Fate == discrete.Delivered {
			if e.Arrived < e.Left || e.Arrived < arrived[e.Flow] {
				t.Fatalf("%s: packets of flow %d overtake on the wire", name, e.Flow)
			}
			arrived[e.Flow] = e.Arrived
		}
	}
}

func TestVariedCasesKeepTheirOrderAndBounds(t *testing.T) {
	for _, c := range Cases() {
		for seed := range uint64(20) {
			v := c.Varied(seed)
			if !slices.IsSortedFunc(v.Forward.Rates, func(a, b discrete.RateStep) int { return int(a.At - b.At) }) {
				t.Fatalf("%s: steps out of order", c.Name)
			}
			for i, step := range v.Forward.Rates {
				if share := float64(step.Rate) / float64(c.Forward.Rates[i].Rate); share < 0.849 || share > 1.151 {
					t.Errorf("%s: capacity varied by %.2f", c.Name, share)
				}
			}
			if share := float64(v.Length) / float64(c.Length); share < 0.849 || share > 1.151 {
				t.Errorf("%s: length varied by %.2f", c.Name, share)
			}
			if again := c.Varied(seed); again.Length != v.Length || again.Forward.Queue != v.Forward.Queue {
				t.Errorf("%s: varied twice by one seed, not the same", c.Name)
			}
		}
	}
}

// The receiver's clock runs off, and its reports still come on time.
func TestReportsComeAtTheirInterval(t *testing.T) {
	for _, interval := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond} {
		c := single("reports", "", 20*time.Second, discrete.Constant(2*megabit))
		c.Interval = interval
		c.Flows[0].Skew = 200
		r := newRun(&c, 1, fixedAt(500*kilobit))
		r.clock.Run(discrete.At(c.Length))
		want := int(c.Length / interval)
		got := 0
		for _, e := range r.backLog.Entries {
			if e.Kind == discrete.Feedback {
				got++
			}
		}
		if got < want*9/10 || got > want+1 {
			t.Errorf("%d reports in %v, every %v", got, c.Length, interval)
		}
	}
}

// Whatever path is drawn, packets are conserved and the metrics are numbers.
func TestWildPathsAreMeasured(t *testing.T) {
	for seed := range uint64(6) {
		c := Wild(seed)
		c.Length = 20 * time.Second
		result := Run(c, seed, Ours)
		for _, f := range result.Figures {
			if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) || f.Value < 0 {
				t.Errorf("seed %d: %s is %v", seed, f.Metric, f.Value)
			}
		}
		if u := result.Get(Utilisation); u > 1.1 {
			t.Errorf("seed %d: utilisation %.3f", seed, u)
		}
	}
}

// Who is told of another route must not take the queue that stands at that instant
// for a part of the way: it would never empty again.
func TestToldOfARouteTheQueueStaysShort(t *testing.T) {
	c, _ := Find("route told")
	for seed := range uint64(3) {
		result := Run(c.Varied(seed), seed, Ours)
		if p95, used := result.Get(Queue95), result.Get(Utilisation); p95 > 80 || used < 0.9 {
			t.Errorf("seed %d: queue p95 %.0f ms, %.3f used", seed, p95, used)
		}
	}
}

// Under the other conditions that RFC 8867 wants cases repeated with, and the others of
// Repeats, none of which the table has, nothing collapses either.
func TestRepeatsDoNotCollapse(t *testing.T) {
	for _, c := range Repeats() {
		if c.Wild {
			continue
		}
		for _, v := range Judge([]Result{Run(c, 1, Ours), Run(c.Varied(1), 1, Ours)}) {
			if !v.Held {
				t.Errorf("%s: %s is %v at worst", c.Name, v.Metric, v.WorstGot)
			}
		}
	}
}
