package discrete

import "time"

// Constants of RFC 9406 section 4.3.
const (
	hystartLeast   = 4 * time.Millisecond
	hystartMost    = 16 * time.Millisecond
	hystartShare   = 8
	hystartSamples = 8
	hystartGrowth  = 4
	hystartRounds  = 5
)

// hystart ends slow start when round trips grow, before segments are lost
// (HyStart++, RFC 9406, which RFC 9438 section 4.10 wants).
type hystart struct {
	end           int64 // number that ends the round
	least, before time.Duration
	samples       int
	cautious      bool // conservative slow start
	baseline      time.Duration
	rounds        int
}

const noTrip = time.Duration(1<<63 - 1)

func newHystart(next int64) hystart { return hystart{end: next, least: noTrip, before: noTrip} }

// acknowledged takes the round trip of a segment and the number that is sent next.
// It gives by how much the window may grow, and whether slow start is over.
func (h *hystart) acknowledged(number int64, trip time.Duration, next int64) (growth float64, over bool) {
	if number >= h.end {
		h.before, h.least, h.samples, h.end = h.least, noTrip, 0, next
		if h.cautious {
			h.rounds++
		}
	}
	h.least = min(h.least, trip)
	h.samples++
	if h.samples >= hystartSamples && h.before != noTrip {
		grown := min(max(h.before/hystartShare, hystartLeast), hystartMost)
		switch {
		case !h.cautious && h.least >= h.before+grown:
			h.cautious, h.baseline, h.rounds = true, h.least, 0
		case h.cautious && h.least < h.baseline:
			h.cautious = false
		}
	}
	if !h.cautious {
		return 1, false
	}
	return 1.0 / hystartGrowth, h.rounds >= hystartRounds
}
