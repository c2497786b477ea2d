package pion

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"meshfocus/focus/egress"
	"meshfocus/focus/pacer"
)

// around is what an IP packet has besides RTP: IPv4 and UDP. SRTP's tag is not
// known here.
const around = 28

// stream is one of the program's, with its retransmissions.
type stream struct {
	info      *interceptor.StreamInfo
	writer    interceptor.RTPWriter
	extension uint8 // of the transport-wide number, 0 if there is none
	sound     bool
	again     uint16 // the next number of the stream of retransmissions
	timestamp uint32 // of the newest picture
}

// outgoing is one packet that waits. It is used again.
type outgoing struct {
	stream     *stream
	header     rtp.Header
	payload    []byte
	attributes interceptor.Attributes
	departure  egress.Departure
}

// AddStream takes a stream of the program's: what is written to the result leaves
// by writer when its turn has come.
func (e *Estimator) AddStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	s := &stream{
		info: info, writer: writer, extension: extensionOf(info),
		sound: strings.HasPrefix(strings.ToLower(info.MimeType), "audio/"),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.numbered = e.numbered || s.extension != 0
	if info.SSRCRetransmission != 0 {
		e.repair = s
		e.path.Pad(paddingMost)
	}
	return interceptor.RTPWriterFunc(func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
		return e.write(s, header, payload, attributes)
	})
}

// write queues a packet.
func (e *Estimator) write(s *stream, header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, ErrClosed
	}
	p := e.fresh()
	p.stream, p.attributes = s, attributes
	p.header = header.Clone() // the program uses its own again
	p.payload = append(p.payload[:0], payload...)
	if s.extension != 0 {
		_ = p.header.SetExtension(s.extension, []byte{0, 0}) // its number comes as it leaves
	}
	size := p.header.MarshalSize() + len(payload) + int(header.PaddingSize)
	class := pacer.Video
	switch {
	case s.sound:
		class = pacer.Sound
	case header.SSRC != s.info.SSRC:
		class = pacer.Repair
	default:
		s.timestamp = header.Timestamp
	}
	if s.sound && s.extension == 0 && e.numbered { // the peer numbers pictures alone
		e.path.PutUntold(p, size+around, e.clock.now())
		e.rouse()
		return size, nil
	}
	frame := egress.Frame{Track: s.info.SSRC, ID: header.Timestamp, Key: true}
	e.path.Put(p, size+around, class, frame, e.clock.now())
	e.rouse()
	return size, nil
}

// fresh gives a packet to fill. The caller holds mu.
func (e *Estimator) fresh() *outgoing {
	if last := len(e.spare) - 1; last >= 0 {
		p := e.spare[last]
		e.spare = e.spare[:last]
		return p
	}
	return &outgoing{}
}

// run sends what is due, until Close.
func (e *Estimator) run() {
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	var batch []*outgoing
	for {
		var rest time.Duration
		batch, rest = e.take(batch[:0])
		for _, p := range batch {
			// A connection that is gone is not ours to mourn.
			_, _ = p.stream.writer.Write(&p.header, p.payload, p.attributes)
		}
		e.settle(batch)
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-e.wake:
		case <-e.done:
			return
		}
	}
}

// take gives what may leave now, numbered, and for how long nothing more may
// unless something comes.
func (e *Estimator) take(batch []*outgoing) ([]*outgoing, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.now()
	for {
		p, departure, ok := e.path.Take(now)
		if !ok {
			break
		}
		if departure.Padding > 0 {
			p = e.fresh()
			e.repair.pad(p, departure.Padding)
		}
		p.departure = departure
		e.number(p)
		batch = append(batch, p)
	}
	e.due = max(e.path.Next(), now.Add(breath))
	return batch, e.clock.until(e.due)
}

// breath is how long the loop rests at least: at 20 Mbit/s two packets leave then.
const breath = time.Millisecond

// settle takes back what has left, and tells who wants to know of a new target.
func (e *Estimator) settle(batch []*outgoing) {
	e.mu.Lock()
	for _, p := range batch {
		p.stream, p.attributes = nil, nil
		e.spare = append(e.spare, p)
	}
	var lines []byte
	if e.recorder != nil {
		lines = slices.Clone(e.recorder.Take())
	}
	target, changed := e.target(), e.changed
	fresh := changed != nil && target != e.said
	if fresh {
		e.said = target
	}
	e.mu.Unlock()
	if len(lines) > 0 {
		_, _ = e.trace.Write(lines) // a trace that cannot be kept is none
	}
	if fresh {
		changed(target)
	}
}

// pad makes a packet of nothing on the stream of retransmissions.
func (s *stream) pad(p *outgoing, size int) {
	p.stream, p.attributes, p.payload = s, nil, p.payload[:0]
	p.header = rtp.Header{
		Version: 2, SSRC: s.info.SSRCRetransmission, PayloadType: s.info.PayloadTypeRetransmission, Timestamp: s.timestamp,
		Padding: true, PaddingSize: uint8(min(max(size-around-12-8, 1), 255)),
	}
}

// number gives a packet the numbers it leaves with. The caller holds mu.
func (e *Estimator) number(p *outgoing) {
	s := p.stream
	if p.header.SSRC != s.info.SSRC && p.header.SSRC == s.info.SSRCRetransmission {
		p.header.SequenceNumber = s.again
		s.again++
	}
	if s.extension != 0 {
		var number [2]byte
		binary.BigEndian.PutUint16(number[:], p.departure.Number)
		_ = p.header.SetExtension(s.extension, number[:]) // two bytes always fit
		return
	}
	if p.departure.Untold {
		return
	}
	e.path.Name(p.departure.Number, p.header.SSRC, p.header.SequenceNumber)
}
