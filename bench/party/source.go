package party

import (
	"encoding/binary"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/playout"
)

const (
	// PayloadSize is that of every packet. With header, tag, UDP and IP it stays
	// below the 1280 bytes that every path carries.
	PayloadSize = 1200
	// frames in a second, whatever the rate.
	frames = 30
	// clock of video (RFC 7741 section 6.1).
	clock = 90_000
)

// rids are what layers are called, the smallest first: names that libwebrtc's
// users have made a custom, and that LiveKit goes by.
var rids = [...]string{"q", "h", "f"}

// source is a stream of packets that looks like VP8 to whoever reads payload
// descriptors and the first bytes of frames, and is noise to a decoder; with a film
// it is none, and with a sound it is Opus.
type source struct {
	ssrc, again uint32 // of packets, and of those sent again
	rid         string // "" of one that is alone
	// share of the publisher's rate: each layer has half of the next.
	share         float64
	width, height uint16

	interval int64 // ns between bursts; of a file, from the one that is due to the next
	burst    int
	perFrame int
	due      int64

	sequence  uint16
	timestamp uint32
	lasted    int64 // ns that what was sent last is shown or heard
	rest      int64 // of ns, what is less than a tick
	picture   uint16
	inFrame   int
	wantKey   bool
	key       bool

	film  *film       // of a faithful publisher's picture
	sound *clip.Sound // of its voice
	// silent is what its voice says of itself, and from the publisher's number.
	silent bool
	from   int

	packets, octets uint32 // sent so far, without those sent again
	kept            kept

	header  [64]byte
	payload [PayloadSize]byte
}

// newSource makes the source of a layer, of so many; 0 or 1 is one without a
// name.
func newSource(ssrc uint32, layer, of int) *source {
	s := &source{
		ssrc: ssrc, again: ssrc ^ 0x5a5a5a5a, sequence: uint16(ssrc), timestamp: ssrc * 7919, wantKey: true,
		share: 1, width: 1280, height: 720,
	}
	if of > 1 {
		below := of - 1 - layer
		s.rid, s.share = rids[len(rids)-1-below], 1/float64(int(1)<<below)
		s.width, s.height = s.width>>below, s.height>>below
	}
	for i := range s.payload {
		s.payload[i] = byte(i*31 + int(ssrc))
	}
	return s
}

// pace sets the rate, in packets a second in bursts of so many, from now on. A
// rate of 0 stops.
func (s *source) pace(now int64, rate float64, burst int) {
	if s.film != nil || s.sound != nil { // goes by itself
		if s.interval != 0 && rate > 0 {
			return
		}
		s.interval, s.due, s.burst = 0, now, 1
		if rate > 0 {
			s.interval = s.lasts()
		}
		return
	}
	rate *= s.share
	s.burst, s.perFrame = max(burst, 1), max(int(rate/frames+0.5), 1)
	s.interval, s.due = 0, 0
	if rate > 0 {
		s.interval = int64(1e9 * float64(s.burst) / rate)
		s.due = now
	}
}

// lasts says for how many ns the next frame or sound is there. One that goes by packets
// has its pace.
func (s *source) lasts() int64 {
	switch {
	case s.film != nil:
		return s.film.lasts(s.wantKey)
	case s.sound != nil:
		return int64(s.sound.At(int(s.packets)).Lasts)
	}
	return s.interval
}

// pass lets the time of what was there go by, and what is due begin.
func (s *source) pass() {
	ticks := int64(clock)
	if s.sound != nil {
		ticks = playout.SoundClock
	}
	s.rest += s.lasted * ticks
	s.timestamp += uint32(s.rest / int64(time.Second))
	s.rest %= int64(time.Second)
	s.lasted = s.interval
}

// skip lets the time of what is due be without it: what follows comes later.
func (s *source) skip() {
	if s.film != nil || s.sound != nil {
		s.pass()
	}
}

// next gives header and payload of the next packet, which are good until the
// one after. number is its transport-wide one.
//
//	 0 1 2 3 4 5 6 7
//	|X|R|N|S|R| PID |  X, and S at the beginning of a frame (RFC 7741 section 4.2)
//	|I|L|T|K|  RSV  |  I, L and T
//	|M| PictureID   |  of 15 bits
//	|   PictureID   |
//	|   TL0PICIDX   |
//	|TID|Y| KEYIDX  |  always layer 0
//	|Size0|H| VER |P|  P is 0 in key frames, H: is shown (RFC 7741 section 4.3)
func (s *source) next(now int64, w *wire, number uint16) (header, payload []byte) {
	if s.sound != nil {
		return s.say(now, w)
	}
	first := s.inFrame == 0
	if first {
		s.picture = (s.picture + 1) & 0x7fff
		if s.film != nil {
			s.pass()
		} else {
			s.timestamp += clock / frames
		}
		s.key, s.wantKey = s.wantKey, false
	}
	s.inFrame++
	last := s.inFrame >= s.perFrame
	if s.film != nil {
		last = len(s.film.left) == 1
	}
	if last {
		s.inFrame = 0
	}
	p, shown := s.payload[:], s.timestamp
	if s.film != nil {
		p = p[:s.film.take(p)]
	} else {
		s.imitate(p, first)
		clip.Stamp(p, 0, now)
	}
	h := s.begin(w.out.media, last)
	s.kept.keep(s.sequence, shown, last, p)
	s.sequence++
	s.packets++
	s.octets += uint32(len(p))
	return appendElements(h, now, w.out, w.mid, w.out.rid, s.rid, number, nil), p
}

// imitate writes what a packet of VP8 begins with.
func (s *source) imitate(p []byte, first bool) {
	p[0] = 0x80
	p[1], p[2], p[3], p[4], p[5] = 0xe0, 0x80|byte(s.picture>>8), byte(s.picture), byte(s.picture), 0
	p[6] = 0x11
	if first {
		p[0] |= 0x10
		if s.key {
			p[6] = 0x10
			// Start code, width and height (RFC 6386 section 9.1).
			copy(p[9:], []byte{0x9d, 0x01, 0x2a, byte(s.width), byte(s.width >> 8), byte(s.height), byte(s.height >> 8)})
		}
	}
}

// begin writes the fixed part of a header.
func (s *source) begin(media uint8, last bool) []byte {
	h := s.header[:12]
	h[0], h[1] = 0x80, media
	if last {
		h[1] |= 0x80
	}
	binary.BigEndian.PutUint16(h[2:], s.sequence)
	binary.BigEndian.PutUint32(h[4:], s.timestamp)
	binary.BigEndian.PutUint32(h[8:], s.ssrc)
	return h
}

// appendElements gives a header the extensions that were agreed to, in the form
// of one byte (RFC 8285 section 4.2); the rid has a number of its own on what is
// sent again.
func appendElements(h []byte, now int64, n numbers, mid string, ridNumber uint8, rid string, number uint16, level []byte) []byte {
	at := len(h)
	h = append(h, 0xbe, 0xde, 0, 0)
	element := func(id uint8, value ...byte) {
		if id != 0 && len(value) > 0 {
			h = append(append(h, id<<4|byte(len(value)-1)), value...)
		}
	}
	element(n.mid, []byte(mid)...)
	element(ridNumber, []byte(rid)...)
	// Seconds in 6 bits and 18 behind the point.
	sent := uint32((uint64(now)%64e9)<<18/1e9) & 0xffffff
	element(n.sendTime, byte(sent>>16), byte(sent>>8), byte(sent))
	element(n.level, level...)
	element(n.transport, byte(number>>8), byte(number))
	if len(h) == at+4 {
		return h[:at]
	}
	for len(h)%4 != 0 {
		h = append(h, 0)
	}
	h[0] |= 0x10
	h[at+3] = byte((len(h) - at - 4) / 4)
	return h
}
