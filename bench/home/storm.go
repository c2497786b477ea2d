package home

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

const (
	// tries is how often a device tries to come in, where it is refused otherwise than
	// as too soon: as often as matrix-js-sdk's MembershipManager does.
	tries = 10
	// again is how long a device waits before its second try; each further wait is
	// twice as long as the one before, up to longest.
	again   = 250 * time.Millisecond
	longest = 5 * time.Second
	// endurance is how long a storm may take. Synapse lets a hundred in one after
	// the other, while all of them ask it for news: minutes on a busy core.
	endurance = 5 * time.Minute
)

// storm is a round of kind storm: devices that wait in /sync join a new room all at
// once, and each says that it is in the call, until each that was let in has seen all
// others say so. It has figures, too, if some are not let in, or do not see all.
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
	ctx, stop := context.WithTimeout(ctx, h.endurance)
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stop()
	rush, v := &rush{devices: devices, room: room}, newView(devices, room)
	for i := range devices {
		loops.Go(func() { v.behold(ctx, i, rush.fail) })
	}
	if err := connect(ctx, devices); err != nil {
		return err
	}
	runtime.GC() // what was before is not to hold this up
	before, a := h.usage(), watch(ctx, h.spent)
	defer a.end()
	v.began = time.Now()
	in := rush.run(ctx)
	var then consumed
	var took time.Duration
	v.wait(ctx, in, func() { a.look(); then, took = h.usage(), time.Since(v.began) })
	a.end()
	stop()
	loops.Wait()
	v.note(r, in, took)
	rush.note(r)
	then.note(r, before, int(r.Figures[report.Delivered]*took.Seconds()))
	late := rush.left.quantile(0.99)
	a.note(r, late)
	return a.fault(late, r)
}

// connect has each device open a connection beside that of its /sync, as clients have.
func connect(ctx context.Context, devices []*device) error {
	var limited atomic.Uint64
	errs := make(chan error, len(devices))
	for _, d := range devices {
		go func() {
			errs <- patiently(ctx, &limited, func() error { return d.wire.call(ctx, d.Token, http.MethodGet, "v3/account/whoami", nil, nil) })
		}()
	}
	var err error
	for range devices {
		err = errors.Join(err, <-errs)
	}
	return err
}

// rush is devices that join a room all at once. What failed may be told by any goroutine.
type rush struct {
	devices []*device
	room    string
	left    delays // how late requests left

	asked, limited, failed atomic.Uint64
	first                  atomic.Pointer[error] // of those that failed
}

// fail counts a request that failed otherwise than by coming too soon.
func (u *rush) fail(err error) {
	u.failed.Add(1)
	u.first.CompareAndSwap(nil, &err)
}

// run has all devices join and say that they are in the call, and gives the numbers of
// those that came in.
func (u *rush) run(ctx context.Context) (in []int) {
	came := make([]bool, len(u.devices))
	var all sync.WaitGroup
	began := time.Now()
	for i, d := range u.devices {
		all.Go(func() { came[i] = u.enter(ctx, d, began) })
	}
	all.Wait()
	for i := range came {
		if came[i] {
			in = append(in, i)
		}
	}
	return in
}

// enter brings a device in. Who is refused begins with joining again: a homeserver
// may have forgotten that.
func (u *rush) enter(ctx context.Context, d *device, due time.Time) bool {
	ask := func(due time.Time, request func(context.Context, string) error) error {
		return patiently(ctx, &u.limited, func() error {
			u.asked.Add(1)
			err := request(u.left.leaving(ctx, due.Add(d.wire.late())), u.room)
			due = time.Now().Add(tooSoon(err))
			return err
		})
	}
	wait := again
	for range tries {
		err := ask(due, d.join)
		if err == nil {
			err = ask(time.Now(), d.enter)
		}
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		}
		u.fail(err)
		pause(ctx, wait)
		due, wait = time.Now(), min(2*wait, longest)
	}
	return false
}

// note writes down which requests failed.
func (u *rush) note(r *report.Round) {
	r.Figures[report.Limited] = float64(u.limited.Load()) / float64(max(u.asked.Load(), 1))
	r.Figures[report.Failed] = float64(u.failed.Load())
	if first := u.first.Load(); first != nil {
		r.Note = fmt.Sprintf("%d requests failed and came again; the first: %v", u.failed.Load(), *first)
	}
}

// note writes down when devices that are in had seen all others that are.
func (v *view) note(r *report.Round, in []int, took time.Duration) {
	var sights []time.Duration
	seen := 0
	for _, i := range in {
		latest, count := v.sight(i, in)
		seen += count
		if count == len(in) {
			sights = append(sights, latest)
		}
	}
	f := r.Figures
	f[report.Present] = float64(len(sights)) / float64(len(v.devices))
	f[report.Seconds], f[report.Delivered] = took.Seconds(), float64(seen)/took.Seconds()
	if len(sights) == 0 {
		return
	}
	slices.Sort(sights)
	h := &report.Histogram{}
	var course []report.Point
	for i, sight := range sights {
		h.Add(sight)
		course = append(course, report.Point{sight.Seconds(), float64(i + 1)})
	}
	h.Note(r)
	r.Course = map[string][]report.Point{"devices that see all": course}
	f[report.JoinMillis], f[report.ConnectedMillis] = millis(sights[len(sights)/2]), millis(sights[len(sights)-1])
}
