package offset

import (
	"fmt"
	"math"
	"time"
)

// slewing is how fast one clock may gain on another, as a part of the time: two crystals
// of 100 parts in a million each, and adjtime's 500 of each side (adjtimex(2)). What is
// faster was set.
const slewing = 1.2e-3

// Track is what was read of one other clock, the oldest first.
type Track []Reading

// Drift is how fast the other's clock gains on ours, as a part of the time that passes
// here, and by how much that may be wrong either way: between the two readings that
// tell it best. It is 0 ± infinity of fewer than two.
func (t Track) Drift() (gain, bound float64) {
	bound = math.Inf(1)
	for i, first := range t {
		for _, last := range t[i+1:] {
			passed := float64(last.At - first.At)
			if passed <= 0 {
				continue
			}
			if b := float64(first.Bound+last.Bound) / passed; b < bound {
				gain, bound = float64(last.Ahead-first.Ahead)/passed, b
			}
		}
	}
	return gain, bound
}

// Check holds each reading against the one before: clocks drift, but one that was set
// meanwhile makes what lies between worthless. The error is ErrWrong.
func (t Track) Check() error {
	for i := range t[:max(len(t)-1, 0)] {
		was, is := t[i], t[i+1]
		passed := time.Duration(is.At - was.At).Abs()
		if (is.Ahead - was.Ahead).Abs() > was.Bound+is.Bound+time.Duration(slewing*float64(passed)) {
			return fmt.Errorf("%w: it was %v and, %v later, %v: a clock was set", ErrWrong, was.Offset, passed.Round(time.Millisecond), is.Offset)
		}
	}
	return nil
}

// Bound is by how much what was measured meanwhile may be wrong, if it was corrected by
// each reading from when that was there until the next was: before the one after the
// next was taken. Between two readings clocks are taken to go evenly.
func (t Track) Bound() (worst time.Duration) {
	for i, used := range t {
		for _, measured := range t[i:min(i+3, len(t))] {
			worst = max(worst, used.Covers(measured.Offset).Bound)
		}
	}
	return worst
}

// Turned gives a reading as the other clock's: how far is ours ahead of it, and when
// was that.
func (r Reading) Turned() Reading {
	return Reading{r.At + int64(r.Ahead), Offset{-r.Ahead, r.Bound}}
}

// Best gives the reading that is known best; ok is false where there is none.
func (t Track) Best() (best Reading, ok bool) {
	for i, r := range t {
		if i == 0 || r.Bound < best.Bound {
			best = r
		}
	}
	return best, len(t) > 0
}

// Clock is a clock that is wrong by what is known: to try what another machine would
// have. The zero Clock is the system's.
type Clock struct {
	Ahead time.Duration
	Gain  float64 // as a part of the time since
	Since int64   // nanoseconds of the system's
}

// At gives what it says when the system's says so, in nanoseconds.
func (c Clock) At(system int64) int64 {
	return system + int64(c.Ahead) + int64(c.Gain*float64(system-c.Since))
}
