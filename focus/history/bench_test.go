package history

import (
	"testing"
	"time"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

// numbers is as large as what a codec's rewriter decides.
type numbers [24]byte

// stream is a layer of 250 packets a second in full swing, sent to one subscriber.
type stream struct {
	pool *packet.Pool
	ring *Ring
	sent *Sent[numbers]
	left *Departures
	now  unit.Instant
	next int64
}

func newStream() *stream {
	s := &stream{pool: packet.NewPool(100, 1000), ring: NewRing(time.Second, 512), sent: NewSent[numbers](512), left: NewDepartures()}
	for range 1000 {
		s.forward()
	}
	return s
}

func (s *stream) forward() {
	p := s.receive()
	s.sent.Add(uint16(p.Number), p.Handle(), numbers{})
	s.left.Leave(1200, 0, s.now)
	p.Release()
}

func (s *stream) receive() *packet.Packet {
	s.now = s.now.Add(4 * time.Millisecond)
	p := s.pool.Take()
	p.Number, p.Arrived = s.next, s.now
	s.next++
	s.ring.Add(p)
	return p
}

// The way of a packet and of a NACK: once all has grown nothing allocates.
func TestWay_AllocatesNothing(t *testing.T) {
	s := newStream()
	roundTrip := time.Nanosecond
	for name, step := range map[string]func(){
		"forward": s.forward,
		"again": func() {
			if found, outcome := s.sent.Again(uint16(s.next-20), roundTrip, s.now); outcome == Resend {
				found.Packet.Release()
			}
		},
		"feedback": func() { s.left.Acknowledge(s.left.Next()-10, true) },
		"expire":   func() { s.ring.Expire(s.now) },
	} {
		if got := testing.AllocsPerRun(1000, step); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkRing(b *testing.B) {
	s := newStream()
	b.ReportAllocs()
	for b.Loop() {
		s.receive().Release()
	}
}

func BenchmarkSentAdd(b *testing.B) {
	s := newStream()
	p := s.receive()
	var sequence uint16
	b.ReportAllocs()
	for b.Loop() {
		sequence++
		s.sent.Add(sequence, p.Handle(), numbers{})
	}
}

func BenchmarkSentAgain(b *testing.B) {
	s := newStream()
	b.ReportAllocs()
	for b.Loop() {
		sequence := uint16(s.next - 20)
		s.sent.cell(s.next - 20).times = 0
		if found, outcome := s.sent.Again(sequence, time.Millisecond, s.now); outcome == Resend {
			found.Packet.Release()
		} else {
			b.Fatal(outcome)
		}
	}
}

func BenchmarkDepartures(b *testing.B) {
	s := newStream()
	b.Run("leave", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.now = s.now.Add(4 * time.Millisecond)
			s.left.Leave(1200, 0, s.now)
		}
	})
	b.Run("acknowledge", func(b *testing.B) {
		b.ReportAllocs()
		number := s.left.Next() - 256
		for b.Loop() {
			number++
			s.left.Acknowledge(number, true)
		}
	})
}

// BenchmarkForward_ToFifty is all that is ours on the way of a packet to fifty
// subscribers but choosing, sealing and the socket: header, payload of 1200 bytes
// into the arena, what was sent and what left. One operation is one subscriber's
// packet; the memory of fifty does not fit where that of one does.
func BenchmarkForward_ToFifty(b *testing.B) {
	type subscriber struct {
		sent     *Sent[numbers]
		left     *Departures
		fields   packet.Fields
		sequence uint16
	}
	var extmap packet.Numbers
	for number, e := range []packet.Extension{1: packet.AbsSendTime, packet.TransportNumber, packet.Descriptor} {
		if e != packet.None {
			if err := extmap.Set(e, uint8(number)); err != nil {
				b.Fatal(err)
			}
		}
	}
	writer := packet.NewWriter(&extmap, true)
	subscribers := make([]subscriber, 50)
	for i := range subscribers {
		subscribers[i] = subscriber{sent: NewSent[numbers](512), left: NewDepartures()}
	}
	pool, ring := packet.NewPool(1500, 1000), NewRing(time.Second, 512)
	datagram := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 3,
		0x12, 1, 2, 3, 0x21, 4, 5, 0x32, 0x80, 0, 1, 0}, make([]byte, 1200)...)
	arena := make([]byte, 0, 128<<10)
	now, next := unit.Instant(1), 0
	var p *packet.Packet
	b.ReportAllocs()
	for b.Loop() {
		if next == 0 {
			if p != nil {
				p.Release()
			}
			now = now.Add(4 * time.Millisecond)
			p = pool.Take()
			p.Fill(datagram)
			if p.Parse(&extmap) != nil {
				b.Fatal("not parsed")
			}
			p.Arrived = now
			ring.Add(p)
			arena = arena[:0]
		}
		s := &subscribers[next]
		s.sequence++
		s.fields.Sequence = s.sequence
		s.fields.TransportNumber = s.left.Leave(1240, 0, now)
		arena = writer.Append(arena, &s.fields, p)
		arena = append(arena, p.Payload()...)
		s.sent.Add(s.sequence, p.Handle(), numbers{})
		if next++; next == len(subscribers) {
			next = 0
		}
	}
}
