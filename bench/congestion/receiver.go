package congestion

import (
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// sealing is what SRTCP adds to a report: index and tag.
const sealing = 4 + 10

// receiver is the other end of a flow: it counts frames and reports arrivals as
// browsers do, by a clock of its own.
type receiver struct {
	flow     *flow
	clock    *discrete.Clock
	process  *process
	back     *discrete.Link
	wire     int // the Flow of its reports
	interval time.Duration
	sparing  bool
	asleep   unit.Instant
	sent     unit.Instant // by its clock
	heard    float64      // bits since that
	reports  int64

	arrivals *feedback.Arrivals
	streams  *feedback.StreamArrivals // instead, if not nil
	slab     []byte
}

// stream is the SSRC that all packets of a flow have in reports of RFC 8888.
const stream = 1

func newReceiver(f *flow, wire int, clock *discrete.Clock, back *discrete.Link, interval time.Duration) *receiver {
	r := &receiver{flow: f, clock: clock, back: back, wire: wire, interval: interval, asleep: unit.Far}
	if f.spec.Streams {
		r.streams = feedback.NewStreamArrivals(0)
	} else {
		r.arrivals = feedback.NewArrivals()
	}
	return r
}

// local gives what the receiver's clock shows, true the other way round.
func (r *receiver) local(now unit.Instant) unit.Instant {
	since := float64(discrete.Since(now)) * (1 + r.flow.spec.Skew/1e6)
	return discrete.Start.Add(r.flow.spec.Ahead + time.Duration(since))
}

func (r *receiver) true(local unit.Instant) unit.Instant {
	if local == unit.Far {
		return unit.Far
	}
	since := float64(local.Sub(discrete.Start)-r.flow.spec.Ahead) / (1 + r.flow.spec.Skew/1e6)
	return discrete.At(time.Duration(since) + 1) // not before it is due there
}

// Arrive takes a packet of any kind.
func (r *receiver) Arrive(p *Packet, now unit.Instant) {
	if p.Kind == discrete.Video {
		r.flow.came(p, now)
	}
	if r.process.stands(now) {
		waits := *p
		r.process.later(func(now unit.Instant) { r.read(&waits, now) })
		return
	}
	r.read(p, now)
}

// read notes when a packet came.
func (r *receiver) read(p *Packet, now unit.Instant) {
	local := r.local(now)
	if r.streams != nil {
		marked := uint8(1) // ECT(1)
		if p.Marked {
			marked = 3
		}
		r.streams.Arrived(stream, uint16(p.Number), marked, local)
	} else {
		r.arrivals.Arrived(uint16(p.Number), local)
	}
	r.heard += float64(p.Size) * 8
	r.sleep()
}

// due is when the next report leaves, by the receiver's clock.
func (r *receiver) due() unit.Instant {
	next := unit.Far
	if r.streams != nil {
		next = r.streams.Next()
	} else {
		next = r.arrivals.Next()
	}
	if next == unit.Far || r.sent == unit.Never {
		return next
	}
	return max(next, r.sent.Add(r.interval))
}

func (r *receiver) sleep() {
	if at := r.true(r.due()); at < r.asleep {
		r.asleep = at
		r.clock.At(at, r)
	}
}

// Wake sends the report that is due.
func (r *receiver) Wake(now unit.Instant) {
	if r.process.stands(now) {
		r.process.later(r.turn)
		return
	}
	r.turn(now)
}

func (r *receiver) turn(now unit.Instant) {
	if now >= r.asleep {
		r.asleep = unit.Far
	}
	if local := r.local(now); local >= r.due() {
		r.report(local, now)
	}
	r.sleep()
}

// spare finds the interval in which a report of 68 bytes is a twentieth of what
// comes, between 50 and 250 ms (libwebrtc, remote_estimator_proxy.cc).
func (r *receiver) spare(local unit.Instant) {
	if !r.sparing {
		return
	}
	if since := local.Sub(r.sent).Seconds(); r.sent != unit.Never && r.heard > 0 {
		wanted := 68 * 8 / (0.05 * r.heard / since)
		r.interval = min(max(time.Duration(wanted*float64(time.Second)), 50*time.Millisecond), 250*time.Millisecond)
	}
	r.heard = 0
}

func (r *receiver) report(local, now unit.Instant) {
	if cap(r.slab)-len(r.slab) < 1<<12 {
		r.slab = make([]byte, 0, 1<<16)
	}
	at := len(r.slab)
	if r.streams != nil {
		r.slab = r.streams.Append(r.slab, 2, local)
	} else {
		r.slab = r.arrivals.Append(r.slab, 2, stream, local)
	}
	body := r.slab[at:len(r.slab):len(r.slab)]
	r.spare(local)
	r.sent = local
	if len(body) == 0 {
		return
	}
	r.reports++
	r.back.Put(Packet{
		Flow: r.wire, Kind: discrete.Feedback, Size: len(body) + sealing + 28, Number: r.reports, Body: body,
	}, now)
}
