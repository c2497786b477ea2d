package simulcast

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// publisher is a sender made by hand: streams whose numbers a test sets where it
// likes, a clock the test moves.
type publisher struct {
	source *Source
	now    unit.Instant
	codec  Codec
	lines  [3]line
}

type line struct {
	ssrc      uint32
	sequence  uint16
	timestamp uint32 // at instant zero
	picture   int32
	bits      uint8
	tl0       uint8
	frame     uint16
	plain     bool // no picture IDs, but the descriptor's frame numbers
}

const clockRate = 90000

func newPublisher(codec Codec, sequence uint16) *publisher {
	p := &publisher{source: NewSource(clockRate), now: unit.Instant(time.Hour), codec: codec}
	for i := range p.lines {
		p.lines[i] = line{
			ssrc: uint32(100 + i), sequence: sequence + uint16(1000*i), timestamp: 0xffff0000 * uint32(i+1),
			picture: int32(sequence)&0x7fff + int32(i), bits: 15, tl0: uint8(sequence) + uint8(i), frame: sequence,
		}
		p.lines[i].picture &= 0x7fff
	}
	return p
}

// picture is what a frame to be made is.
type picture struct {
	key, up  bool
	temporal int8
	reach    int8
	packets  int
}

var keyPicture = picture{key: true, packets: 2}

// make gives the packets of one frame of a stream, not yet observed.
func (p *publisher) make(stream uint8, f picture) []Packet {
	l := &p.lines[stream]
	if f.temporal == 0 {
		l.tl0++
	}
	l.picture = (l.picture + 1) & (1<<l.bits - 1)
	l.frame++
	var packets []Packet
	for i := range max(f.packets, 1) {
		last := i == max(f.packets, 1)-1
		info := Info{
			Codec: p.codec, Temporal: f.temporal, Start: i == 0, End: last, Key: f.key && i == 0,
			UpSwitch: f.up, Reach: f.reach, PictureID: Absent, TL0: Absent, KeyIndex: Absent, FrameNumber: Absent,
		}
		switch {
		case l.plain || p.codec == AV1:
			info.FrameNumber = int32(l.frame)
		case p.codec == VP8 || p.codec == VP9:
			info.PictureID, info.PictureBits, info.TL0 = l.picture, l.bits, int16(l.tl0)
		}
		packets = append(packets, Packet{
			Info: info, At: p.now, SSRC: l.ssrc, Stream: stream,
			Timestamp: p.time(stream), Sequence: l.sequence, Marker: last,
		})
		l.sequence++
	}
	return packets
}

// time is the RTP time of a stream now.
func (p *publisher) time(stream uint8) uint32 {
	return p.lines[stream].timestamp + uint32(p.source.ticks(time.Duration(p.now)))
}

// padding gives a packet without payload.
func (p *publisher) padding(stream uint8) Packet {
	packet := p.make(stream, picture{})[0]
	l := &p.lines[stream]
	l.tl0--
	l.frame--
	l.picture = (l.picture - 1) & (1<<l.bits - 1)
	packet.Marker = false
	packet.Info = Info{Codec: p.codec, Padding: true, PictureID: Absent, TL0: Absent, KeyIndex: Absent, FrameNumber: Absent}
	return packet
}

func (p *publisher) wait(d time.Duration) { p.now = p.now.Add(d) }

const frameTime = 33 * time.Millisecond

// subscriber is an Output and what left it.
type subscriber struct {
	t *testing.T
	*Output
	publisher *publisher
	sent      []Outgoing
}

func (p *publisher) subscribe(t *testing.T, target Layer) *subscriber {
	s := &subscriber{t: t, Output: NewOutput(65530, 0xfffffff0), publisher: p}
	s.Selector.Aim(target)
	return s
}

// give lets packets arrive and returns the answers.
func (s *subscriber) give(packets ...Packet) []Outgoing {
	var out []Outgoing
	for _, p := range packets {
		s.publisher.source.Observe(&p)
		o := s.Next(s.publisher.source, &p)
		out = append(out, o)
		if o.Verdict != Drop {
			s.sent = append(s.sent, o)
		}
	}
	return out
}

// frame makes and gives a frame, a frame time after the last.
func (s *subscriber) frame(stream uint8, f picture) []Outgoing {
	s.publisher.wait(frameTime)
	return s.give(s.publisher.make(stream, f)...)
}

func (s *subscriber) last() Outgoing {
	s.t.Helper()
	if len(s.sent) == 0 {
		s.t.Fatal("nothing was sent")
	}
	return s.sent[len(s.sent)-1]
}

func (s *subscriber) verdicts(got []Outgoing, want ...Verdict) {
	s.t.Helper()
	if len(got) != len(want) {
		s.t.Fatalf("%d answers, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Verdict != want[i] {
			s.t.Fatalf("packet %d: verdict %d (%v), want %d", i, got[i].Verdict, got[i].Reason, want[i])
		}
	}
}

// gapless fails if what left has a hole in its sequence numbers, picture IDs or
// TL0PICIDX, or goes back in time.
func (s *subscriber) gapless() {
	s.t.Helper()
	for i := 1; i < len(s.sent); i++ {
		a, b := s.sent[i-1], s.sent[i]
		if b.Sequence != a.Sequence+1 {
			s.t.Fatalf("packet %d: sequence %d after %d", i, b.Sequence, a.Sequence)
		}
		if int32(b.Timestamp-a.Timestamp) < 0 {
			s.t.Fatalf("packet %d: timestamp back by %d", i, a.Timestamp-b.Timestamp)
		}
		if a.PictureID < 0 || b.PictureID < 0 || s.publisher.codec != VP8 {
			continue
		}
		step := (b.PictureID - a.PictureID) & (1<<b.PictureBits - 1)
		if want := b.Timestamp != a.Timestamp; want != (step == 1) || !want && step != 0 {
			s.t.Fatalf("packet %d: picture %d after %d", i, b.PictureID, a.PictureID)
		}
		if up := uint8(b.TL0 - a.TL0); up > 1 {
			s.t.Fatalf("packet %d: TL0PICIDX %d after %d", i, b.TL0, a.TL0)
		}
	}
}

// acrossWraps runs a test with sequence numbers, picture IDs and TL0PICIDX that
// start in the middle and just before each wraps.
func acrossWraps(t *testing.T, codec Codec, test func(t *testing.T, p *publisher)) {
	for name, sequence := range map[string]uint16{
		"in the middle": 20000, "before the wrap": 65533, "streams at their wraps": 64534,
		"pictures at their wrap": 32765, "TL0 at its wrap": 253,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPublisher(codec, sequence)) })
	}
}
