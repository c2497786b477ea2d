package feedback

import (
	"encoding/binary"
	"math"
	"time"

	"meshfocus/internal/unit"
)

const (
	// Interval is how often arrivals are reported while packets come. Below
	// 250 kbit/s browsers take more time; at 20 short reports a second it is
	// about 10 kbit/s.
	Interval = 50 * time.Millisecond

	// receivedMost keeps a report below 1200 bytes: two bytes of delta and two
	// bits of status for each packet.
	receivedMost = 400
)

// Arrivals tells a publisher when its packets came, by transport-wide numbers
// (draft-holmer): one for each connection, whatever the streams. It is
// owned by the read loop.
type Arrivals struct {
	window  window
	sent    unit.Instant
	count   uint8
	symbols [transportWindow]uint8
}

// NewArrivals begins with a connection.
func NewArrivals() *Arrivals { return &Arrivals{window: newWindow(transportWindow)} }

// Arrived notes a packet by its transport-wide number, whether it is media,
// padding or a retransmission.
func (a *Arrivals) Arrived(number uint16, now unit.Instant) { a.window.put(number, 0, now) }

// Next says when a report is due, unit.Far while nothing has come.
func (a *Arrivals) Next() unit.Instant { return nextReport(a.window.fresh, a.sent, a.window.first) }

// nextReport keeps the interval; what comes after a silence is told at once.
func nextReport(fresh bool, sent, first unit.Instant) unit.Instant {
	switch {
	case !fresh:
		return unit.Far
	case sent == unit.Never:
		return first.Add(Interval)
	}
	return max(sent.Add(Interval), first)
}

// Append appends what came since the last report, as one or several RTCP
// packets that fit a datagram each; nothing if nothing is due. media is the SSRC of any
// stream of the publisher.
func (a *Arrivals) Append(dst []byte, sender, media uint32, now unit.Instant) []byte {
	if now.Before(a.Next()) {
		return dst
	}
	for from := a.window.begin; from <= a.window.order.highest; {
		dst, from = a.append(dst, sender, media, from)
	}
	a.window.done()
	a.sent = now
	return dst
}

// append appends one report from a number on and gives the number after it. It
// ends where it is full, or where a delta does not fit.
func (a *Arrivals) append(dst []byte, sender, media uint32, from int64) ([]byte, int64) {
	first := from
	for a.window.slot(first).at == unit.Never {
		first++ // the highest has come
	}
	reference := int64(a.window.slot(first).at) / int64(referenceUnit)
	last := reference * int64(referenceUnit/deltaUnit) // in units of deltas
	end, received := from, 0
	for ; end <= a.window.order.highest && received < receivedMost; end++ {
		symbol := &a.symbols[end-from]
		at := a.window.slot(end).at
		if at == unit.Never {
			*symbol = symbolLost
			continue
		}
		delta := int64(at)/int64(deltaUnit) - last
		switch {
		case delta >= 0 && delta <= math.MaxUint8:
			*symbol = symbolSmall
		case delta >= math.MinInt16 && delta <= math.MaxInt16:
			*symbol = symbolLarge
		default:
			return a.write(dst, sender, media, reference, from, end), end
		}
		last += delta
		received++
	}
	return a.write(dst, sender, media, reference, from, end), end
}

// write writes the report of the numbers from up to below end, whose symbols
// are known.
func (a *Arrivals) write(dst []byte, sender, media uint32, reference, from, end int64) []byte {
	at := len(dst)
	dst = beginFeedback(dst, formatTransport, typeTransport, sender, media)
	dst = binary.BigEndian.AppendUint16(dst, uint16(from))
	dst = binary.BigEndian.AppendUint16(dst, uint16(end-from))
	dst = binary.BigEndian.AppendUint32(dst, uint32(reference)<<8|uint32(a.count))
	a.count++
	dst = appendChunks(dst, a.symbols[:end-from])
	last := reference * int64(referenceUnit/deltaUnit)
	for n := from; n < end; n++ {
		symbol := a.symbols[n-from]
		if symbol == symbolLost {
			continue
		}
		tick := int64(a.window.slot(n).at) / int64(deltaUnit)
		if symbol == symbolSmall {
			dst = append(dst, uint8(tick-last))
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(tick-last))
		}
		last = tick
	}
	if padding := -(len(dst) - at) & 3; padding > 0 {
		dst = append(dst, 0, 0, 0)[:len(dst)+padding]
		dst[len(dst)-1] = uint8(padding)
		dst[at] |= 0x20
	}
	return finish(dst, at)
}

// appendChunks writes the status of packets as runs where these are longer than
// a vector, else as vectors of one or two bits (draft-holmer, 3.1.2 to 3.1.4).
func appendChunks(dst []byte, symbols []uint8) []byte {
	for len(symbols) > 0 {
		run, narrow := 1, 0
		for run < len(symbols) && symbols[run] == symbols[0] {
			run++
		}
		for narrow < len(symbols) && narrow < 14 && symbols[narrow] != symbolLarge {
			narrow++
		}
		var chunk uint16
		var taken int
		switch {
		case run >= 14 || run == len(symbols):
			taken = run
			chunk = uint16(symbols[0])<<13 | uint16(run)
		case narrow == 14 || narrow == len(symbols):
			taken = narrow
			chunk = 2<<14 | vector(symbols[:taken], 14, 1)
		default:
			taken = min(7, len(symbols))
			chunk = 3<<14 | vector(symbols[:taken], 7, 2)
		}
		dst = binary.BigEndian.AppendUint16(dst, chunk)
		symbols = symbols[taken:]
	}
	return dst
}

// vector packs symbols into room fields of bits each, the first on the left.
func vector(symbols []uint8, room, bits int) uint16 {
	var packed uint16
	for i, symbol := range symbols {
		packed |= uint16(symbol) << ((room - 1 - i) * bits)
	}
	return packed
}
