package nada

import (
	"math"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The equations of RFC 8698 section 4, by hand.
func TestRate_FollowsTheEquations(t *testing.T) {
	begin := func() *rate {
		r := newRate(150*unit.Kilobit, 1500*unit.Kilobit, 1)
		r.reference = 1e6
		return r
	}
	// Offset 25 − 10 × 1.5 = 10 ms: 0.5 × 100/500 × 10/500 is 0.002, and the rise
	// of 5 ms takes 0.5 × 2 × 5/500.
	r := begin()
	r.level = 25
	r.gradual(100, 5)
	near(t, "the gradual update (5 to 7)", r.reference, 988_000)

	// 800 kbit/s came with a round trip of 100 ms: 50 ÷ (100 + 100 + 120).
	r = begin()
	r.reference = 150e3
	for i := range 11 {
		r.samples = append(r.samples, sample{at: time.Duration(i) * 10 * time.Millisecond, size: 1000, roundTrip: 100})
	}
	r.rampUp()
	near(t, "the ramp-up (3, 4)", r.reference, 800e3*(1+50.0/320))

	// 100 ms after a loss: 50 × exp(−0.5).
	r = begin()
	near(t, "the delay before any loss", r.warped(100), 100)
	r.lossy = true
	near(t, "the warped delay (1)", r.warped(100), 50*math.Exp(-0.5))
	near(t, "a short delay", r.warped(40), 40)

	// 1000 bytes wait: 0.1 × 8 × 1000 × 30.
	encoder, leaves := begin().shaped(1000)
	near(t, "the rate of the encoder", encoder, 976_000)
	near(t, "the rate of the wire", leaves, 1_024_000)
}
