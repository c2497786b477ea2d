package discrete

import (
	"sort"
	"time"

	"meshfocus/internal/unit"
)

// Rates is how fast a link is, step by step; each holds until the next. The
// first begins at 0. Without any a link is as fast as one likes.
type Rates []RateStep

// RateStep is a rate from a time on.
type RateStep struct {
	At   time.Duration
	Rate unit.BitRate
}

// Constant is one rate for ever.
func Constant(rate unit.BitRate) Rates { return Rates{{0, rate}} }

// At gives the rate at a time.
func (r Rates) At(t time.Duration) unit.BitRate {
	i := r.index(t)
	if i < 0 {
		return 0
	}
	return r[i].Rate
}

// index gives the step that holds at a time, -1 before the first.
func (r Rates) index(t time.Duration) int {
	return sort.Search(len(r), func(i int) bool { return r[i].At > t }) - 1
}

// Bits integrates the rate between two times, of each step no more than most;
// share divides the rate before that. most 0 is no bound.
func (r Rates) Bits(from, to time.Duration, share float64, most unit.BitRate) float64 {
	total := 0.0
	for i, step := range r {
		end := to
		if i+1 < len(r) {
			end = min(end, r[i+1].At)
		}
		begin := max(from, step.At)
		if end <= begin {
			continue
		}
		rate := float64(step.Rate) / share
		if most > 0 {
			rate = min(rate, float64(most))
		}
		total += rate * (end - begin).Seconds()
	}
	return total
}

// Delays is how long a wire is, step by step, as with Rates.
type Delays []DelayStep

// DelayStep is a delay from a time on.
type DelayStep struct {
	At    time.Duration
	Delay time.Duration
}

// Always is one delay for ever.
func Always(delay time.Duration) Delays { return Delays{{0, delay}} }

// At gives the delay at a time, 0 before the first step.
func (d Delays) At(t time.Duration) time.Duration {
	i := sort.Search(len(d), func(i int) bool { return d[i].At > t }) - 1
	if i < 0 {
		return 0
	}
	return d[i].Delay
}
