package allocate

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// soon: who has to give a rung back within this time has failed with it. Later
	// than that the path has changed.
	soon = 6 * time.Second
	// firstWait is how long what has failed once is not tried again; it doubles with
	// each failure, up to mostWait. It is short: a first failure may be chance.
	firstWait = time.Second
	mostWait  = 64 * time.Second
	// cleanSpell is how long nothing may fail, after the wait, until all is forgotten.
	cleanSpell = 60 * time.Second
	// sameRate: what failed at a rate is likely to fail at those above this share
	// of it; what is proven to carry outgrown times as much is another path.
	sameRate = 0.95
	outgrown = 1.6
	// moreProof is what each failure adds to the margin that the next try needs,
	// mostProof how far that goes.
	moreProof = 0.05
	mostProof = 1.2
)

// doubt is what has failed of late. It is kept for the sum of all video and not for
// single rungs: what did not fit with one subscription does not with its neighbour.
//
//	          took(total)        fell within soon          until, then cleanSpell
//	nothing ─────────────▶ trial ────────────────▶ refused ─────────────────────▶ nothing
//	                         ▲                        │ until: may be tried again
//	                         └────────────────────────┘ fails again: waits twice as long
type doubt struct {
	trial unit.BitRate // what was taken last, 0 none
	taken unit.Instant

	refused unit.BitRate // what has failed, 0 nothing
	wait    time.Duration
	failed  unit.Instant
}

// took notes a step up to a sum.
func (d *doubt) took(total unit.BitRate, now unit.Instant) { d.trial, d.taken = total, now }

// fell notes that less than what is held is left.
func (d *doubt) fell(left unit.BitRate, now unit.Instant) {
	if d.trial == 0 || left >= d.trial || now.Sub(d.taken) > soon {
		return
	}
	again := d.refused > 0 && float64(d.trial) <= float64(d.refused)/sameRate
	if again {
		d.wait = min(2*d.wait, mostWait)
	} else {
		d.wait = firstWait
	}
	d.refused, d.failed, d.trial = d.trial, now, 0
}

// refresh forgets what is long ago, and what the path has outgrown.
func (d *doubt) refresh(proven unit.BitRate, now unit.Instant) {
	if d.refused == 0 {
		return
	}
	old := now.Sub(d.until()) > cleanSpell
	proof := now.Sub(d.failed) > soon/8 && float64(proven) > outgrown*float64(d.refused)
	if old || proof {
		d.refused, d.wait = 0, 0
	}
}

// bars reports whether a sum is not to be tried now.
func (d *doubt) bars(total unit.BitRate, now unit.Instant) bool {
	return d.refused > 0 && now.Before(d.until()) && float64(total) >= sameRate*float64(d.refused)
}

// proof is how much more has to be proven for a sum that has failed: a little with the
// first failure, up to a fifth.
func (d *doubt) proof(total unit.BitRate) float64 {
	if d.refused == 0 || float64(total) < sameRate*float64(d.refused) {
		return 1
	}
	more := 1.0
	for wait := firstWait; wait <= d.wait && more < mostProof; wait *= 2 {
		more += moreProof
	}
	return more
}

// until is when what has failed may be tried again.
func (d *doubt) until() unit.Instant { return d.failed.Add(d.wait) }
