package lane

import (
	"errors"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// What is wrong with what is written to a local source. It stays usable.
var (
	// ErrReceived: the track is one that a peer sends.
	ErrReceived = errors.New("lane: track is received, not written")
	// ErrStream: more streams than simulcast.Streams.
	ErrStream = errors.New("lane: too many streams of one track")
	// ErrPayload: the payload is not what the track's codec has.
	ErrPayload = errors.New("lane: payload broken")
	// ErrBusy: all packets of the source are held.
	ErrBusy = errors.New("lane: no packet free")
)

// pen is what writing to a local source needs. It belongs to whoever writes.
type pen struct {
	reader *reader
	ssrcs  [simulcast.Streams]uint32
	used   int
}

// AddStream says that packets of an SSRC are the encoding of a name. Without it,
// the first SSRC written is the only stream, without a name. It fails with ErrStream
// or ErrReceived. It belongs to whoever writes.
func (t *Track) AddStream(ssrc uint32, rid string) error {
	guard := t.lock()
	defer guard.Unlock()
	_, err := t.addStream(ssrc, rid, t.lane.now())
	return err
}

func (t *Track) addStream(ssrc uint32, rid string, now unit.Instant) (*stream, error) {
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.end != nil:
		return nil, ErrReceived
	case t.pen.used == len(t.pen.ssrcs):
		return nil, ErrStream
	}
	if t.pen.reader == nil {
		t.pen.reader, t.local = newReader(t.lane, sidePackets), true
		t.lane.enterTrack(t)
	}
	index := t.pen.used
	t.pen.ssrcs[index] = ssrc
	t.pen.used++
	s := t.stream(uint8(index), rid)
	s.adopt(ssrc, Format{Codec: t.config.Codec, Clock: t.config.Clock}, now)
	return s, nil
}

// Write takes one RTP packet of a local source, in the clear, that is to leave at
// the instant: its payload type does not matter, its SSRC tells the stream, its
// numbers may be any that go on. The bytes are copied. Nothing leaves before Flush.
//
// One goroutine at a time may write. The error is that of packet.Parse, ErrPayload,
// ErrBusy, ErrReceived, ErrStream or ErrClosed.
func (t *Track) Write(rtp []byte, at unit.Instant) error {
	guard := t.lock()
	defer guard.Unlock()
	if t.closed {
		return ErrClosed
	}
	h, err := packet.Parse(rtp)
	if err != nil {
		return err
	}
	s, err := t.written(h.SSRC, at)
	if err != nil {
		return err
	}
	p := t.pen.reader.fill(rtp, []*Track{t}, at)
	if p == nil {
		return ErrBusy
	}
	if err := t.put(s, p); err != nil {
		p.Release()
		return err
	}
	return nil
}

func (t *Track) put(s *stream, p *packet.Packet) error {
	numbers := t.config.Numbers
	if numbers == nil {
		numbers = &none
	}
	if err := p.Parse(numbers); err != nil {
		return err
	}
	s.place(p.Header.Timestamp, p.Arrived)
	s.receiver.Arrived(p.Header.Sequence, p.Header.Timestamp, p.Arrived)
	if !t.accept(t.pen.reader, s, p, &s.format, false) {
		return ErrPayload
	}
	return nil
}

// none is the numbers of who has no header extensions.
var none packet.Numbers

// place ties the source's timestamps to our clock, as a sender report would.
func (s *stream) place(timestamp uint32, at unit.Instant) {
	taken := at
	if s.ticks.Reported() {
		late, tie := s.lateness.note(at.Sub(s.ticks.Instant(timestamp)), at)
		if !tie {
			return
		}
		taken = s.ticks.Instant(timestamp).Add(late)
	}
	var base feedback.Base
	ntp := feedback.NTP(s.track.lane.epoch.At(taken))
	s.ticks.Told(&base, feedback.Info{NTP: ntp, Timestamp: timestamp}, taken)
	s.track.source.Report(s.ssrc, simulcast.Report{NTP: uint64(ntp), Timestamp: timestamp, At: taken})
	s.tell()
}

// written finds the stream of an SSRC.
func (t *Track) written(ssrc uint32, at unit.Instant) (*stream, error) {
	for i := range t.pen.used {
		if t.pen.ssrcs[i] == ssrc {
			return t.streams[i], nil
		}
	}
	if t.pen.used > 0 {
		return nil, ErrStream
	}
	return t.addStream(ssrc, "", at)
}

// Flush hands over what was written since the last time: a frame of a picture, or a
// packet of sound. It belongs to whoever writes.
func (t *Track) Flush() {
	guard := t.lock()
	defer guard.Unlock()
	r := t.pen.reader
	if r == nil || t.closed {
		return
	}
	t.forward(r)
	r.done()
	if t.due == unit.Far {
		t.due = unit.Never
		t.lane.poke(nil)
	} else if t.keyFrames.Pending() != 0 {
		t.due = unit.Never
	}
}

// tick does what is due at a local source though nothing is written, and says when to
// call again: unit.Far if something has to happen first. For the clock loop.
func (t *Track) tick(now unit.Instant) unit.Instant {
	guard := t.lock()
	defer guard.Unlock()
	if t.closed {
		return unit.Far
	}
	if now.Before(t.due) && !t.stirred.Load() {
		return t.again(now)
	}
	t.maintain(now, 0)
	if t.keyFrames.Due(0, t.frame(), now) != 0 {
		t.stats.Requests++
		select {
		case t.requests <- struct{}{}:
		default: // one is waiting already
		}
	}
	t.due = t.next(0)
	return t.again(now)
}

// again says when the clock loop is to call again, as End.tick does.
func (t *Track) again(now unit.Instant) unit.Instant {
	if t.due == unit.Far {
		return unit.Far
	}
	return now.Add(beat)
}
