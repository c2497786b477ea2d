package home

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// storm is a round of kind storm: devices that wait in /sync join a new room all at
// once, and each says that it is in the call, until each has seen all others say so.
func (h *house) storm(ctx context.Context, s scenario.Scenario, r *report.Round) error {
	devices, err := h.devices(ctx, s.Devices)
	if err != nil {
		return err
	}
	room, err := devices[0].createRoom(ctx)
	if err != nil {
		return err
	}
	h.wire.delay.Store(int64(s.Delay))
	defer h.wire.delay.Store(0)
	ctx, stop := context.WithTimeout(ctx, patience)
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stop()
	sights := make([]time.Duration, len(devices)) // until a device has seen all; 0: not yet
	faults, seeing := make(chan error, len(devices)), make(chan int, len(devices))
	before := h.usage()
	began, a := time.Now(), watch(ctx, h.spent)
	defer a.end()
	for i, d := range devices {
		loops.Go(func() {
			err := d.behold(ctx, room, len(devices))
			sights[i] = time.Since(began)
			if err != nil {
				faults <- err
				return
			}
			seeing <- i
		})
	}
	var limited atomic.Uint64
	var left delays
	coming := make(chan error, 1)
	loops.Go(func() { coming <- rush(ctx, devices, room, &left, &limited) })
	var course []report.Point
	for seen := 0; seen < len(devices); {
		select {
		case i := <-seeing:
			seen++
			course = append(course, report.Point{sights[i].Seconds(), float64(seen)})
		case err := <-coming:
			if err != nil {
				return err
			}
			coming = nil
		case err := <-faults:
			return fmt.Errorf("%d of %d devices saw all: %w", seen, len(devices), err)
		}
	}
	then := h.usage()
	a.end()
	r.Course = map[string][]report.Point{"devices that see all": course}
	noteStorm(r, sights, limited.Load())
	then.note(r, before, len(devices)*len(devices))
	late := left.quantile(0.99)
	a.note(r, late)
	return a.fault(late, r)
}

// rush has all devices join and say that they are in the call, and counts how late
// they were to ask for the one and for the other.
func rush(ctx context.Context, devices []*device, room string, left *delays, limited *atomic.Uint64) error {
	errs := make([]error, len(devices))
	var all sync.WaitGroup
	began := time.Now()
	for i, d := range devices {
		all.Go(func() {
			ask := func(due time.Time, request func(context.Context, string) error) error {
				return patiently(ctx, limited, func() error {
					err := request(left.leaving(ctx, due.Add(d.wire.late())), room)
					due = time.Now().Add(tooSoon(err))
					return err
				})
			}
			if errs[i] = ask(began, d.join); errs[i] == nil {
				errs[i] = ask(time.Now(), d.enter)
			}
		})
	}
	all.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d devices could not come in: %w", len(errs), len(devices), errs[0])
}

// behold polls until the device has seen so many members of the call in a room.
func (d *device) behold(ctx context.Context, room string, want int) error {
	seen := make(map[string]bool)
	for len(seen) < want {
		n, err := d.sync(ctx, poll)
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%s saw %d members: %w", d.User, len(seen), ctx.Err())
			}
			return err
		}
		joined := n.Rooms.Join[room]
		for _, e := range slices.Concat(joined.State.Events, joined.Timeline.Events) {
			if e.Type == memberType && e.Key != nil && strings.HasPrefix(*e.Key, "_") {
				seen[*e.Key] = true
			}
		}
	}
	return nil
}

// noteStorm writes down when devices had seen all.
func noteStorm(r *report.Round, sights []time.Duration, limited uint64) {
	n, h := float64(len(sights)), &report.Histogram{}
	for _, took := range sights {
		h.Add(took)
	}
	h.Note(r)
	sorted := slices.Sorted(slices.Values(sights))
	last := sorted[len(sorted)-1]
	f := r.Figures
	f[report.JoinMillis], f[report.ConnectedMillis] = millis(sorted[len(sorted)/2]), millis(last)
	f[report.Seconds], f[report.Delivered] = last.Seconds(), n*n/last.Seconds()
	f[report.Limited] = float64(limited) / (2*n + float64(limited)) // who joins asks twice
}
