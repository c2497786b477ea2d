package feedback

import (
	"encoding/binary"
	"time"

	"meshfocus/internal/unit"
)

const (
	// streamMost is how many streams of a publisher are reported, those that
	// come first: three layers of camera and screen, audio, and the
	// retransmissions of each.
	streamMost = 16
	// metricsMost keeps a report below 1200 bytes.
	metricsMost = 500
)

// StreamArrivals tells a publisher when its packets came, by stream and sequence
// number, with their ECN fields (RFC 8888): one for each connection that negotiated it
// in place of Arrivals. It is owned by the read loop.
type StreamArrivals struct {
	epoch   Epoch
	sent    unit.Instant
	fresh   bool
	first   unit.Instant
	streams []streamArrivals
}

type streamArrivals struct {
	ssrc   uint32
	window window
}

// NewStreamArrivals begins with a connection. Reports carry the time of epoch.
func NewStreamArrivals(epoch Epoch) *StreamArrivals {
	return &StreamArrivals{epoch: epoch, streams: make([]streamArrivals, 0, streamMost)}
}

// Arrived notes a packet and the ECN field of its datagram. Room for a stream
// is made with its first packet; beyond 16 they are not reported.
func (s *StreamArrivals) Arrived(ssrc uint32, sequence uint16, marked uint8, now unit.Instant) {
	window := s.window(ssrc)
	if window == nil {
		return
	}
	window.put(sequence, marked&3, now)
	if window.fresh && !s.fresh {
		s.fresh, s.first = true, now
	}
}

func (s *StreamArrivals) window(ssrc uint32) *window {
	for i := range s.streams {
		if s.streams[i].ssrc == ssrc {
			return &s.streams[i].window
		}
	}
	if len(s.streams) == streamMost {
		return nil
	}
	s.streams = append(s.streams, streamArrivals{ssrc, newWindow(streamWindow)})
	return &s.streams[len(s.streams)-1].window
}

// Forget makes room: the stream has ended.
func (s *StreamArrivals) Forget(ssrc uint32) {
	for i := range s.streams {
		if s.streams[i].ssrc == ssrc {
			last := len(s.streams) - 1
			s.streams[i] = s.streams[last]
			s.streams[last] = streamArrivals{}
			s.streams = s.streams[:last]
			return
		}
	}
}

// Next says when a report is due, unit.Far while nothing has come.
func (s *StreamArrivals) Next() unit.Instant { return nextReport(s.fresh, s.sent, s.first) }

// Append appends what came since the last report, as one or several RTCP packets
// that fit a datagram each; nothing if nothing is due.
func (s *StreamArrivals) Append(dst []byte, sender uint32, now unit.Instant) []byte {
	if now.Before(s.Next()) {
		return dst
	}
	at, metrics := -1, 0
	for i := range s.streams {
		stream := &s.streams[i]
		if !stream.window.fresh {
			continue
		}
		for from := stream.window.begin; from <= stream.window.order.highest; {
			if at >= 0 && metrics >= metricsMost {
				dst, at, metrics = s.end(dst, at, now), -1, 0
			}
			if at < 0 {
				at = len(dst)
				dst = begin(dst, formatStreams, typeTransport)
				dst = binary.BigEndian.AppendUint32(dst, sender)
			}
			count := min(stream.window.order.highest-from+1, int64(metricsMost-metrics))
			dst = stream.append(dst, from, count, now)
			from += count
			metrics += int(count) + 4 // what the block's head takes
		}
		stream.window.done()
	}
	if at >= 0 {
		dst = s.end(dst, at, now)
	}
	s.sent, s.fresh = now, false
	return dst
}

// end ends one report with its instant.
func (s *StreamArrivals) end(dst []byte, at int, now unit.Instant) []byte {
	return finish(binary.BigEndian.AppendUint32(dst, s.epoch.At(now).Middle()), at)
}

// append writes the block of one stream.
func (s *streamArrivals) append(dst []byte, from, count int64, now unit.Instant) []byte {
	dst = binary.BigEndian.AppendUint32(dst, s.ssrc)
	dst = binary.BigEndian.AppendUint16(dst, uint16(from))
	dst = binary.BigEndian.AppendUint16(dst, uint16(count))
	for n := from; n < from+count; n++ {
		dst = binary.BigEndian.AppendUint16(dst, s.window.slot(n).metric(now))
	}
	if count%2 != 0 {
		dst = append(dst, 0, 0)
	}
	return dst
}

// metric is what 16 bits say of one packet.
func (a *arrival) metric(now unit.Instant) uint16 {
	if a.at == unit.Never {
		return 0
	}
	offset := uint16(offsetEarly)
	if since := now.Sub(a.at); since < 8*time.Second {
		offset = min(uint16(max(since, 0)*1024/time.Second), offsetMost)
	}
	return 1<<15 | uint16(a.marked)<<13 | offset
}
