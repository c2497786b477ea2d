package bwe

import (
	"testing"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// Where most packets are lost for no queue at all, nothing but what comes says how much
// that is: no estimate is above twice what was ever acknowledged within a quarter of a
// second, or the rate of a probe of which enough has come.
func TestEstimator_IsNeverAboveTwiceWhatCame(t *testing.T) {
	for _, lost := range []uint64{80, 128, 160, 200, 240} { // of 256
		r := newRig(20 * unit.Megabit)
		r.most = 15 * unit.Megabit
		r.e.Demand(r.most)
		r.lose = func(number int64) bool { return mixed(uint64(number))%256 < lost }
		allowed, next := r.e.Estimate().Rate, 0
		var came meter
		var probes [256]struct {
			rate unit.BitRate
			came int
		}
		for range 40_000 {
			r.run(time.Millisecond)
			if r.probe.Bytes > 0 {
				probes[r.probe.Tag].rate = r.probe.Rate
			}
			for ; next < len(r.log); next++ {
				for _, a := range r.log[next].told {
					if a.Fate != history.Received {
						continue
					}
					came.add(a.Size, a.At)
					allowed = max(allowed, 2*unit.Rate(came.between(a.At-recent, a.At+slot), recent))
					if p := &probes[a.Tag]; a.Tag != 0 {
						if p.came++; p.came >= 4 {
							allowed = max(allowed, p.rate)
						}
					}
				}
			}
			if got := r.e.Estimate(); got.Rate > allowed {
				t.Errorf("%d of 256 are lost: %v, allowed is %v", lost, got.Rate, allowed)
				break
			}
		}
	}
}
