package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// The receiver's machine has been asleep, and its clock is hours ahead, or back at its
// beginning: that is no queue, whoever else is on the path. The rate is what it was a
// few seconds later.
func TestFacts_AClockThatLeapsIsNoQueue(t *testing.T) {
	for _, leap := range []time.Duration{3 * time.Hour, 20 * time.Second, -20 * time.Second, -40 * time.Minute} {
		for _, contested := range []bool{false, true} {
			r := newRig(unit.Megabit)
			r.run(8 * time.Second)
			if contested {
				r.e.rival.on = true // its base is held
			}
			before := r.e.Estimate().Rate
			r.ahead = leap
			r.run(8 * time.Second)
			if got := r.e.Estimate(); got.Rate < before*7/10 || got.Queue > 300*time.Millisecond {
				t.Errorf("leaps by %v, contested %v: from %v to %+v", leap, contested, before, got)
			}
		}
	}
}
