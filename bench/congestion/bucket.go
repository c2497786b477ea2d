package congestion

import (
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// bucket is focus/bwe with the least around it: sound leaves at once, video in order at the
// estimate's pace.
type bucket struct {
	config     Config
	estimator  *bwe.Estimator
	departures *history.Departures
	sound      []Packet
	video      []Packet
	held       int          // bytes in video
	free       unit.Instant // when the next packet of video may leave
	probe      bwe.Probe
	probed     int // bytes of the probe so far
	told       []bwe.Acknowledged
	clock      time.Duration // the receiver's, of the last report, without wrap
	heard      bool
}

// Bucket makes the estimator with a leaky bucket.
func Bucket(c Config, now unit.Instant) Controller {
	b := &bucket{config: c, estimator: bwe.New(bwe.Config{Weight: c.Weight}), departures: history.NewDepartures(), free: now}
	b.estimator.Demand(c.Most + c.Sound)
	for range c.First {
		b.departures.Leave(0, 0, now.Add(-time.Hour/2))
	}
	return b
}

func (b *bucket) Offer(p Packet, now unit.Instant) {
	if p.Kind == discrete.Sound {
		b.sound = append(b.sound, p)
		return
	}
	b.video = append(b.video, p)
	b.held += p.Size
	b.estimator.Backlog(int64(b.held))
}

func (b *bucket) Release(now unit.Instant) (Packet, bool) {
	if !now.Before(b.estimator.Next()) {
		b.estimator.Tick(now)
	}
	if len(b.sound) > 0 {
		p := b.sound[0]
		b.sound = b.sound[1:]
		return b.leave(p, now), true
	}
	if b.probe.Rate == 0 {
		if probe, ok := b.estimator.Probe(now); ok {
			b.probe, b.probed = probe, 0
		}
	}
	if now.Before(b.free) {
		return Packet{}, false
	}
	var p Packet
	switch {
	case len(b.video) > 0:
		p = b.video[0]
		b.video = b.video[1:]
		b.held -= p.Size
		b.estimator.Backlog(int64(b.held))
	case b.probe.Rate > 0:
		p = Packet{Kind: discrete.Padding, Size: min(packetMost, max(b.probe.Bytes-b.probed, 100))}
	default:
		return Packet{}, false
	}
	rate := b.estimator.Estimate().Pace
	if b.probe.Rate > 0 {
		rate = b.probe.Rate
		p.Probe = b.probe.Tag
		b.probed += p.Size
		if b.probed >= b.probe.Bytes {
			b.probe = bwe.Probe{}
		}
	}
	const least = 10 * unit.Kilobit
	b.free = max(b.free, now.Add(-time.Millisecond)).Add(max(rate, least).Duration(p.Size))
	return b.leave(p, now), true
}

func (b *bucket) leave(p Packet, now unit.Instant) Packet {
	p.Number = int64(b.departures.Leave(p.Size, p.Probe, now))
	b.estimator.Sent(p.Size, p.Probe, now)
	return p
}

func (b *bucket) Feedback(rtcp []byte, now unit.Instant) {
	b.told = b.told[:0]
	compound := feedback.Read(rtcp)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		switch m.Kind {
		case feedback.TransportReport:
			for a := range m.Transport() {
				b.acknowledge(a.Number, a.Received, b.unwrap(a), false)
			}
		case feedback.StreamReport:
			base := time.Duration(m.Instant()) * time.Second >> 16
			for _, a := range m.Streams() {
				b.acknowledge(a.Number, a.Received, base+a.At, a.Marked == 3)
			}
		}
	}
	b.estimator.Report(b.told, now)
}

// unwrap gives the receiver's time as one that goes on.
func (b *bucket) unwrap(a feedback.Arrival) time.Duration {
	if !a.Received {
		return 0
	}
	if !b.heard {
		b.heard, b.clock = true, a.At
	}
	off := (a.At - b.clock) % feedback.ReferenceWrap
	switch {
	case off > feedback.ReferenceWrap/2:
		off -= feedback.ReferenceWrap
	case off < -feedback.ReferenceWrap/2:
		off += feedback.ReferenceWrap
	}
	at := b.clock + off
	b.clock = max(b.clock, at)
	return at
}

func (b *bucket) acknowledge(number uint16, received bool, at time.Duration, marked bool) {
	d, fate := b.departures.Acknowledge(number, received)
	if fate == history.Unknown || fate == history.Repeated {
		return
	}
	b.told = append(b.told, bwe.Acknowledged{
		Number: d.Number, Left: d.Left, At: at, Size: int(d.Size), Tag: d.Tag, Fate: fate, Marked: marked,
	})
}

func (b *bucket) Target(now unit.Instant) unit.BitRate {
	return b.estimator.Estimate().Rate - b.config.Sound
}

func (b *bucket) Next() unit.Instant {
	next := b.estimator.Next()
	if len(b.video) > 0 || b.probe.Rate > 0 {
		next = min(next, b.free)
	}
	return next
}

// Backlog tells how many bytes wait.
func (b *bucket) Backlog() int { return b.held }
