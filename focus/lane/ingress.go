package lane

import (
	"encoding/binary"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// envelope is what the network and the kernel say of a datagram: the ECN bits it had,
// and for how long it waited to be read.
type envelope struct {
	marked uint8
	waited time.Duration
}

// take deals with one datagram of the peer's, up to the tracks' bursts. The caller
// holds the End's mutex, and calls settle after the last.
func (e *End) take(r *reader, datagram []byte, on envelope, now unit.Instant) {
	in := &e.in
	if in.opener == nil {
		in.stats.Locked++
		return
	}
	if packet.Demultiplex(datagram) == packet.RTCP {
		compound, err := in.opener.OpenRTCP(datagram)
		if err != nil {
			in.stats.Refused++
			return
		}
		e.heard(compound, now.Add(-on.waited))
		return
	}
	r.lap.enter(Open)
	clear, err := in.opener.OpenRTP(datagram)
	r.lap.enter(Parse)
	if err != nil {
		in.stats.Refused++
		return
	}
	e.opened(r, clear, on, now)
}

// settle does what is due after a run: the fan-out of what it brought, and
// what has to be told to the peer at once.
func (e *End) settle(r *reader, now unit.Instant) {
	for i, t := range r.touched {
		t.forward(r)
		e.in.hasten(t, e.trip())
		r.touched[i] = nil
	}
	r.touched = r.touched[:0]
	e.in.upstream.due = min(e.in.upstream.due, e.in.arrivalsDue())
	if !now.Before(e.in.upstream.due) {
		e.maintain(now)
	}
	if !e.in.upstream.awake && e.in.upstream.due != unit.Far {
		e.in.upstream.awake = true
		e.lane.poke(e)
	}
}

// opened takes an RTP packet in the clear.
func (e *End) opened(r *reader, clear []byte, on envelope, now unit.Instant) {
	in := &e.in
	in.stats.Packets++
	in.stats.Bytes += int64(len(clear))
	p := r.fill(clear, in.tracks, now)
	if p == nil {
		in.stats.Starved++
		r.lane.counts.starved.Add(1)
		return
	}
	if !e.route(r, p, on) {
		p.Release()
	}
}

// route finds the stream of a packet and has it taken in. It is false if the packet
// stays the caller's.
func (e *End) route(r *reader, p *packet.Packet, on envelope) bool {
	in := &e.in
	if p.Parse(in.numbers) != nil {
		in.stats.Malformed++
		return false
	}
	in.arrived(p, on)
	from := in.routes.find(p.Header.SSRC)
	if from == nil || from.retired {
		if from = in.discover(p); from == nil {
			in.stats.Unknown++
			return false
		}
	}
	meaning := &in.payloads[p.Header.PayloadType&0x7F]
	if from.repair {
		return in.restore(r, from.stream, p)
	}
	if meaning.format == nil || meaning.rtx {
		in.stats.Unknown++
		return false
	}
	s := from.stream
	if s.ssrc != p.Header.SSRC || !s.known {
		if !in.change(r, s, p, meaning.format) {
			return false
		}
	}
	s.count(p, meaning.format)
	return in.deliver(r, s, p, meaning)
}

// arrived notes for the peer's estimate when a packet came, not when it was read: to
// the peer the time between would look like a queue.
func (in *intake) arrived(p *packet.Packet, on envelope) {
	at := p.Arrived.Add(-on.waited)
	if in.arrivals != nil {
		if number := p.Value(packet.TransportNumber); len(number) == 2 {
			in.arrivals.Arrived(binary.BigEndian.Uint16(number), at)
		}
	}
	if in.streamed != nil {
		in.streamed.Arrived(p.Header.SSRC, p.Header.Sequence, on.marked, at)
	}
}

// count notes a packet of the stream itself, before anything is said of its
// payload: loss is the network's.
func (s *stream) count(p *packet.Packet, format *Format) {
	if s.format != *format {
		s.format = *format
		if format.Nack && s.missing == nil {
			s.missing = feedback.NewMissing(limits(s.track.config.Kind))
		}
	}
	h := &p.Header
	s.receiver.Arrived(h.Sequence, h.Timestamp, p.Arrived)
	if !s.ticks.Reported() {
		s.ticks.Arrived(h.Timestamp, p.Arrived)
		if s.clock.Load() == nil {
			s.tell() // subscribers are reported to with their first packet
		}
	}
	if s.missing != nil {
		s.missing.Arrived(h.Sequence, len(p.Bytes), p.Arrived)
	}
}

// restore makes a retransmission what it was, and takes it in if it was missing.
// Probes for capacity and copies of what has come are dropped.
func (in *intake) restore(r *reader, s *stream, p *packet.Packet) bool {
	meaning := &in.payloads[p.Header.PayloadType&0x7F]
	if meaning.format == nil || !meaning.rtx || !s.known {
		in.stats.Unwanted++
		return false
	}
	s.repaired(&p.Header, p.Arrived)
	if !p.Header.Restore(p.Bytes, s.ssrc, meaning.format.PayloadType) ||
		s.missing == nil || !s.missing.Repaired(p.Header.Sequence, p.Arrived) {
		in.stats.Unwanted++
		return false
	}
	in.stats.Restored++
	r.lane.counts.restored.Add(1)
	return in.deliver(r, s, p, &in.payloads[meaning.format.PayloadType])
}

// deliver hands a packet to the track. It is false if the packet stays the
// caller's.
func (in *intake) deliver(r *reader, s *stream, p *packet.Packet, meaning *payload) bool {
	t := s.track
	if t.closed {
		in.stats.Unknown++
		return false
	}
	if !t.accept(r, s, p, meaning.format, meaning.red) {
		in.stats.Malformed++
		return false
	}
	r.touch(t)
	return true
}

// heard takes RTCP of the peer's in the clear. What concerns the media it sends is
// used here; what concerns the media it gets goes to the send loop.
func (e *End) heard(compound []byte, now unit.Instant) {
	in := &e.in
	in.stats.Reports++
	concerns := false
	reading := feedback.Read(compound)
	for m, ok := reading.Next(); ok; m, ok = reading.Next() {
		switch m.Kind {
		case feedback.SenderReport:
			in.reported(m, now)
			for range m.Reports() {
				concerns = true
				break
			}
		case feedback.Goodbye:
			for ssrc := range m.Sources() {
				in.left(ssrc)
			}
		case feedback.Description:
		default:
			concerns = true
		}
	}
	in.stats.Faults += int64(reading.Faults)
	if concerns && e.subscribed.Load() > 0 {
		e.lane.hear(e, compound, now)
	}
}

// reported takes a sender report of a stream of the peer's.
func (in *intake) reported(m feedback.Message, now unit.Instant) {
	from := in.routes.find(m.Sender)
	if from == nil || from.repair || !from.stream.known || from.stream.ssrc != m.Sender {
		return
	}
	s, info := from.stream, m.Info()
	s.told = info
	s.receiver.Told(info, now)
	s.ticks.Told(&in.base, info, now)
	s.tell()
	s.track.source.Report(m.Sender, simulcast.Report{NTP: uint64(info.NTP), Timestamp: info.Timestamp, At: now})
}

// left takes a stream's goodbye.
func (in *intake) left(ssrc uint32) {
	from := in.routes.find(ssrc)
	if from != nil && !from.repair && from.stream.known && from.stream.ssrc == ssrc {
		from.stream.track.source.Stop(from.stream.index)
	}
}
