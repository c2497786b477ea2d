package bwe

import (
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// epoch is where arrivals begin: times of the receiver are kept relative to its
// first, and never negative.
const epoch = time.Hour

// leapt is by how much no queue changes from one packet to the next: the receiver's
// clock did, as that of a machine does that was asleep. Where a path stood for so long
// after all, its queue is seen as it drains: the least delay is then the base.
const leapt = 10 * time.Second

// overtakes is by how much a packet may come before one that left before it. Who is told
// of more was told wrong of one of them.
const overtakes = time.Second

// facts is what reports said so far, and the last one in particular.
type facts struct {
	begun  bool
	origin time.Duration
	first  unit.Instant // when the first left

	number    int64         // the newest heard of
	left      unit.Instant  // when the newest that came left
	at        time.Duration // when it came
	heard     unit.Instant  // when the last report came that told something new
	span      time.Duration // of arrivals since the report before
	roundTrip time.Duration
	trip      time.Duration // the same of late
	delivered unit.BitRate

	received, missing, marked int // packets of the last report
	bytes                     int64
	lossAt                    unit.Instant // when the newest lost packet left

	ours     float64      // bits of ours in a queue that empties at our pace
	oursLeft unit.Instant // when the newest of them left
}

// read takes a report and passes what it says to the parts. It reports whether
// something newer has come than was known of.
func (f *facts) read(e *Estimator, told []Acknowledged, now unit.Instant) bool {
	f.received, f.missing, f.marked, f.bytes = 0, 0, 0, 0
	least, before := none, f.at
	known := f.number
	for i := range told {
		a := &told[i]
		if a.Size <= 0 || a.Left > now {
			continue
		}
		if f.begun && a.Number > known+1 {
			f.untold(e, a, a.Number-known-1)
		}
		known = max(known, a.Number)
		switch a.Fate {
		case history.Missing:
			f.missing++
			f.lossAt = max(f.lossAt, a.Left)
			e.loss.lost()
			e.trying.count(true, a.Left)
			e.prober.lost(a)
		case history.Received, history.Recovered:
			if a.Fate == history.Recovered {
				e.loss.recovered()
			}
			if at, ok := f.arrival(a); ok {
				f.came(e, a, at)
				if !e.move.old(a.Left) {
					least = min(least, at-time.Duration(a.Left))
				}
			}
		}
	}
	f.number = known
	if f.received == 0 {
		return false
	}
	if e.move.on && least != none && f.left < e.move.from {
		e.base.forget(now)
		e.trips.forget(now)
	}
	if least != none {
		e.base.observe(least, now, e.rival.on)
	}
	fresh := f.follow(e, told, now)
	if !fresh {
		return false
	}
	f.span = min(max(f.at-before, 0), recent)
	if before == 0 {
		f.span = 0
	}
	if trip := now.Sub(f.left); f.roundTrip == 0 {
		f.roundTrip, f.trip = trip, trip
	} else {
		f.trip += (trip - f.trip) / 4
		f.roundTrip += (trip - f.roundTrip) / 8
	}
	f.heard = now
	f.delivered = e.flow.delivered(f.at)
	e.trips.observe(now.Sub(f.left), now, e.rival.on)
	f.queued(e, now)
	e.queue.hear()
	if e.route.judge(e) || e.route.stubborn(e) {
		e.base.set(e.route.lowest)
		e.law.rerouted(e, now)
		f.queued(e, now)
	}
	e.silence.heard(e, now)
	return true
}

// queued finds how long packets wait: as long as the receiver's clock says, if ours
// does not say otherwise.
func (f *facts) queued(e *Estimator, now unit.Instant) {
	e.queue.measure(e.base.value, e.stall.lately(f.at))
	e.queue.bound(now.Sub(f.left) - e.trips.value)
}

// untold takes packets that no report has spoken of, because it was lost itself, as
// arrived between their neighbours: nobody knows better, and a rate that leaves them
// out would be too low.
func (f *facts) untold(e *Estimator, next *Acknowledged, packets int64) {
	if next.Fate == history.Missing || f.at == 0 {
		return
	}
	at, ok := f.arrival(next)
	if !ok || at <= f.at {
		return
	}
	bytes := min(e.flow.sent.between(time.Duration(f.left), time.Duration(next.Left)), packets*1500)
	e.flow.fill(bytes, f.at, at)
}

// arrival gives a packet's time at the receiver, relative to the first.
func (f *facts) arrival(a *Acknowledged) (time.Duration, bool) {
	if !f.begun {
		f.begun, f.origin, f.first = true, a.At, a.Left
	}
	delay := f.at - time.Duration(f.left)
	if f.at == 0 {
		delay = epoch - time.Duration(f.first)
	}
	at := a.At - f.origin + epoch
	if leap := at - time.Duration(a.Left) - delay; leap > leapt || leap < -leapt {
		f.origin += leap
		at -= leap
	}
	return at, at > 0 && at < 1<<56
}

func (f *facts) came(e *Estimator, a *Acknowledged, at time.Duration) {
	f.received++
	f.bytes += int64(a.Size)
	alone := f.alone(a, e.law.rate)
	marked := a.Marked && alone && a.Tag == 0 // a probe is to be faster than the path
	if marked {
		f.marked++
	}
	e.loss.received(marked)
	e.trying.count(false, a.Left)
	e.flow.came.add(a.Size, at)
	e.prober.heard(a, at)
}

// alone reports whether a packet found nothing of ours in a queue that empties as fast
// as frames are paced. One that did waits for its own kind, whatever else there is: a queue that
// marks from 15 ms on marks every second packet of a frame at 600 kbit/s.
func (f *facts) alone(a *Acknowledged, rate float64) bool {
	f.ours = max(f.ours-max(a.Left.Sub(f.oursLeft).Seconds(), 0)*paceMost*rate, 0)
	alone := f.ours == 0
	f.ours += float64(a.Size) * 8
	f.oursLeft = max(f.oursLeft, a.Left)
	return alone
}

// follow walks the packets that are newer than all before, in order.
func (f *facts) follow(e *Estimator, told []Acknowledged, now unit.Instant) bool {
	fresh := false
	e.trains.fade()
	for i := range told {
		a := &told[i]
		if a.Size <= 0 || a.Left > now || a.Fate != history.Received && a.Fate != history.Recovered {
			continue
		}
		at, ok := f.arrival(a)
		if !ok || a.Left < f.left {
			continue
		}
		if f.at-at > overtakes {
			f.again(e, a, at)
		}
		if at < f.at {
			continue
		}
		fresh = true
		f.left, f.at = a.Left, at
		delay := at - time.Duration(a.Left)
		if !e.move.on {
			e.route.observe(e, delay, at, a.Left)
		}
		e.queue.observe(delay, at)
		e.stall.observe(a.Left, at)
		e.rival.trial.observe(a.Size, a.Left, at)
		e.flow.arrived(a.Size, a.Left, at, delay-e.base.value-e.queue.noise)
		e.trains.observe(a.Size, a.Left, at, e.law.rate)
	}
	return fresh
}

// again goes on from an arrival that lies before others which left before it: a
// receiver told of a time that had not come, or its clock was put back.
func (f *facts) again(e *Estimator, a *Acknowledged, at time.Duration) {
	f.at = at
	e.queue.again(at-time.Duration(a.Left), at)
	e.flow.came.again()
	e.flow.busy = false
	e.route, e.trains, e.stall = route{}, trains{}, stall{}
}
