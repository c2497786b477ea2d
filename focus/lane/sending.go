package lane

import (
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// tags of departures.
const (
	tagMedia uint8 = iota
	tagRepeat
)

// flush sends what was gathered.
func (s *sender) flush() {
	if s.gathered > 0 {
		s.lane.counts.flushes.add(1)
		s.lane.counts.packets.add(s.gathered)
	}
	for i, e := range s.active {
		s.serve(e)
		s.active[i] = nil
	}
	s.active = s.active[:0]
	s.write()
	s.lap.note(s.gathered)
	s.lane.mail.sent(s.gathered, s.packets)
	s.gathered, s.packets = 0, 0
}

// serve sends what was gathered for one End, what cannot wait first.
func (s *sender) serve(e *End) {
	o := &e.out
	if o.left == nil {
		o.left, o.since = history.NewDepartures(), s.now
	}
	w := &o.waiting
	w.sound = s.forwardAll(e, w.sound)
	for i := range w.again {
		r := &w.again[i]
		s.sendAgain(e, r.sub, &r.packet)
		r.release()
		*r = repeat{}
	}
	w.again = w.again[:0]
	w.video = s.forwardAll(e, w.video)
	if o.way != nil {
		s.travel(e)
	} else {
		s.resign(e)
	}
	o.settle()
}

// forwardAll sends parcels, and gives their room back empty.
func (s *sender) forwardAll(e *End, parcels []parcel) []parcel {
	for i := range parcels {
		p := &parcels[i]
		s.forward(e, p)
		p.release()
		*p = parcel{}
	}
	return parcels[:0]
}

// settle publishes the counts of a flush.
func (o *outlet) settle() {
	o.stats.packets.add(o.datagrams)
	o.stats.bytes.add(o.bytes)
	o.repair.earn(o.bytes)
	o.datagrams, o.bytes = 0, 0
}

// forward sends one packet to one subscriber.
func (s *sender) forward(e *End, p *parcel) {
	sub, o := p.sub, &e.out
	format := sub.formatOf(p.codec)
	switch {
	case sub.sent.removed || o.closed:
		return
	case format == nil || o.sealer == nil || !o.route.known:
		sub.counts.unsent.add(1)
		s.lane.counts.unsent.add(1)
		return
	case !sub.sent.began:
		sub.sent.begin(sub)
	}
	sequence, ok := sub.sent.skip.number(p.out.Sequence)
	if !ok {
		return
	}
	p.out.Sequence = sequence
	if sub.config.Writer.Knows(packet.PlayoutDelay) {
		sub.sent.delay.follow(p.stream.delay.value.Load(), p.out.Sequence)
	}
	s.makeRoom()
	with := leavingOf(p)
	with.departure = o.departure()
	fields := packet.Fields{
		SSRC: sub.config.SSRC, Sequence: p.out.Sequence, Timestamp: p.out.Timestamp,
		PayloadType: format.number(p.red), Marker: p.out.Marker,
		TransportNumber: with.departure, SendTime: s.time,
	}
	var source *packet.Packet
	if p.out.Verdict != simulcast.Fill {
		source = p.packet
	}
	payload, ok := s.seal(e, sub, format, &fields, source, &with, nil)
	if !ok {
		return
	}
	sub.sent.whole, sub.sent.padding, sub.sent.timestamp = p.out.Marker, format.rtx, p.out.Timestamp
	if o.way != nil && o.way.named {
		o.way.path.Name(with.departure, sub.config.SSRC, sequence)
	}
	sub.sent.remember(&p.out, p.packet, with)
	sub.sent.sender.Sent(payload)
	sub.sent.stream, sub.sent.added = p.stream, p.out.Timestamp-p.packet.Header.Timestamp
	s.count(sub, p, payload)
	s.reportTo(e, sub, sub.config.SSRC, &sub.sent.sender)
}

func (s *sender) count(sub *Subscription, p *parcel, payload int) {
	c := &sub.counts
	c.packets.add(1)
	c.bytes.add(payload)
	if p.out.Marker {
		c.frames.add(1)
	}
	if p.out.Verdict == simulcast.Fill {
		c.fills.add(1)
	}
}

// seal puts a packet into the arena and the outbox, and says how long its payload
// is. original is what stands before the payload of a retransmission, nil for a
// packet of the stream itself. source is nil for an empty packet.
func (s *sender) seal(e *End, sub *Subscription, format *outFormat, f *packet.Fields,
	source *packet.Packet, with *leaving, original []byte,
) (payload int, ok bool) {
	o := &e.out
	start := len(s.arena)
	f.Own = s.elements(sub, source, with)
	written := sub.config.Writer.Append(s.arena, f, source)
	at := len(written)
	body := s.body(&written, format, f, source, with, original)
	header := written[start:at]
	s.lap.enter(Seal)
	sealed, err := o.sealer.SealRTP(s.arena[:start], header, body)
	s.lap.enter(Rewrite)
	if err != nil {
		sub.counts.unsent.add(1)
		o.stats.unsent.add(1)
		s.lane.counts.unsent.add(1)
		return 0, false
	}
	s.arena = sealed
	datagram := sealed[start:]
	tag := tagMedia
	if original != nil {
		tag = tagRepeat
	}
	if !o.numbered && !(sub.kind == Audio && sub.untold()) { // else its way has counted it, or nobody tells of it
		o.left.Leave(len(datagram)+below, tag, s.now)
	}
	o.datagrams++
	o.bytes += len(datagram)
	s.postMedia(e, datagram)
	return len(body), true
}

// departure is the transport-wide number of the packet that leaves next.
func (o *outlet) departure() uint16 {
	if o.numbered {
		return o.number
	}
	return o.left.Next()
}

// postMedia puts a packet of media on its way, marked if its way has marks. RTCP has
// none: nothing bounds it by them.
func (s *sender) postMedia(e *End, datagram []byte) {
	o := &e.out
	if o.route.marked == nil || o.way == nil || !o.way.named || !o.way.marking.next(s.now) {
		s.post(e, datagram)
		return
	}
	s.lane.counts.marked.add(1)
	o.outbox.Append(o.route.marked, datagram)
}

// post puts a sealed datagram on its way.
func (s *sender) post(e *End, datagram []byte) {
	o := &e.out
	if o.route.direct {
		o.outbox.Append(o.route.path, datagram)
		return
	}
	if !o.relay.post(datagram) {
		o.stats.unsent.add(1)
		s.lane.counts.unsent.add(1)
	}
}

// makeRoom sends what is in the arena if one more packet might not fit.
func (s *sender) makeRoom() {
	if cap(s.arena)-len(s.arena) < packetRoom {
		s.write()
	}
}

// write sends what is in the arena.
func (s *sender) write() {
	if len(s.arena) == 0 {
		return
	}
	s.lap.enter(Send)
	s.landed()
	for i := range s.outboxes {
		out := &s.outboxes[i]
		if out.box.Messages() > 0 {
			_ = out.socket.Write(out.box) // closed: its address has gone, or Run is about to end
		}
	}
	s.lap.enter(Rewrite)
	s.arena = s.arena[:0]
}

// drop lets go of what was gathered: the lane ends.
func (s *sender) drop() {
	for _, e := range s.active {
		e.out.waiting.discard()
	}
	for len(s.ways) > 0 {
		s.unpave(s.ways[0])
	}
	s.lane.mail.sent(s.gathered, s.packets)
	s.active, s.gathered, s.packets = nil, 0, 0
}

// reportTo sends a sender report about a stream if one is due, and its clock knows
// anything yet. Retransmissions are a stream of their own, with the same timestamps
// (RFC 4588 section 6.1): who sends any says so.
func (s *sender) reportTo(e *End, sub *Subscription, ssrc uint32, of *feedback.Sender) {
	if s.now.Before(of.Next()) {
		return
	}
	clock := sub.sent.stream.clock.Load()
	if clock == nil {
		return
	}
	info, ok := of.Report(s.lane.epoch, *clock, sub.sent.added, s.now)
	if !ok {
		return
	}
	s.rtcp = appendReport(s.rtcp[:0], ssrc, info, e.config.CName)
	s.control(e, s.rtcp)
}
