package bubble

import (
	"time"

	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/logging"

	"meshfocus/bench/congestion"
	"meshfocus/internal/unit"
)

// pacing is how often gcc's pacer looks at its queue (its leaky_bucket_pacer.go).
const pacing = 5 * time.Millisecond

// GCC makes Pion's estimator with its pacer, the way Pion's examples set it up:
// transport-wide numbers are given in front of the pacer, the target begins at
// the least and stays within what the media can be.
func (b *Bubble) GCC(c congestion.Config, _ unit.Instant) congestion.Controller {
	estimator, err := gcc.NewSendSideBWE(
		gcc.SendSideBWEInitialBitrate(int(c.Least+c.Sound)),
		gcc.SendSideBWEMinBitrate(int(c.Least+c.Sound)),
		gcc.SendSideBWEMaxBitrate(int(c.Most+c.Sound)),
		gcc.WithLoggerFactory(&logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}),
	)
	if err != nil {
		panic(err) // the options are ours
	}
	return newHosted(b, estimator, c, pacing)
}
