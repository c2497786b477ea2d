package home

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
)

// house is a homeserver that has been started, with the devices that it knows.
type house struct {
	Place
	target   Target
	name     string
	wire     *wire
	run      string // begins the names of accounts
	password string
	all      []*device
	spent    func() (time.Duration, bool) // processor time of the generator
	gone     error                        // why there is none any more

	endurance time.Duration // of a storm
}

// Name is that of the target.
func (h *house) Name() string { return h.name }

// enter starts a target.
func enter(ctx context.Context, t Target, at rival.Place) (*house, error) {
	place, err := t.Start(ctx, at)
	if err != nil {
		return nil, err
	}
	run := fmt.Sprintf("%x", rand.Uint64())
	return &house{Place: place, target: t, name: t.Name(), wire: newWire(place.URL), run: "bench-" + run[:min(len(run), 8)], password: fmt.Sprintf("%x%x", rand.Uint64(), rand.Uint64()), spent: spent, endurance: endurance}, nil
}

// devices gives so many, each of an account of its own, and makes those that there
// are not yet. All have the past behind them.
func (h *house) devices(ctx context.Context, count int) ([]*device, error) {
	fresh := make([]*device, max(count-len(h.all), 0))
	had := len(h.all)
	err := each(ctx, fresh, func(ctx context.Context, i int, _ *device) error {
		a, err := h.wire.register(ctx, fmt.Sprintf("%s-%d", h.run, had+i), h.password, h.Token)
		if err == nil {
			fresh[i] = &device{account: a, wire: h.wire}
		}
		return err
	})
	for _, d := range fresh {
		if d != nil {
			h.all = append(h.all, d)
		}
	}
	if err != nil {
		return nil, err
	}
	devices := h.all[:count]
	return devices, each(ctx, devices, func(ctx context.Context, _ int, d *device) error {
		_, err := d.sync(ctx, 0)
		return err
	})
}

// leave ends the homeserver, or the accounts on one that is not ours.
func (h *house) leave() error {
	if h.gone != nil {
		return nil
	}
	defer h.wire.close()
	if h.Stop != nil {
		return h.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return each(ctx, h.all, func(ctx context.Context, _ int, d *device) error {
		return h.wire.deactivate(ctx, d.account, h.password)
	})
}

// usage is what the homeserver's process has used; nothing of one that is far.
func (h *house) usage() consumed {
	if h.PID == 0 {
		return consumed{}
	}
	u, err := rival.UsageOf(h.PID)
	return consumed{u, err == nil}
}

type consumed struct {
	rival.Usage
	known bool
}

// note writes down what so many messages took since before.
func (c consumed) note(r *report.Round, before consumed, messages int) {
	if !c.known || !before.known || messages == 0 {
		return
	}
	used := c.User + c.System - before.User - before.System
	r.Figures[report.MessageMicros] = micros(used) / float64(messages)
	r.Figures[report.HomeMB] = float64(c.Memory) / 1e6
}

// each does something with all devices, some of them at a time, and ends with the
// first error.
func each(ctx context.Context, devices []*device, do func(context.Context, int, *device) error) error {
	const atOnce = 8
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range numbers {
				if err := do(ctx, i, devices[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range devices {
		if ctx.Err() != nil {
			break
		}
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
