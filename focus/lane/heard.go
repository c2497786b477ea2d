package lane

import (
	"slices"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// open reads a letter.
func (s *sender) open(t *letter) {
	o := &t.end.out
	switch t.kind {
	case letterHeard:
		s.hear(t.end, t.rtcp, t.at)
	case letterReport:
		s.control(t.end, t.rtcp)
	case letterSecured:
		o.sealer = t.sealer
	case letterMoved:
		s.move(t.end, t.route)
		if w := o.way; w != nil {
			w.moves++
			w.path.Moved(s.now)
			w.marking.restart()
		}
	case letterAdded:
		o.enlist(t.sub)
	case letterRemoved:
		o.strike(t.sub)
		if w := o.way; w != nil {
			w.drop(t.sub)
		}
	case letterClosed:
		o.closed, o.sealer = true, nil
		s.unpave(t.end)
		s.unrelay(o)
	}
}

// move takes another way to an End's peer.
func (s *sender) move(e *End, r route) {
	o := &e.out
	if o.closed {
		return
	}
	s.write() // what is in the outbox goes the way it was meant for
	o.route = r
	if r.direct {
		s.unrelay(o)
		o.outbox = s.outbox(r.socket)
		return
	}
	if o.relay == nil && r.known && e.config.Write != nil {
		o.relay = newRelay(e.config.Write)
		s.relays = append(s.relays, o.relay)
	}
}

func (s *sender) unrelay(o *outlet) {
	if o.relay == nil {
		return
	}
	o.relay.stop()
	s.relays = without(s.relays, o.relay)
	s.leaving = append(slices.DeleteFunc(s.leaving, (*relay).over), o.relay)
	o.relay = nil
}

// control seals RTCP of ours and puts it on its way.
func (s *sender) control(e *End, rtcp []byte) {
	o := &e.out
	if o.closed || o.sealer == nil || !o.route.known {
		o.stats.unsent.add(1)
		s.lane.counts.unsent.add(1)
		return
	}
	s.makeRoom()
	start := len(s.arena)
	sealed, err := o.sealer.SealRTCP(s.arena, rtcp)
	if err != nil {
		o.stats.unsent.add(1)
		s.lane.counts.unsent.add(1)
		return
	}
	s.arena = sealed
	o.stats.reports.add(1)
	s.post(e, sealed[start:])
}

// hear reads what a peer says of what we send it.
func (s *sender) hear(e *End, rtcp []byte, at unit.Instant) {
	o := &e.out
	if o.closed {
		return
	}
	o.stats.heard.add(1)
	compound := feedback.Read(rtcp)
	for {
		m, ok := compound.Next()
		if !ok {
			break
		}
		s.understand(e, m, at)
	}
	if compound.Faults > 0 {
		o.stats.faults.add(compound.Faults)
	}
	o.settle()
}

func (s *sender) understand(e *End, m feedback.Message, at unit.Instant) {
	o := &e.out
	switch m.Kind {
	case feedback.SenderReport, feedback.ReceiverReport:
		for r := range m.Reports() {
			s.reported(e, r, at)
		}
	case feedback.Nack:
		if sub, repeats := o.find(m.Media); sub != nil && !repeats {
			for number := range m.Lost() {
				s.repeat(e, sub, number, at)
			}
		}
	case feedback.PictureLoss:
		s.complain(e, m.Media)
	case feedback.FullIntra:
		for ssrc, number := range m.Requests() {
			if sub, _ := o.find(ssrc); sub != nil && sub.sent.intra.Fresh(number) {
				s.complain(e, ssrc)
			}
		}
	case feedback.TransportReport, feedback.StreamReport:
		s.arrived(e, m)
	case feedback.MaximumRate:
		o.stats.available.n.Store(uint64(max(m.Rate(), 0)))
		s.bounded(e, m.Rate())
	}
}

// reported takes what the peer says of one stream.
func (s *sender) reported(e *End, r feedback.Report, at unit.Instant) {
	sub, repeats := e.out.find(r.SSRC)
	if sub == nil {
		return
	}
	if trip, ok := s.lane.epoch.RoundTrip(r, at); ok {
		e.roundTrip.Store(int64(trip))
		e.out.told.Store(true)
		sub.counts.roundTripNano.Store(int64(trip))
		e.out.cover(trip)
	}
	if repeats {
		return
	}
	sub.sent.known = true
	sub.sent.delay.acknowledge(uint16(r.Highest))
	c := &sub.counts
	c.lost.Store(int64(r.Lost))
	c.fraction.Store(int64(r.Fraction))
	c.jitterNanos.Store(int64(time.Duration(r.Jitter) * time.Second / time.Duration(sub.clock())))
	c.reports.add(1)
}

// cover has departures remembered for as long as feedback may take.
func (o *outlet) cover(trip time.Duration) {
	if o.left != nil {
		o.left.Cover(trip, 0, reportInterval)
	}
}

// reportInterval is how seldom receivers report arrivals: libwebrtc's longest is
// 250 ms (transport-wide feedback below 250 kbit/s).
const reportInterval = 250 * time.Millisecond

// complain hands a request for a key frame to the track.
func (s *sender) complain(e *End, ssrc uint32) {
	sub, repeats := e.out.find(ssrc)
	if sub == nil || repeats {
		return
	}
	sub.counts.keyFrames.add(1)
	s.lane.counts.keyFramesWanted.add(1)
	if t := sub.track.Load(); t != nil {
		t.complain(sub, e.trip())
	}
}

// arrived takes what feedback says of arrivals: an estimate's, or only to be counted.
func (s *sender) arrived(e *End, m feedback.Message) {
	switch o := &e.out; {
	case o.way != nil && o.way.bound == 0, e.config.Adaptive && o.padding() > 0:
		s.told(e, m)
	case m.Kind == feedback.StreamReport:
		s.arrivedByStream(e, m)
	default:
		for a := range m.Transport() {
			e.out.acknowledge(a.Number, a.Received)
		}
	}
}

// arrivedByStream maps congestion feedback by stream and number to departures.
func (s *sender) arrivedByStream(e *End, m feedback.Message) {
	var (
		sub     *Subscription
		repeats bool
		last    uint32
		begun   bool
	)
	for ssrc, a := range m.Streams() {
		if !begun || ssrc != last {
			sub, repeats = e.out.find(ssrc)
			last, begun = ssrc, true
		}
		if sub == nil {
			continue
		}
		if departure, ok := sub.sent.departed(a.Number, repeats); ok {
			e.out.acknowledge(departure, a.Received)
		}
	}
}

// departed finds the transport-wide number that a packet of the stream left with.
func (t *sent) departed(number uint16, repeats bool) (departure uint16, ok bool) {
	if repeats {
		return t.departureOf(number)
	}
	if t.packets == nil {
		return 0, false
	}
	with, ok := t.packets.With(number)
	return with.departure, ok
}

// acknowledge takes what feedback says of one departure. It is what an estimate of
// the capacity will read.
func (o *outlet) acknowledge(number uint16, received bool) {
	if o.left == nil {
		return
	}
	switch _, fate := o.left.Acknowledge(number, received); fate {
	case history.Received:
		o.stats.acknowledged.add(1)
	case history.Recovered:
		o.stats.recovered.add(1)
	case history.Missing:
		o.stats.missing.add(1)
	}
}

// appendReport appends a sender report with the name of its source.
func appendReport(dst []byte, ssrc uint32, info feedback.Info, name string) []byte {
	dst = feedback.AppendSenderReport(dst, ssrc, info)
	return feedback.AppendDescription(dst, ssrc, name)
}
