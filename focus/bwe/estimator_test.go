package bwe

import (
	"reflect"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

func TestEstimator_BeginsWithItsStart(t *testing.T) {
	got := New(Config{}).Estimate()
	if got.Rate != 300*unit.Kilobit || got.Reason != Started || got.Pace < got.Rate {
		t.Errorf("%+v", got)
	}
}

func TestEstimator_UsesWhatThereIsWithAShortQueue(t *testing.T) {
	for _, capacity := range []unit.BitRate{300 * unit.Kilobit, unit.Megabit, 8 * unit.Megabit} {
		r := newRig(capacity)
		r.most = 2 * capacity
		r.e.Demand(r.most)
		r.run(3 * time.Second)
		if used := r.used(20 * time.Second); used < 0.93 || used > 1.01 {
			t.Errorf("%v: uses %.3f", capacity, used)
		}
		longest := time.Duration(0)
		for range 10_000 {
			r.run(time.Millisecond)
			longest = max(longest, r.queued)
		}
		if longest > 60*time.Millisecond+2*capacity.Duration(1200) {
			t.Errorf("%v: a queue of %v", capacity, longest)
		}
	}
}

func TestEstimator_FollowsAFallAndARise(t *testing.T) {
	r := newRig(unit.Megabit)
	r.most = 1500 * unit.Kilobit
	r.e.Demand(r.most)
	r.run(10 * time.Second)
	r.capacity = 400 * unit.Kilobit
	r.run(1500 * time.Millisecond)
	if r.queued > 75*time.Millisecond {
		t.Errorf("1.5 s after a fall the queue is %v", r.queued)
	}
	if got := r.e.Estimate().Rate; got > 440*unit.Kilobit || got < 250*unit.Kilobit {
		t.Errorf("and the estimate %v", got)
	}
	r.run(5 * time.Second)
	r.capacity = 2 * unit.Megabit
	r.run(2 * time.Second)
	if got := r.e.Estimate().Rate; got < 1300*unit.Kilobit {
		t.Errorf("2 s after a rise: %v", got)
	}
}

func TestEstimator_LossIsNoQueue(t *testing.T) {
	r := newRig(unit.Megabit)
	r.lose = func(number int64) bool { return number%20 == 7 } // 5 %
	r.run(3 * time.Second)
	if used := r.used(20 * time.Second); used < 0.85 {
		t.Errorf("uses %.3f with 5 %% lost", used)
	}
	r.lose = func(number int64) bool { return number%5 == 3 } // 20 %
	r.run(5 * time.Second)
	if used := r.used(20 * time.Second); used < 0.65 {
		t.Errorf("uses %.3f with 20 %% lost", used)
	}
}

func TestEstimator_ALongerRouteIsNoQueue(t *testing.T) {
	r := newRig(unit.Megabit)
	r.run(10 * time.Second)
	r.delay += 100 * time.Millisecond
	r.run(time.Second)
	if used := r.used(5 * time.Second); used < 0.9 {
		t.Errorf("uses %.3f of a longer route", used)
	}
	r.delay -= 100 * time.Millisecond
	r.run(time.Second)
	if used := r.used(5 * time.Second); used < 0.9 {
		t.Errorf("uses %.3f of a shorter route", used)
	}
}

func TestEstimator_ClocksThatDrift(t *testing.T) {
	for _, skew := range []float64{200, -200} {
		r := newRig(unit.Megabit)
		r.skew = skew
		r.run(5 * time.Second)
		if used := r.used(40 * time.Second); used < 0.93 {
			t.Errorf("%v ppm: uses %.3f", skew, used)
		}
	}
}

func TestEstimator_WithoutFeedbackSendsLessAndComesBack(t *testing.T) {
	r := newRig(unit.Megabit)
	r.run(10 * time.Second)
	r.silent = true
	r.run(3 * time.Second)
	if got := r.e.Estimate(); got.Rate > 200*unit.Kilobit || got.Reason != Silent {
		t.Errorf("after 3 s of silence: %+v", got)
	}
	r.silent = false
	r.run(time.Second)
	if used := r.used(3 * time.Second); used < 0.9 {
		t.Errorf("uses %.3f after the silence", used)
	}
}

func TestEstimator_LittleSentIsNoProofOfLess(t *testing.T) {
	r := newRig(unit.Megabit)
	r.run(10 * time.Second)
	before := r.e.Estimate().Rate
	r.most = 100 * unit.Kilobit
	for range 10_000 {
		r.run(time.Millisecond)
		r.e.Backlog(0)
	}
	if got := r.e.Estimate().Rate; got < before*8/10 {
		t.Errorf("%v has become %v while little was sent", before, got)
	}
}

func TestEstimator_NothingIsProbedAboveDemand(t *testing.T) {
	r := newRig(10 * unit.Megabit)
	r.most = 500 * unit.Kilobit
	r.e.Demand(r.most)
	for range 20_000 {
		r.run(time.Millisecond)
		if r.probe.Rate > r.most*12/10 {
			t.Fatalf("a probe of %v with a demand of %v", r.probe.Rate, r.most)
		}
	}
}

func TestEstimator_ANewPairForgetsTheOldPath(t *testing.T) {
	r := newRig(unit.Megabit)
	r.run(5 * time.Second)
	r.e.Moved(r.now)
	if got := r.e.Estimate(); got.Reason != Rerouted {
		t.Errorf("%+v", got)
	}
	r.delay = 200 * time.Millisecond
	r.run(2 * time.Second)
	if used := r.used(5 * time.Second); used < 0.9 {
		t.Errorf("uses %.3f of the new path", used)
	}
}

// What was recorded of a path decides the same again, to the last bit.
func TestEstimator_ReplaysToTheSameDecisions(t *testing.T) {
	r := newRig(unit.Megabit)
	r.lose = func(number int64) bool { return number%97 == 0 }
	var traces []Trace
	last := 0
	for range 20_000 {
		if r.now == unit.Instant(time.Hour+8*time.Second) {
			r.capacity = 300 * unit.Kilobit
		}
		r.run(time.Millisecond)
		for ; last < len(r.log); last++ {
			if r.log[last].told != nil {
				traces = append(traces, r.e.Trace())
			}
		}
	}
	again := New(Config{})
	again.Demand(r.most)
	var replayed []Trace
	for _, e := range r.log {
		switch {
		case e.told != nil:
			again.Report(e.told, e.now)
			replayed = append(replayed, again.Trace())
		case e.tick:
			again.Tick(e.now)
		case e.probe:
			again.Probe(e.now)
		default:
			again.Sent(e.size, e.tag, e.now)
		}
		again.Backlog(10_000)
	}
	if !reflect.DeepEqual(traces, replayed) || len(traces) < 300 {
		t.Errorf("%d decisions, %d replayed, not the same", len(traces), len(replayed))
	}
	if again.Estimate() != r.e.Estimate() {
		t.Errorf("%+v\n%+v", again.Estimate(), r.e.Estimate())
	}
}
