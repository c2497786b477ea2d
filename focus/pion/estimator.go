package pion

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/rtcp"

	"meshfocus/focus/bwe"
	"meshfocus/focus/egress"
	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// ErrClosed is what a closed Estimator answers.
var ErrClosed = errors.New("estimator is closed")

// Config is how an Estimator begins and where it stays. The zero Config is a
// sensible one.
type Config struct {
	Path bwe.Config
	// Most is what all media together can be at best: nothing is probed above it.
	// 0: nobody knows, and 4 Mbit/s are tried.
	Most unit.BitRate
	// Trace, if there is one, gets what the estimator is told and decides, as lines
	// that `meshbench bwe replay` reads. It is written to on the Estimator's loop.
	Trace io.Writer
}

// usualMost is what is tried without a Config.Most: 1080p of a camera.
const usualMost = 4 * unit.Megabit

// never stands for limits that are not reached: what a program has written is
// sent, for its receiver would ask for what is left out.
const never = time.Hour

// paddingMost is what one RTP packet can have of it, with a header and a number
// around.
const paddingMost = 255 + 12 + 8 + 28

// Estimator is one connection's sending side: what is written to its streams
// leaves paced, sound first, with transport-wide numbers, and feedback makes the
// target. It implements cc.BandwidthEstimator.
type Estimator struct {
	clock clock
	wake  chan struct{} // something may leave earlier than thought
	done  chan struct{}
	loop  sync.WaitGroup

	mu     sync.Mutex // guards all below; nothing is called under it that may wait
	path   *egress.Path[*outgoing]
	repair *stream // where padding goes, nil while there is none
	// numbered: a stream has transport-wide numbers.
	numbered bool
	changed  func(bitrate int)
	said     int          // the target that changed was called with
	due      unit.Instant // when the loop looks again
	closed   bool
	spare    []*outgoing

	recorder *bwe.Recorder // nil without a trace
	trace    io.Writer
}

var _ cc.BandwidthEstimator = (*Estimator)(nil)

// NewEstimator begins with a connection and runs until Close.
func NewEstimator(c Config) *Estimator {
	most := c.Most
	if most == 0 {
		most = usualMost
	}
	e := &Estimator{
		clock: newClock(), wake: make(chan struct{}, 1), done: make(chan struct{}),
		path: egress.New[*outgoing](egress.Config{
			Estimator: c.Path,
			Limits:    egress.Limits{Soft: never, Hard: never, Old: never},
		}),
	}
	if c.Trace != nil {
		e.recorder, e.trace = &bwe.Recorder{}, c.Trace
		e.path.Record(e.recorder)
	}
	e.path.Demand(most)
	e.said = e.target()
	e.loop.Go(e.run)
	return e
}

// Factory makes an Estimator for each connection, for cc.NewInterceptor.
func Factory(c Config) cc.BandwidthEstimatorFactory {
	return func() (cc.BandwidthEstimator, error) { return NewEstimator(c), nil }
}

// WriteRTCP takes feedback of either kind; other packets mean nothing here.
func (e *Estimator) WriteRTCP(packets []rtcp.Packet, _ interceptor.Attributes) error {
	var datagram []byte
	for _, packet := range packets {
		switch packet.(type) {
		case *rtcp.TransportLayerCC, *rtcp.CCFeedbackReport:
			// We read bytes; what Pion has parsed it can write.
			b, err := packet.Marshal()
			if err != nil {
				return err
			}
			datagram = append(datagram, b...)
		}
	}
	if len(datagram) == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	now := e.clock.now()
	for compound := feedback.Read(datagram); ; {
		message, more := compound.Next()
		if !more {
			break
		}
		e.path.Heard(message, now)
	}
	e.rouse()
	return nil
}

// rouse has the loop look again. The caller holds mu.
func (e *Estimator) rouse() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// GetTargetBitrate gives what all media together may be, in bit/s.
func (e *Estimator) GetTargetBitrate() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.target()
}

func (e *Estimator) target() int { return int(e.path.Estimate().Rate) }

// OnTargetBitrateChange has f called with each new target, on a goroutine of the
// Estimator's: f must not wait.
func (e *Estimator) OnTargetBitrateChange(f func(bitrate int)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed = f
}

// Estimate gives what is known of the path.
func (e *Estimator) Estimate() bwe.Estimate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.path.Estimate()
}

// GetStats gives the estimate and what waits, as figures with their units.
func (e *Estimator) GetStats() map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	estimate, stats := e.path.Estimate(), e.path.Stats()
	return map[string]any{
		"targetBitrate":    int(estimate.Rate),
		"paceBitrate":      int(estimate.Pace),
		"confirmedBitrate": int(estimate.Confirmed),
		"deliveredBitrate": int(estimate.Delivered),
		"queueMs":          float64(estimate.Queue) / float64(time.Millisecond),
		"roundTripMs":      float64(estimate.RoundTrip) / float64(time.Millisecond),
		"loss":             estimate.Loss,
		"reason":           estimate.Reason.String(),
		"reports":          stats.Reports,
		"probes":           stats.Probes,
		"probeBytes":       stats.ProbeBytes,
	}
}

// Rest tells for how long nothing will leave unless something comes: for
// simulations.
func (e *Estimator) Rest() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clock.until(e.due)
}

// Close ends the loop. What waits is not sent.
func (e *Estimator) Close() error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if !closed {
		close(e.done)
	}
	e.loop.Wait()
	return nil
}
