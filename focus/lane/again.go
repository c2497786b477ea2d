package lane

import (
	"encoding/binary"

	"meshfocus/focus/egress"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

// repeat has a packet sent again that a subscriber asks for by the number it had
// (RFC 4588): with the next flush, behind sound and before pictures.
func (s *sender) repeat(e *End, sub *Subscription, number uint16, now unit.Instant) {
	o := &e.out
	sub.counts.nacked.add(1)
	s.lane.counts.nacked.add(1)
	if !s.repeats(o, sub) {
		s.denied(sub)
		return
	}
	found, outcome := sub.sent.packets.Again(number, e.trip(), now)
	if outcome != history.Resend {
		s.denied(sub)
		return
	}
	if sub.repeatFormat(found.Numbers) == nil || sub.leaves(found.Numbers.marks) || !o.repair.spend(sizeOf(found.Packet)) {
		s.denied(sub)
		release(found.Packet)
		return
	}
	s.activate(e)
	if o.way != nil {
		s.parkAgain(o, repeat{sub, found})
		return
	}
	o.waiting.again = append(o.waiting.again, repeat{sub, found})
}

// parkAgain has a packet wait to be sent again, as often as there are to be copies of it
// and the allowance lets there be, with the reference it has.
func (s *sender) parkAgain(o *outlet, again repeat) {
	size := below + sizeOf(again.packet.Packet)
	for copies := o.way.path.Copies(again.packet.Numbers.marks.has(needed)); copies > 1 && o.repair.spend(size-below); copies-- {
		if again.packet.Packet != nil {
			again.packet.Packet.Retain(1)
		}
		o.way.path.Put(passage{again: again}, size, pacer.Repair, egress.Frame{}, s.now)
	}
	o.way.path.Put(passage{again: again}, size, pacer.Repair, egress.Frame{}, s.now)
}

// denied notes that a packet is not sent again.
func (s *sender) denied(sub *Subscription) {
	sub.counts.denied.add(1)
	s.lane.counts.denied.add(1)
}

// repeats reports whether anything can be sent again at all.
func (s *sender) repeats(o *outlet, sub *Subscription) bool {
	return sub.config.RTX != 0 && sub.sent.packets != nil && o.sealer != nil && o.route.known
}

// repeatFormat is how a subscriber takes what left so once more, nil if it does not:
// retransmissions are tied to one payload type, which is not that of redundant sound.
func (s *Subscription) repeatFormat(with leaving) *outFormat {
	format := s.formatOf(with.codec)
	if format == nil || format.rtx == 0 || format.number(with.marks.has(doubled)) != format.payloadType {
		return nil
	}
	return format
}

// sendAgain sends what waits to be sent again, on the SSRC of retransmissions and
// with a number of that, since no number may be sealed twice.
func (s *sender) sendAgain(e *End, sub *Subscription, found *history.Copy[leaving]) {
	o, with := &e.out, &found.Numbers
	if sub.sent.removed || o.closed || o.sealer == nil || !o.route.known {
		s.denied(sub)
		return
	}
	format := sub.repeatFormat(*with)
	s.makeRoom()
	departure := o.departure()
	fields := packet.Fields{
		SSRC: sub.config.RTX, Sequence: sub.sent.nextRepeat(departure), Timestamp: with.timestamp,
		PayloadType: format.rtx, Marker: with.marks.has(marked),
		TransportNumber: departure, SendTime: s.time,
	}
	var original [2]byte
	binary.BigEndian.PutUint16(original[:], found.Sequence)
	payload, ok := s.seal(e, sub, format, &fields, found.Packet, with, original[:])
	if !ok {
		return
	}
	if o.way != nil && o.way.named {
		o.way.path.Name(departure, sub.config.RTX, fields.Sequence)
	}
	sub.counts.resent.add(1)
	s.lane.counts.resent.add(1)
	sub.sent.again.Sent(payload)
	s.reportTo(e, sub, sub.config.RTX, &sub.sent.again)
}

// sizeOf is about how many bytes it takes to send a packet again.
func sizeOf(p *packet.Packet) int {
	const around = 60 // headers, extension, tag
	if p == nil {
		return around
	}
	return around + len(p.Bytes)
}
