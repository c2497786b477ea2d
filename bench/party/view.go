package party

import (
	"encoding/binary"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/playout"
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast/av1"
	"meshfocus/simulcast/h264"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

// view is what a faithful subscriber makes of all that it receives. The loop owns it.
type view struct {
	inspect  inspect
	pictures []*screen
	sounds   []*speaker
}

type screen struct {
	ssrc    uint32
	inspect inspect
	from    int    // number of the publisher
	stamp   uint32 // the timestamp that came last
	*playout.Picture
}

type speaker struct {
	ssrc uint32
	*playout.Sound
}

// Seen is what a faithful subscriber has seen and heard until an instant, by stream
// in the order in which they began.
type Seen struct {
	Pictures []playout.Sight
	// From are the numbers of who publishes each picture (End.Number).
	From   []int
	Sounds []playout.Hearing
}

// Seen gives what a faithful subscriber has seen so far, nothing of all others.
func (e *End) Seen() (s Seen) {
	e.load.do(func() { s = e.seen(unit.Instant(time.Now().UnixNano())) })
	return s
}

func (e *End) seen(now unit.Instant) (s Seen) {
	if e.view == nil {
		return s
	}
	for _, p := range e.view.pictures {
		s.Pictures, s.From = append(s.Pictures, p.Sight(now)), append(s.From, p.from)
	}
	for _, p := range e.view.sounds {
		s.Sounds = append(s.Sounds, p.Hearing())
	}
	return s
}

// watch opens a packet of a picture, looks when it was captured and shows what can be
// shown by it.
func (l *Load) watch(e *End, w *wire, datagram []byte, arrived int64) {
	plain, header, ok := l.open(w, datagram)
	if !ok {
		return
	}
	from, stamped := l.clock(plain, arrived)
	p := e.view.picture(header.SSRC)
	if stamped {
		p.from = from
	}
	e.put(p, header, header.Payload(plain), header.Sequence, unit.Instant(arrived))
}

// watchAgain takes what was sent again: behind its original number is what it had been.
func (l *Load) watchAgain(e *End, plain []byte, header packet.Header, ssrc uint32, arrived int64) {
	l.clock(plain, arrived)
	payload := header.Payload(plain)
	e.put(e.view.picture(ssrc), header, payload[2:], binary.BigEndian.Uint16(payload), unit.Instant(arrived))
}

// listenTo opens a packet of sound.
func (l *Load) listenTo(e *End, w *wire, datagram []byte, arrived int64) {
	plain, header, ok := l.open(w, datagram)
	if !ok {
		return
	}
	l.clock(plain, arrived)
	e.view.sound(header.SSRC).Put(header.Sequence, header.Timestamp, unit.Instant(arrived))
}

// open opens a packet and reads its header.
func (l *Load) open(w *wire, datagram []byte) (plain []byte, header packet.Header, ok bool) {
	if w.open == nil {
		return nil, header, false
	}
	l.counts.Opened++
	plain, err := w.open.OpenRTP(datagram)
	if err == nil {
		header, err = packet.Parse(plain)
	}
	if err != nil {
		l.counts.refused(err)
	}
	return plain, header, err == nil
}

// clock notes how long a packet was under way, if it says when it was captured, and
// gives whose it is.
func (l *Load) clock(plain []byte, arrived int64) (from int, stamped bool) {
	from, captured, ok := clip.ReadStamp(plain)
	if !ok {
		return 0, false
	}
	latency := l.clocks.Latency(captured, l.config.Clock.At(arrived))
	if l.counts.Latency.Count() == 0 {
		l.counts.Least = latency
	}
	l.counts.Least = min(l.counts.Least, latency)
	l.counts.Latency.Add(latency)
	return from, true
}

func (v *view) picture(ssrc uint32) *screen {
	for _, p := range v.pictures {
		if p.ssrc == ssrc {
			return p
		}
	}
	p := &screen{ssrc: ssrc, inspect: v.inspect, from: -1, Picture: playout.NewPicture()}
	v.pictures = append(v.pictures, p)
	return p
}

func (v *view) sound(ssrc uint32) *speaker {
	for _, s := range v.sounds {
		if s.ssrc == ssrc {
			return s
		}
	}
	s := &speaker{ssrc, playout.NewSound()}
	v.sounds = append(v.sounds, s)
	return s
}

// inspect reads what the payload of a packet says of its place in the stream.
type inspect func(payload []byte, marker bool, p *playout.Packet) error

// inspects gives that of a codec.
func inspects(codec clip.Codec) inspect {
	switch codec {
	case clip.VP9:
		return inspectLayers
	case clip.H264:
		return func(payload []byte, marker bool, p *playout.Packet) error {
			return h264.Inspect(payload, marker, &p.Info)
		}
	case clip.AV1:
		return func(payload []byte, marker bool, p *playout.Packet) error {
			return av1.Inspect(payload, marker, &p.Info)
		}
	}
	return func(payload []byte, marker bool, p *playout.Packet) error {
		return vp8.Inspect(payload, marker, &p.Info)
	}
}

// inspectLayers reads VP9, which may be in spatial layers. Start and End are of a frame of one
// there; a picture begins with what needs no other layer of it, and ends with the
// marker (RFC 9628 section 4.1).
func inspectLayers(payload []byte, marker bool, p *playout.Packet) error {
	if err := vp9.Inspect(payload, &p.Info); err != nil || p.Info.Padding {
		return err
	}
	p.Info.Start, p.Info.End = p.Info.Start && !p.Info.InterPredicted, marker
	if p.Info.Key {
		for _, size := range vp9.Sizes(payload) {
			p.Sizes = append(p.Sizes, playout.Size(size))
		}
	}
	return nil
}

// put takes the payload of a packet in. What is not of its codec is a hole. Nothing before
// what can be decoded is asked for any more.
func (e *End) put(s *screen, header packet.Header, payload []byte, sequence uint16, arrived unit.Instant) {
	p := playout.Packet{Sequence: sequence, Timestamp: header.Timestamp, At: arrived}
	if s.inspect(payload, header.Marker, &p) != nil {
		return
	}
	s.stamp = header.Timestamp
	if frames := s.Put(p); len(frames) > 0 {
		e.sink(s.ssrc).missing.Overtaken(frames[len(frames)-1].Next)
	}
}

// near reports whether a timestamp is of about now: streams begin anywhere, so that it
// tells them apart (RFC 3550 section 5.1).
func (s *screen) near(timestamp uint32) bool {
	const while = 10 * clock
	apart := int32(timestamp - s.stamp)
	return apart > -while && apart < while
}

// wantKeys asks for key frames that are missing.
func (l *Load) wantKeys(e *End, w *wire, own uint32, now unit.Instant) {
	for _, p := range e.view.pictures {
		if p.WantsKey(now) {
			l.say(e, w, feedback.AppendPictureLoss(e.begin(w, own, e.sink(p.ssrc), now), own, p.ssrc))
		}
	}
}
