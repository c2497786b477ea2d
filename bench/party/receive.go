package party

import (
	"encoding/binary"
	"errors"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/report"
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

// Counts is what a Load has sent and got. All but Streams only grow, so that the
// difference of two is what happened between them.
type Counts struct {
	Sent      uint64 // packets of all publishers
	Skipped   uint64 // that were due and not sent: the Load was the limit
	Received  uint64 // of all subscribers, those of a sample
	Expected  uint64 // by the numbers that came, sample or not
	Bytes     uint64 // of Received, without UDP's and IP's headers
	Opened    uint64 // that were looked into
	Broken    uint64 // that could not be opened, or were not what a publisher sent
	Streams   int    // that subscribers receive
	KeyFrames uint64 // that were asked for
	Told      uint64 // datagrams of RTCP that were sent
	// Dropped came to our sockets and found no room in them. Where there is a sample, those
	// that are not of it are among them.
	Dropped uint64
	// Feigned were taken for lost though they came; Asked are requests for packets,
	// Repaired those that came again, and SentAgain what publishers sent again.
	Feigned, Asked, Repaired, SentAgain uint64

	// Latency is of what was looked into, Lateness of bursts: how much later than due
	// they left, or were left out.
	Latency, Lateness *report.Histogram
	// Behind is how much later than due all sockets began to be emptied, and feedback to
	// leave: a sample for each millisecond of waiting, so that one long wait counts for as
	// long as it took.
	Behind *report.Histogram
	// Least is the least latency ever; below 0 the clock of publishers is ahead.
	Least time.Duration
}

// Since gives what happened after an earlier look.
func (c Counts) Since(earlier Counts) Counts {
	c.Sent -= earlier.Sent
	c.Skipped -= earlier.Skipped
	c.Received -= earlier.Received
	c.Expected -= earlier.Expected
	c.Bytes -= earlier.Bytes
	c.Opened -= earlier.Opened
	c.Broken -= earlier.Broken
	c.KeyFrames -= earlier.KeyFrames
	c.Told -= earlier.Told
	c.Dropped -= earlier.Dropped
	c.Feigned -= earlier.Feigned
	c.Asked -= earlier.Asked
	c.Repaired -= earlier.Repaired
	c.SentAgain -= earlier.SentAgain
	c.Latency = c.Latency.Since(earlier.Latency)
	c.Lateness = c.Lateness.Since(earlier.Lateness)
	c.Behind = c.Behind.Since(earlier.Behind)
	return c
}

// refused notes why a packet was not opened. One that came before is not broken: who is asked
// twice may answer with the same datagram twice (pion/interceptor numbers what it may have to
// send again when it keeps it).
func (c *Counts) refused(why error) {
	if !errors.Is(why, srtp.ErrReplayed) && !errors.Is(why, srtp.ErrOld) {
		c.Broken++
	}
}

// read empties the socket of an End, or takes one batch if there is more.
func (l *Load) read(e *End, now unit.Instant) {
	w := e.wire.Load()
	for i := range l.in.receive(e.socket) {
		datagram := l.in.datagram(i)
		switch packet.Demultiplex(datagram) {
		case packet.STUN, packet.DTLS:
			e.port.Receive(datagram, e.socket.local, l.in.from(i))
		case packet.RTCP:
			if w == nil || w.open == nil {
				continue
			}
			if plain, err := w.open.OpenRTCP(datagram); err == nil {
				l.hear(e, w, plain, now)
			}
		case packet.RTP:
			if w != nil && len(datagram) >= packet.HeaderLen {
				l.takeRTP(e, w, datagram, l.in.arrived(i), now)
			}
		}
	}
}

// takeRTP counts a packet, notes what a receiver has to say of it, and looks into
// one in sixteen.
func (l *Load) takeRTP(e *End, w *wire, datagram []byte, arrived int64, now unit.Instant) {
	sequence, ssrc := binary.BigEndian.Uint16(datagram[2:]), binary.BigEndian.Uint32(datagram[8:])
	at := now
	if arrived != 0 {
		at = unit.Instant(arrived)
	}
	if e.view != nil && w.maximum {
		if sent, ok := sendTime(datagram, w.in.sendTime); ok {
			e.limit.Arrived(sent, ipHeaders+len(datagram), at)
		}
	}
	if w.in.repair != 0 && datagram[1]&0x7f == w.in.repair {
		l.arrive(e, w, datagram, at)
		l.repaired(e, w, datagram, at, now)
		return
	}
	if e.view != nil && w.heard != 0 && datagram[1]&0x7f == w.heard {
		l.listenTo(e, w, datagram, int64(at))
		return
	}
	s := e.sink(ssrc)
	again := s.missing.Wanted(sequence)
	if fresh := s.marks.mark(sequence); !fresh && !again {
		return // a server that was asked twice, or got it twice itself, sends it twice
	}
	if again || e.every == 1 && feigned(ssrc, sequence, uint32(l.config.Lose*65536)) {
		if again { // where there is no stream for what is sent again
			l.arrive(e, w, datagram, at)
			s.missing.Arrived(sequence, len(datagram), now)
			l.counts.Repaired++
			if e.view != nil {
				l.watch(e, w, datagram, int64(at))
			}
			return
		}
		s.count(sequence)
		l.counts.Received++
		l.counts.Feigned++
		return
	}
	s.count(sequence)
	l.counts.Received++
	l.counts.Bytes += uint64(len(datagram))
	l.arrive(e, w, datagram, at)
	s.receiver.Arrived(sequence, binary.BigEndian.Uint32(datagram[4:]), at)
	if e.every == 1 {
		s.missing.Arrived(sequence, len(datagram), now)
	}
	switch {
	case e.view != nil:
		l.watch(e, w, datagram, int64(at))
	case sequence%looked == 0:
		l.look(e, datagram, arrived)
	}
}

// arrive notes a packet's transport-wide number. Of a sample a packet stands for
// those before it, which the kernel dropped.
func (l *Load) arrive(e *End, w *wire, datagram []byte, at unit.Instant) {
	number, ok := transportNumber(datagram, w.in.transport)
	if !ok || !w.transportWide {
		return
	}
	if e.arrivals == nil {
		e.arrivals, e.numbered = feedback.NewArrivals(), number-1
		e.telling = at.Add(spread(true, feedback.Interval))
	}
	if ahead := number - e.numbered; e.every > 1 && ahead < 16*uint16(e.every) {
		for e.numbered++; e.numbered != number; e.numbered++ {
			e.arrivals.Arrived(e.numbered, at)
		}
	}
	e.numbered = number
	e.arrivals.Arrived(number, at)
}

// repaired takes a packet that was sent again (RFC 4588 section 4): the number
// that it had stands before its payload.
func (l *Load) repaired(e *End, w *wire, datagram []byte, at, now unit.Instant) {
	if w.open == nil {
		return
	}
	plain, err := w.open.OpenRTP(datagram)
	if err != nil {
		l.counts.refused(err)
		return
	}
	header, err := packet.Parse(plain)
	if payload := header.Payload(plain); err == nil && len(payload) > 2 {
		for _, s := range e.sinks {
			if e.view != nil && !e.view.picture(s.ssrc).near(header.Timestamp) {
				continue
			}
			if s.missing.Repaired(binary.BigEndian.Uint16(payload), now) {
				l.counts.Repaired++
				if e.view != nil {
					l.watchAgain(e, plain, header, s.ssrc, int64(at))
				}
				return
			}
		}
	}
}

// sink finds the stream of an SSRC; there are as many as pictures.
func (e *End) sink(ssrc uint32) *sink {
	for _, s := range e.sinks {
		if s.ssrc == ssrc {
			return s
		}
	}
	var missing missing = &requester{}
	if e.view == nil {
		missing = feedback.NewMissing(feedback.VideoLimits())
	}
	s := newSink(ssrc, missing)
	e.sinks = append(e.sinks, s)
	return s
}

// look opens a packet and says how long it was under way.
func (l *Load) look(e *End, datagram []byte, arrived int64) {
	w := e.wire.Load()
	if w == nil || w.open == nil {
		return
	}
	l.counts.Opened++
	plain, err := w.open.OpenRTP(datagram)
	if err != nil {
		l.counts.refused(err)
		return
	}
	_, sent, ok := clip.ReadStamp(plain)
	if !ok {
		l.counts.Broken++
		return
	}
	if arrived != 0 {
		l.counts.Latency.Add(time.Duration(arrived - sent))
	}
}
