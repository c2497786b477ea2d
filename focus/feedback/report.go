package feedback

import (
	"encoding/binary"
	"time"
)

// Report is one report block: how one stream arrives (RFC 3550 section 6.4.1).
type Report struct {
	SSRC uint32
	// Fraction of 256 packets was lost since the last report, Lost altogether;
	// fewer than 0 if duplicates came.
	Fraction uint8
	Lost     int32
	// Highest sequence number, with the count of its wraps above 16 bits.
	Highest uint32
	// Jitter is in units of the stream's clock.
	Jitter uint32
	// LastReport is the middle of the NTP instant of the last sender report, 0
	// for none; Delay is since that came, in steps of 1/65536 s.
	LastReport uint32
	Delay      time.Duration
}

const (
	reportSize = 24
	reportMost = 31 // what five bits of a report count hold
)

func reportFrom(b []byte) Report {
	return Report{
		SSRC:       binary.BigEndian.Uint32(b),
		Fraction:   b[4],
		Lost:       int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8,
		Highest:    binary.BigEndian.Uint32(b[8:]),
		Jitter:     binary.BigEndian.Uint32(b[12:]),
		LastReport: binary.BigEndian.Uint32(b[16:]),
		Delay:      fractions(binary.BigEndian.Uint32(b[20:])),
	}
}

func (r Report) append(dst []byte) []byte {
	const most = 1<<23 - 1
	lost := min(max(r.Lost, -most-1), most)
	dst = binary.BigEndian.AppendUint32(dst, r.SSRC)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Fraction)<<24|uint32(lost)&0xffffff)
	dst = binary.BigEndian.AppendUint32(dst, r.Highest)
	dst = binary.BigEndian.AppendUint32(dst, r.Jitter)
	dst = binary.BigEndian.AppendUint32(dst, r.LastReport)
	return binary.BigEndian.AppendUint32(dst, inFractions(r.Delay))
}
