package feedback

import (
	"time"

	"meshfocus/internal/unit"
)

// SenderInterval is how often a stream of ours is reported; the first time with
// its first packet, for until then the subscriber cannot put sound and picture together.
const SenderInterval = time.Second

// Sender counts what was sent of one outgoing stream and makes its sender
// reports. It is a value of one subscription, owned by the send loop.
type Sender struct {
	packets, octets uint32
	last            unit.Instant
}

// Sent counts one packet with so many bytes of payload; retransmissions and
// padding are of another stream, or do not count (RFC 3550 section 6.4.1).
func (s *Sender) Sent(payload int) {
	s.packets++
	s.octets += uint32(payload)
}

// Next says when a report is due, unit.Far before the first packet.
func (s *Sender) Next() unit.Instant {
	switch {
	case s.packets == 0:
		return unit.Far
	case s.last == unit.Never:
		return unit.Never
	}
	return s.last.Add(SenderInterval)
}

// Report gives the report for now. The timestamp is what the source's clock
// says of now, moved by what the Rewriter adds to its timestamps: so
// it is of one instant with the NTP time, and streams of one publisher agree,
// whatever layers are switched. The clock is a copy that the read loop has
// handed over. It is false while the clock knows nothing, or nothing was sent.
func (s *Sender) Report(epoch Epoch, clock Clock, added uint32, now unit.Instant) (Info, bool) {
	if s.packets == 0 || !clock.Known() {
		return Info{}, false
	}
	s.last = now
	return Info{
		NTP:       epoch.At(now),
		Timestamp: clock.Timestamp(now) + added,
		Packets:   s.packets,
		Octets:    s.octets,
	}, true
}
