package home

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

const (
	// poll is how long a device waits in /sync, as clients do.
	poll = 30 * time.Second
	// patience is how long it may take until all devices wait.
	patience = 2 * time.Minute
	// grace is how long a message may be late before it is lost.
	grace = 5 * time.Second
	// open is how many requests may be unanswered; a message beyond that is not sent
	// and counts as lost, as the homeserver is the cause.
	open = 4096
)

// padding makes a message as large as a small encrypted one: 600 bytes.
var padding = strings.Repeat("olm ", 150)

// messages is a round of kind messages: devices wait in /sync while others of them
// send. Those that are sent in the warm time do not count.
func (h *house) messages(ctx context.Context, s scenario.Scenario, warm, measure time.Duration, seed uint64, r *report.Round) error {
	devices, err := h.devices(ctx, s.Devices)
	if err != nil {
		return err
	}
	h.wire.delay.Store(int64(s.Delay))
	defer h.wire.delay.Store(0)
	t := newTally(fmt.Sprintf("%x-%x", seed, time.Now().UnixNano()))
	listening, stop := context.WithCancel(ctx)
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stop()
	faults := make(chan error, len(devices))
	for _, d := range devices {
		loops.Go(func() { faults <- d.listen(listening, t) })
	}
	if err := h.greet(ctx, devices, t, faults); err != nil {
		return err
	}
	err = h.talk(ctx, devices, t, load{s.Rate, warm, measure, rand.New(rand.NewPCG(seed, 3))}, r)
	select {
	case deaf := <-faults:
		return errors.Join(err, fmt.Errorf("a device could not listen any more: %w", deaf))
	default:
		return err
	}
}

// listen polls until the context ends; an error is one of the homeserver.
func (d *device) listen(ctx context.Context, t *tally) error {
	for {
		n, err := d.sync(ctx, poll)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		for _, e := range n.ToDevice.Events {
			if e.Type == wordType {
				t.hear(d, e.Content, now)
			}
		}
	}
}

// greet sends everybody a word until all have heard one: then all wait in /sync.
func (h *house) greet(ctx context.Context, devices []*device, t *tally, faults <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var limited atomic.Uint64
	err := each(ctx, devices, func(ctx context.Context, i int, d *device) error {
		return patiently(ctx, &limited, func() error {
			return devices[0].tell(ctx, d, fmt.Sprintf("%s-hello-%d", t.run, i), word{Run: t.run, Number: -1, At: time.Now().UnixNano()})
		})
	})
	for err == nil && t.ready() < len(devices) {
		select {
		case err = <-faults:
		case <-ctx.Done():
			err = fmt.Errorf("only %d of %d devices hear anything: %w", t.ready(), len(devices), ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return err
}

// load is how much is said.
type load struct {
	rate          float64 // messages a second, of all devices together
	warm, measure time.Duration
	random        *rand.Rand // who says it to whom
}

// talk sends, waits for what is still under way, and writes down what came of it.
func (h *house) talk(ctx context.Context, devices []*device, t *tally, l load, r *report.Round) error {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	crowd := &crowd{devices: devices, wire: h.wire, random: l.random}
	defer crowd.requests.Wait()
	began := time.Now()
	from := began.Add(l.warm)
	crowd.speak(asking, t.warm(), newPacer(began, l.rate), from) // which nobody counts
	before := h.usage()
	t.span(from, from.Add(l.measure))
	p, a := newPacer(from, l.rate), watch(asking, h.spent)
	counted := crowd.speak(asking, t.run, p, t.end)
	then := h.usage()
	a.end()
	all := int(counted.all)
	for deadline := time.Now().Add(grace + 2*h.wire.late()); t.heard() < all && time.Now().Before(deadline) && ctx.Err() == nil; {
		pause(ctx, 5*time.Millisecond)
	}
	stop()
	crowd.requests.Wait()
	t.note(r)
	f := r.Figures
	f[report.Seconds], f[report.Sent], f[report.Forwarded] = l.measure.Seconds(), float64(all), float64(t.heard())
	f[report.Loss] = max(1-float64(t.heard())/float64(max(all, 1)), 0)
	f[report.Limited] = float64(counted.limited.Load()) / float64(max(all, 1))
	f[report.Skipped] = float64(p.skipped)
	if trip := counted.trips.quantile(0.5); trip > 0 {
		f[report.RoundTrip] = micros(trip)
	}
	left := p.left.quantile(0.99)
	a.note(r, left)
	then.note(r, before, t.heard())
	return errors.Join(p.fault(), a.fault(left, r), counted.fault())
}

// crowd is devices that send. It belongs to one goroutine.
type crowd struct {
	devices    []*device
	wire       *wire
	random     *rand.Rand
	requests   sync.WaitGroup
	unanswered atomic.Int64
}

// sent counts the messages of a run. A request that the homeserver has not answered
// when all is over is none that failed: its message is lost.
type sent struct {
	all             uint64
	limited, failed atomic.Uint64
	first           atomic.Pointer[error] // of those that failed
	trips           delays                // until those that were taken were answered
}

// fail counts a request that failed.
func (s *sent) fail(err error) {
	s.failed.Add(1)
	s.first.CompareAndSwap(nil, &err)
}

// fault says that requests failed, so that what was lost says nothing of messages.
func (s *sent) fault() error {
	if first := s.first.Load(); first != nil {
		return fmt.Errorf("%d of %d requests failed: %w", s.failed.Load(), s.all, *first)
	}
	return nil
}

// speak sends what is due until an instant, each message on its own, and does not
// wait for answers; requests does.
func (c *crowd) speak(ctx context.Context, run string, p *pacer, until time.Time) *sent {
	counted := &sent{}
	for {
		number, due, more := p.wait(ctx, until)
		if !more {
			return counted
		}
		from, to := c.devices[c.random.IntN(len(c.devices))], c.devices[c.random.IntN(len(c.devices))]
		counted.all++
		if c.unanswered.Add(1) > open {
			c.unanswered.Add(-1)
			continue
		}
		c.requests.Go(func() {
			defer c.unanswered.Add(-1)
			ctx, asked := p.left.leaving(ctx, due.Add(c.wire.late())), time.Now()
			err := from.tell(ctx, to, fmt.Sprintf("%s-%d", run, number), word{Run: run, Number: number, At: time.Now().UnixNano(), Padding: padding})
			switch {
			case tooSoon(err) > 0:
				counted.limited.Add(1)
			case err != nil && ctx.Err() == nil:
				counted.fail(err)
			case err == nil:
				counted.trips.add(time.Since(asked))
			}
		})
	}
}
