package lane

import "meshfocus/focus/packet"

// mostPadding is what padding comes to at most: its length is told in one byte (RFC
// 3550 section 5.1).
const mostPadding = 255

// nothing is what padding consists of.
var nothing [mostPadding]byte

// padding is how large a packet of nothing can be, 0 if nobody takes any: it is sent as
// a retransmission of nothing, as libwebrtc does.
func (o *outlet) padding() int {
	if o.padded() == nil {
		return 0
	}
	return below + sealed + mostPadding
}

// padded is the subscription on whose retransmissions padding is sent, nil if none
// has any.
func (o *outlet) padded() *Subscription {
	for _, sub := range o.subs {
		if sub.kind == Video && sub.config.RTX != 0 && sub.sent.padding != 0 {
			return sub
		}
	}
	return nil
}

// pad sends a packet of nothing that is about so large.
func (s *sender) pad(e *End, size int) {
	o := &e.out
	sub := o.padded()
	if sub == nil || o.closed || o.sealer == nil || !o.route.known {
		return
	}
	s.makeRoom()
	fields := packet.Fields{
		SSRC: sub.config.RTX, Sequence: sub.sent.nextRepeat(o.number), Timestamp: sub.sent.timestamp,
		PayloadType: sub.sent.padding, Padding: true, TransportNumber: o.number, SendTime: s.time,
	}
	start := len(s.arena)
	written := sub.config.Writer.Append(s.arena, &fields, nil)
	at := len(written)
	length := min(max(size-below-sealed, 1), mostPadding)
	written = append(written, nothing[:length]...)
	written[len(written)-1] = byte(length)
	whole, err := o.sealer.SealRTP(s.arena[:start], written[start:at], written[at:])
	if err != nil {
		return
	}
	s.arena = whole
	if o.way.named {
		o.way.path.Name(o.number, sub.config.RTX, fields.Sequence)
	}
	o.datagrams++
	o.bytes += len(whole) - start
	s.postMedia(e, whole[start:])
}
