package bwe

import (
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

const millisecond = unit.Instant(time.Millisecond)

// rig is a sender that always has something to send, a path with a queue, and a
// receiver that reports every 50 ms. It goes in steps of a millisecond.
type rig struct {
	e        *Estimator
	now      unit.Instant
	capacity unit.BitRate
	delay    time.Duration // one way, both ways alike
	room     time.Duration // in the queue
	lose     func(number int64) bool
	skew     float64 // of the receiver's clock
	ahead    time.Duration
	silent   bool // reports are lost
	most     unit.BitRate

	free   unit.Instant // when the link has sent everything
	budget float64      // bits that may leave
	number int64
	flying []flying
	told   []Acknowledged
	report unit.Instant
	back   []reportUnderWay
	probe  Probe
	probed int

	queued  time.Duration // of the last packet
	arrived int64         // bytes
	log     []event
}

type flying struct {
	packet Acknowledged
	at     unit.Instant
}

type reportUnderWay struct {
	at   unit.Instant
	told []Acknowledged
}

// event is one call of the estimator, as a recording has it.
type event struct {
	now   unit.Instant
	told  []Acknowledged
	size  int
	tag   uint8
	tick  bool
	probe bool
}

func newRig(capacity unit.BitRate) *rig {
	r := &rig{
		e: New(Config{}), now: unit.Instant(time.Hour), capacity: capacity, delay: 50 * time.Millisecond,
		room: 300 * time.Millisecond, most: 2 * unit.Megabit,
	}
	r.free, r.report = r.now, r.now
	r.e.Demand(r.most)
	return r
}

func (r *rig) run(d time.Duration) {
	for end := r.now.Add(d); r.now < end; r.now += millisecond {
		r.step()
	}
}

func (r *rig) step() {
	for len(r.back) > 0 && r.back[0].at <= r.now {
		told := r.back[0].told
		r.back = r.back[1:]
		if !r.silent {
			r.log = append(r.log, event{now: r.now, told: told})
			r.e.Report(told, r.now)
		}
	}
	if r.now >= r.e.Next() {
		r.log = append(r.log, event{now: r.now, tick: true})
		r.e.Tick(r.now)
	}
	if r.probe.Bytes == 0 {
		r.log = append(r.log, event{now: r.now, probe: true})
		if probe, ok := r.e.Probe(r.now); ok {
			r.probe, r.probed = probe, 0
		}
	}
	estimate := r.e.Estimate()
	pace := min(estimate.Pace, r.most)
	if r.probe.Bytes > 0 {
		pace = r.probe.Rate
	}
	r.budget = min(r.budget+float64(pace)/1000, 2*1200*8)
	for r.budget >= 1200*8 {
		r.budget -= 1200 * 8
		r.send(1200)
	}
	r.e.Backlog(10_000)
	r.receive()
}

func (r *rig) send(size int) {
	tag := uint8(0)
	if r.probe.Bytes > 0 {
		tag = r.probe.Tag
		if r.probed += size; r.probed >= r.probe.Bytes {
			r.probe = Probe{}
		}
	}
	r.log = append(r.log, event{now: r.now, size: size, tag: tag})
	r.e.Sent(size, tag, r.now)
	p := Acknowledged{Number: r.number, Left: r.now, Size: size, Tag: tag, Fate: history.Received}
	r.number++
	begin := max(r.free, r.now)
	if begin.Sub(r.now) > r.room || r.lose != nil && r.lose(p.Number) {
		p.Fate = history.Missing
		r.flying = append(r.flying, flying{p, begin.Add(r.delay)})
		return
	}
	r.free = begin.Add(r.capacity.Duration(size))
	r.queued = r.free.Sub(r.now)
	at := r.free.Add(r.delay)
	p.At = time.Duration(float64(at)*(1+r.skew/1e6)).Truncate(250*time.Microsecond) + r.ahead
	r.flying = append(r.flying, flying{p, at})
}

func (r *rig) receive() {
	for len(r.flying) > 0 && r.flying[0].at <= r.now {
		p := r.flying[0].packet
		r.flying = r.flying[1:]
		if p.Fate == history.Received {
			r.arrived += int64(p.Size)
		}
		r.told = append(r.told, p)
	}
	if r.now.Sub(r.report) >= 50*time.Millisecond && len(r.told) > 0 {
		r.back = append(r.back, reportUnderWay{r.now.Add(r.delay), r.told})
		r.told, r.report = nil, r.now
	}
}

// used runs for a time and gives the part of the capacity that arrived.
func (r *rig) used(d time.Duration) float64 {
	before := r.arrived
	r.run(d)
	return float64(r.arrived-before) * 8 / d.Seconds() / float64(r.capacity)
}
