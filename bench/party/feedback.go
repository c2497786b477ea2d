package party

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"math/rand/v2"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

const (
	// reports leave once a second (RFC 3550 section 6.2 has five).
	reports = time.Second
	// most is what subscribers that are not faithful say may come, where they say that:
	// more than any scenario has.
	most = 1_000_000_000
	// limiting is how often faithful ones say it, and at once when it falls to less than
	// falls of what was said (libwebrtc's RembThrottler).
	limiting = 200 * time.Millisecond
	falls    = 0.97
	// ipHeaders are those of IPv4 and UDP.
	ipHeaders = 28
)

// tell sends what an End has to say by now. What each has to say is spread over
// its interval: those of true parties do not come together.
func (l *Load) tell(e *End, now unit.Instant) {
	w := e.wire.Load()
	if w == nil || w.seal == nil {
		return
	}
	if !now.Before(e.reporting) {
		if e.reporting != unit.Never {
			for report := range e.reports(w, now) {
				l.say(e, w, report)
			}
		}
		e.reporting = now.Add(spread(e.reporting == unit.Never, reports))
	}
	if len(e.sinks) == 0 {
		return
	}
	own := e.sinks[0].ssrc + 1 // nobody else's on this connection
	if e.arrivals != nil && !now.Before(max(e.arrivals.Next(), e.telling)) {
		l.say(e, w, e.arrivals.Append(e.begin(w, own, e.sinks[0], now), own, e.sinks[0].ssrc, now))
	}
	if e.view != nil {
		l.wantKeys(e, w, own, now)
		l.tellLimit(e, w, own, now)
	}
	if !w.nack || e.every > 1 {
		return
	}
	for _, s := range e.sinks {
		if now.Before(s.missing.Next(0)) {
			continue
		}
		if l.wanted = s.missing.Due(l.wanted[:0], 0, now); len(l.wanted) > 0 {
			l.counts.Asked += uint64(len(l.wanted))
			l.say(e, w, feedback.AppendNack(e.begin(w, own, s, now), own, s.ssrc, l.wanted))
		}
	}
}

// spread is an interval, at first a part of it.
func spread(first bool, interval time.Duration) time.Duration {
	if first {
		return rand.N(interval)
	}
	return interval
}

// begin begins a datagram about a stream, with a report of that stream if it has to be
// compound (RFC 3550 section 6.1): by its first block Janus finds whom the rest is for
// (janus_rtcp_get_receiver_ssrc), and passes on nothing of which it does not know that.
func (e *End) begin(w *wire, own uint32, s *sink, now unit.Instant) []byte {
	if w.reduced {
		return e.rtcp[:0]
	}
	return feedback.AppendReceiverReport(e.rtcp[:0], own, s.report(e.every, now))
}

// reports gives sender reports of a publisher together; and of a subscriber a datagram for
// each stream, as browsers have them: Janus takes the first block for what all of it is about,
// and keeps what could be asked for again of those streams only of which it knows the round
// trip (janus_ice_cb_nice_recv, nack_queue_ms).
func (e *End) reports(w *wire, now unit.Instant) iter.Seq[[]byte] {
	return func(say func([]byte) bool) {
		if len(e.sources) > 0 {
			say(e.sent(now))
			return
		}
		for i, s := range e.sinks {
			own := e.sinks[0].ssrc + 1
			plain := feedback.AppendReceiverReport(e.rtcp[:0], own, s.report(e.every, now))
			plain = feedback.AppendDescription(plain, own, e.Name)
			if i == 0 && w.maximum && e.view == nil {
				plain = appendMaximum(plain, own, most, e.sinks)
			}
			if !say(plain) {
				return
			}
		}
	}
}

// sent writes the sender reports of a publisher.
func (e *End) sent(now unit.Instant) []byte {
	plain := e.rtcp[:0]
	for _, s := range e.sources {
		plain = feedback.AppendSenderReport(plain, s.ssrc, feedback.Info{
			NTP: feedback.NTPOf(time.Unix(0, int64(now))), Timestamp: s.timestamp, Packets: s.packets, Octets: s.octets,
		})
	}
	return feedback.AppendDescription(plain, e.sources[0].ssrc, e.Name)
}

// tellLimit says how much may come when that is known anew, as it was found out.
func (l *Load) tellLimit(e *End, w *wire, own uint32, now unit.Instant) {
	rate, found := e.limit.Rate()
	if !found {
		return
	}
	if now.Before(e.limiting) && float64(rate) >= falls*float64(e.limited) {
		return
	}
	e.limited, e.limiting = rate, now.Add(limiting)
	l.say(e, w, appendMaximum(e.begin(w, own, e.sinks[0], now), own, uint64(rate), e.sinks))
}

// appendMaximum appends how much may come (draft-alvestrand-rmcat-remb-03
// section 2.2), in bits a second, a number of 18 bits times a power of two.
func appendMaximum(dst []byte, own uint32, rate uint64, sinks []*sink) []byte {
	exponent := max(bits.Len64(rate)-18, 0)
	mantissa := uint32(rate >> exponent)
	dst = append(dst, 0x80|15, 206, 0, byte(4+len(sinks)))
	dst = binary.BigEndian.AppendUint32(dst, own)
	dst = append(dst, 0, 0, 0, 0, 'R', 'E', 'M', 'B', byte(len(sinks)), byte(exponent<<2)|byte(mantissa>>16), byte(mantissa>>8), byte(mantissa))
	for _, s := range sinks {
		dst = binary.BigEndian.AppendUint32(dst, s.ssrc)
	}
	return dst
}

// say seals and sends a datagram of RTCP; nothing if there is none.
func (l *Load) say(e *End, w *wire, plain []byte) {
	if len(plain) == 0 {
		return
	}
	l.sealed = l.sealed[:0]
	var err error
	if l.sealed, err = w.seal.SealRTCP(l.sealed, plain); err != nil || e.socket.send(l.sealed, w.remote) != nil {
		l.counts.Broken++
		return
	}
	l.counts.Told++
}

// hear takes what a publisher is asked for, and the clock of what a subscriber
// gets.
func (l *Load) hear(e *End, w *wire, plain []byte, now unit.Instant) {
	compound := feedback.Read(plain)
	for {
		message, ok := compound.Next()
		if !ok {
			return
		}
		switch message.Kind {
		case feedback.PictureLoss, feedback.FullIntra:
			l.counts.KeyFrames++
			e.refresh(l.config.Faithful, now)
		case feedback.Nack:
			l.sendAgain(e, w, message, now)
		case feedback.SenderReport:
			for _, s := range e.sinks {
				if s.ssrc == message.Sender {
					s.receiver.Told(message.Info(), now)
				}
			}
		}
	}
}

// refreshed is how long libwebrtc's encoder does not listen to wishes for key frames after
// one that it has granted (min_keyframe_send_interval, video/encoder_rtcp_feedback.cc).
const refreshed = 300 * time.Millisecond

// refresh begins a key frame of all layers, as browsers do; faithful publishers let
// wishes pass that come too soon after another, as browsers do, too.
func (e *End) refresh(faithful bool, now unit.Instant) {
	if faithful && e.granted != unit.Never && now.Sub(e.granted) < refreshed {
		return
	}
	e.granted = now
	for _, s := range e.sources {
		s.wantKey = true
	}
}

// sendAgain sends what a server has missed.
func (l *Load) sendAgain(e *End, w *wire, nack feedback.Message, now unit.Instant) {
	for _, s := range e.sources {
		if s.ssrc != nack.Media {
			continue
		}
		for sequence := range nack.Lost() {
			header, payload, ok := s.repeat(sequence, int64(now), w, e.transport)
			if !ok {
				continue
			}
			e.transport++
			l.sealed = l.sealed[:0]
			var err error
			if l.sealed, err = w.seal.SealRTP(l.sealed, header, payload); err == nil && e.socket.send(l.sealed, w.remote) == nil {
				l.counts.SentAgain++
			}
		}
	}
}
