package feedback

import (
	"time"

	"meshfocus/internal/unit"
)

// Receiver is the statistics of one stream that comes in, as its reports tell
// them (RFC 3550 A.1, A.3, A.8). It is owned by the read loop.
//
// What comes as retransmission (RFC 4588) is not told to that of the stream it
// repairs, since reports speak of the network before repair: retransmissions are a
// stream of their own, with a Receiver of their own. Packets are authentic, so there is no probation.
type Receiver struct {
	ssrc, rate uint32

	order    order
	first    int64 // since the stream began, or began anew
	received int64

	reportedExpected, reportedReceived int64

	arrived   unit.Instant
	timestamp uint32
	jitter    int64 // in 1/16 units of the clock

	senderReport   uint32
	senderReportAt unit.Instant
}

// NewReceiver begins the statistics of a stream with a clock of rate hertz.
func NewReceiver(ssrc, rate uint32) *Receiver {
	return &Receiver{ssrc: ssrc, rate: rate}
}

// SSRC gives that of the stream.
func (r *Receiver) SSRC() uint32 { return r.ssrc }

// Last gives when the last packet came, unit.Never before the first.
func (r *Receiver) Last() unit.Instant {
	if r.received == 0 {
		return unit.Never
	}
	return r.arrived
}

// Arrived counts one packet, duplicates as well.
func (r *Receiver) Arrived(sequence uint16, timestamp uint32, now unit.Instant) {
	number, where := r.order.put(sequence)
	switch where {
	case placeStrange:
		return
	case placeRestart:
		r.first, r.received = number, 0
		r.reportedExpected, r.reportedReceived = 0, 0
		r.jitter = 0
	default:
		r.first = min(r.first, number) // the first to come need not be the first sent
		r.disperse(timestamp, now)
	}
	r.received++
	r.arrived, r.timestamp = now, timestamp
}

// disperse moves the jitter by a sixteenth of how much later or sooner a packet
// came after the one before than it was taken (A.8).
func (r *Receiver) disperse(timestamp uint32, now unit.Instant) {
	between := min(now.Sub(r.arrived), time.Minute)
	d := int64(between)*int64(r.rate)/int64(time.Second) - int64(int32(timestamp-r.timestamp))
	if d < 0 {
		d = -d
	}
	if d > int64(r.rate)*10 {
		return // the clock was set, not the network slow
	}
	r.jitter += d - (r.jitter+8)>>4
}

// Told notes a sender report of the stream, which the next Report answers.
func (r *Receiver) Told(info Info, now unit.Instant) {
	r.senderReport, r.senderReportAt = info.NTP.Middle(), now
}

// Report gives the block for now and begins the next interval. It is false
// before the first packet.
func (r *Receiver) Report(now unit.Instant) (Report, bool) {
	if r.received == 0 {
		return Report{}, false
	}
	expected := r.expected()
	report := Report{
		SSRC:     r.ssrc,
		Lost:     int32(min(max(expected-r.received, -1<<23), 1<<23-1)),
		Highest:  uint32(r.order.highest),
		Jitter:   uint32(r.jitter >> 4),
		Fraction: r.fraction(expected),
	}
	if r.senderReport != 0 {
		report.LastReport, report.Delay = r.senderReport, now.Sub(r.senderReportAt)
	}
	r.reportedExpected, r.reportedReceived = expected, r.received
	return report, true
}

func (r *Receiver) expected() int64 { return r.order.highest - r.first + 1 }

// fraction is the loss since the last report in 1/256; duplicates may make it
// less than nothing, which is told as none.
func (r *Receiver) fraction(expected int64) uint8 {
	interval := expected - r.reportedExpected
	lost := interval - (r.received - r.reportedReceived)
	if interval <= 0 || lost <= 0 {
		return 0
	}
	return uint8(min(lost<<8/interval, 255))
}

// ReceiverStats is what a Receiver has counted since the stream began.
type ReceiverStats struct {
	Received, Lost int64 // packets; Lost before repair, below 0 with duplicates
	Jitter         time.Duration
}

// Stats gives the counts.
func (r *Receiver) Stats() ReceiverStats {
	if r.received == 0 {
		return ReceiverStats{}
	}
	return ReceiverStats{
		Received: r.received,
		Lost:     r.expected() - r.received,
		Jitter:   time.Duration(r.jitter) * time.Second / time.Duration(max(r.rate, 1)) / 16,
	}
}
