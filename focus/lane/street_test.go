package lane

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// street is a publisher of three layers and of sound, a lane whose loops the test
// turns by hand, a narrow link, and a subscriber that gives feedback as browsers do:
// all in virtual time.
type street struct {
	t      testing.TB
	lane   *Lane
	sender *sender
	reader *reader
	now    unit.Instant

	publisher *End
	picture   *Track
	sound     *Track
	cameras   [3]*camera
	voice     voice
	keyAt     unit.Instant // when the key frame that was asked for is made
	asked     int64

	end      *End
	sub      *Subscription
	opener   *srtp.Opener
	capacity unit.BitRate
	free     unit.Instant // when the link has sent everything
	dropped  int
	queue    time.Duration // how long the last packet waited
	flying   []flight
	arrivals *feedback.Arrivals
	streams  *feedback.StreamArrivals // in place of them, if not nil
	mute     bool                     // no feedback
	untold   bool                     // no transport-wide numbers on sound
	starved  *rand.Rand               // if not nil, turns are held up before they write
	heldUp   bool                     // the turn that is under way is
	goesOn   unit.Instant             // when it goes on
	loss     *rand.Rand               // if not nil, the link loses 3 % of the packets
	screen   screen

	numbers  []uint16 // of the pictures that left
	marker   bool
	cuts     int
	worst    time.Duration // that sound waited on the link
	soundOut int
}

type flight struct {
	at       unit.Instant
	number   uint16 // if it is numbered
	numbered bool
	ssrc     uint32
	sequence uint16
	marker   bool
	key      bool   // a key frame begins with it
	repeat   bool   // of a picture's packet,
	original uint16 // with this number
}

const (
	streetLink    = 25 * time.Millisecond
	streetQueue   = 300 * time.Millisecond
	streetNumbers = 2 // of the transport-wide number, in writer
)

// rates of the layers, in bytes of a picture at 30 in a second.
var streetSizes = [3]int{150_000 / 8 / 30, 500_000 / 8 / 30, 1_500_000 / 8 / 30}

// newStreet makes a street whose subscriber takes retransmissions under an SSRC, 0 for
// none.
func newStreet(t testing.TB, repeats uint32) *street { return newStreetWith(t, repeats, false) }

// newStreetWith is the same, with sound told of or not.
func newStreetWith(t testing.TB, repeats uint32, untold bool) *street {
	s := &street{t: t, untold: untold, now: unit.Instant(time.Hour), capacity: 3 * unit.Megabit, arrivals: feedback.NewArrivals(), keyAt: unit.Far}
	s.lane = New(Config{Now: func() unit.Instant { return s.now }})
	s.sender, s.reader = newSender(s.lane), newReader(s.lane, 4096)
	s.publisher = s.lane.NewEnd(EndConfig{Name: "publisher", CName: "street"})
	s.picture = s.lane.NewTrack(TrackConfig{Kind: Video})
	s.sound = s.lane.NewTrack(TrackConfig{Kind: Audio, Codec: simulcast.Opus})
	s.publisher.SetIncoming(Incoming{
		Numbers:  extensions(t, packet.MID, packet.RID),
		Sections: []IncomingSection{{MID: "1", Track: s.picture, Formats: []Format{vp8Format()}, RIDs: []string{"q", "h", "f"}}},
	})
	for i, rid := range []string{"q", "h", "f"} {
		s.cameras[i] = named(uint32(1000+10*i), rid)
	}
	s.subscribe(repeats)
	return s
}

func (s *street) subscribe(repeats uint32) {
	var err error
	if s.opener, err = srtp.NewOpener(master(s.t, srtp.AES128GCM, 1)); err != nil {
		s.t.Fatal(err)
	}
	s.end = s.lane.NewEnd(EndConfig{Name: "subscriber", CName: "street", Adaptive: true})
	if err := s.end.Secure(master(s.t, srtp.AES128GCM, 1), master(s.t, srtp.AES128GCM, 101)); err != nil {
		s.t.Fatal(err)
	}
	out := writer(s.t, false, packet.AbsSendTime, packet.TransportNumber)
	s.sub, err = s.end.Subscribe(s.picture, SubscriptionConfig{SSRC: 10, RTX: repeats, Formats: []Format{vp8Format()}, Writer: out, First: all})
	if err == nil {
		if s.untold {
			out = writer(s.t, false, packet.AbsSendTime)
		}
		_, err = s.end.Subscribe(s.sound, SubscriptionConfig{SSRC: 20, Formats: []Format{opusFormat()}, Writer: out})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.sender.turn()
	s.end.out.route = route{known: true}
	s.end.out.relay = &relay{waiting: make(chan []byte, 4096), spare: make(chan []byte)}
}

// run lets time pass, a millisecond at a time.
func (s *street) run(d time.Duration) {
	for end := s.now.Add(d); s.now < end; s.now = s.now.Add(time.Millisecond) {
		since := s.now.Sub(unit.Instant(time.Hour))
		if since%(20*time.Millisecond) == 0 {
			s.talk()
		}
		if since%(33*time.Millisecond) == 0 {
			s.show(s.now >= s.keyAt || since == 0)
		}
		if since%(10*time.Millisecond) == 0 {
			s.lane.due(s.now)
		}
		s.request()
		s.turn()
		s.carry()
		s.report()
	}
}

// turn has the sender take a turn. On a starved machine another program has the
// processor for up to 50 ms between its look at the clock and its call of the kernel.
func (s *street) turn() {
	switch {
	case s.now < s.goesOn:
	case s.heldUp:
		s.heldUp = false
		s.sender.pressing()
		s.sender.flush()
	case s.starved != nil && s.starved.IntN(3) == 0:
		s.lane.mail.collect(&s.sender.batches, &s.sender.letters)
		s.sender.take()
		s.heldUp, s.goesOn = true, s.now.Add(time.Duration(s.starved.IntN(50))*time.Millisecond)
	default:
		s.sender.turn()
	}
}

func (s *street) talk() {
	one := s.voice.packet()
	one.SSRC = 20
	one.Payload = append(one.Payload, make([]byte, 75)...)
	clear, err := one.Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.sound.Write(clear, s.now); err != nil {
		s.t.Fatal(err)
	}
	s.sound.Flush()
}

// show makes the next picture of each layer.
func (s *street) show(key bool) {
	if key {
		s.keyAt = unit.Far
	}
	for i, c := range s.cameras {
		size := streetSizes[i]
		if key {
			size *= 6
		}
		packets := (size + 1099) / 1100
		c.size = size / packets
		for j, one := range c.frame(key, packets) {
			if key && j == 0 { // the picture's size, behind a descriptor and the frame's tag and start code
				at := len(one.Payload) - c.size/2*2 - 4
				binary.LittleEndian.PutUint16(one.Payload[at:], uint16(160<<i))
				binary.LittleEndian.PutUint16(one.Payload[at+2:], uint16(90<<i))
			}
			clear, err := one.Marshal()
			if err != nil {
				s.t.Fatal(err)
			}
			s.publisher.mutex.Lock()
			s.publisher.opened(s.reader, clear, envelope{}, s.now)
			s.publisher.settle(s.reader, s.now)
			s.publisher.mutex.Unlock()
		}
	}
	s.reader.done()
}

// request has a key frame made 80 ms after it was asked for.
func (s *street) request() {
	if asked := s.picture.Stats().Requests; asked > s.asked {
		if s.asked = asked; s.keyAt == unit.Far {
			s.keyAt = s.now.Add(80 * time.Millisecond)
		}
	}
}

// carry puts on the link what has left.
func (s *street) carry() {
	for len(s.end.out.relay.waiting) > 0 {
		datagram := <-s.end.out.relay.waiting
		if packet.Demultiplex(datagram) == packet.RTCP {
			continue
		}
		size := len(datagram) + 28
		clear, err := s.opener.OpenRTP(datagram)
		if err != nil {
			s.t.Fatalf("what was sent cannot be opened: %v", err)
		}
		header, err := packet.Parse(clear)
		if err != nil {
			s.t.Fatal(err)
		}
		var p packet.Packet
		p.Bytes = clear
		numbers := &packet.Numbers{}
		_ = numbers.Set(packet.TransportNumber, streetNumbers)
		if err := p.Parse(numbers); err != nil {
			s.t.Fatal(err)
		}
		s.note(&header)
		waits := max(s.free.Sub(s.now), 0)
		if waits > streetQueue {
			s.dropped++
			continue
		}
		s.queue = waits
		if header.SSRC == 20 {
			s.worst, s.soundOut = max(s.worst, waits), s.soundOut+1
		}
		s.free = max(s.free, s.now).Add(s.capacity.Duration(size))
		if s.loss != nil && s.loss.Float64() < 0.03 {
			continue
		}
		f := flight{at: s.free.Add(streetLink), ssrc: header.SSRC, sequence: header.Sequence, marker: header.Marker}
		if number := p.Value(packet.TransportNumber); len(number) == 2 {
			f.number, f.numbered = binary.BigEndian.Uint16(number), true
		}
		if payload := p.Payload(); len(payload) > 2 { // else padding
			f.original, f.repeat = binary.BigEndian.Uint16(payload), header.SSRC == 11
			if f.repeat {
				payload = payload[2:]
			}
			var info simulcast.Info
			f.key = (f.repeat || header.SSRC == 10) && vp8.Inspect(payload, header.Marker, &info) == nil && info.Key
		}
		s.flying = append(s.flying, f)
	}
}

// note keeps the numbers of pictures.
func (s *street) note(h *packet.Header) {
	if h.SSRC != 10 {
		return
	}
	if last := len(s.numbers) - 1; last >= 0 && h.Sequence != s.numbers[last]+1 {
		if h.Sequence != s.numbers[last]+2 || s.marker {
			s.t.Errorf("number %d follows %d", h.Sequence, s.numbers[last])
		}
		s.cuts++
	}
	s.numbers, s.marker = append(s.numbers, h.Sequence), h.Marker
}

// report has arrive what does, and told of it.
func (s *street) report() {
	for len(s.flying) > 0 && s.flying[0].at <= s.now {
		if f := s.flying[0]; s.streams != nil {
			s.streams.Arrived(f.ssrc, f.sequence, 0, f.at)
		} else if f.numbered {
			s.arrivals.Arrived(f.number, f.at)
		}
		s.screen.arrive(&s.flying[0])
		s.flying = s.flying[1:]
	}
	for _, rtcp := range s.screen.ask(s.now) {
		s.lane.hear(s.end, rtcp, s.now)
	}
	// The way back takes as long; the report is of then.
	rtcp := s.arrivals.Append(nil, 1, 10, s.now)
	if s.streams != nil {
		rtcp = s.streams.Append(nil, 1, s.now)
	}
	if len(rtcp) > 0 && !s.mute {
		s.lane.hear(s.end, rtcp, s.now)
	}
}

// close ends everything, the lane itself if it is to.
func (s *street) close(lane bool) {
	if s.end.out.relay = nil; lane {
		s.sender.end()
	}
	s.end.Close()
	s.publisher.Close()
	s.picture.Close()
	s.sound.Close()
	s.sender.turn()
	if held := s.reader.pool.Held(); held != 0 {
		s.t.Errorf("%d packets are held", held)
	}
}
