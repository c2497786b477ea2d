package bubble

import (
	"meshfocus/bench/congestion"
	"meshfocus/focus/bwe"
	"meshfocus/focus/pion"
	"meshfocus/internal/unit"
)

// Ours makes our estimator the way programs that use Pion get it.
func (b *Bubble) Ours(c congestion.Config, _ unit.Instant) congestion.Controller {
	estimator := pion.NewEstimator(pion.Config{Path: bwe.Config{Weight: c.Weight}, Most: c.Most + c.Sound})
	return newHosted(b, estimator, c, 0)
}
