package simulcast

import (
	"time"

	"meshfocus/internal/unit"
)

// Streams is how many encodings one source may have. Browsers send three.
const Streams = 4

const (
	// window is how far behind the newest a packet may come and still be
	// forwarded: three seconds of 2.5 Mbit/s, far above what is NACKed.
	window = 1024
	// dropout is how far sequence numbers may jump ahead before that is taken
	// for a restart (MAX_DROPOUT of RFC 3550, appendix A.1).
	dropout = 3000
	// insist is how many successive packets have to go on after a jump until
	// it is believed. RFC 3550 says two; a burst of repairs can look so.
	insist = 3

	// straggling is how long what an SSRC sent before it was replaced may come:
	// more than its NACKs are repeated. memory is how many SSRCs are remembered
	// for that time.
	straggling = 10 * time.Second
	memory     = 8

	// usualInterval stands in until the time between frames has been measured.
	usualInterval = 33 * time.Millisecond
	// leastSilence and mostSilence bound three frame times and four jitters.
	leastSilence = 80 * time.Millisecond
	mostSilence  = 2 * time.Second
	// firstProof is how long a stream that had stopped must flow before it is
	// chosen again; it doubles with each stop up to 16 times, and is forgotten
	// after cleanSpell without one.
	firstProof = time.Second
	mostStops  = 4
	cleanSpell = 30 * time.Second
)

// Source is what is known of one published track, the same for every
// subscriber: the numbers and the health of its streams, their order by size,
// and their clocks. The read loop of the publisher's lane owns it and lets it
// observe each packet before the Outputs see it.
type Source struct {
	clock   uint32
	version uint32 // grows when anything that bears on the choice changes
	known   uint8  // streams seen
	order   [Streams]uint8
	streams [Streams]stream
}

// stream is one encoding.
type stream struct {
	ssrc       uint32
	retired    [memory]past // SSRCs before, the newest first
	generation uint8
	seen       bool // something of this ssrc arrived
	framed     bool // timestamp is that of a frame
	// flowing: frames arrive now. trusted: and did for long enough.
	flowing, trusted bool
	stops, missed    uint8
	suspect          uint16 // the number that would confirm a jump
	suspicion        uint8
	crest            crest
	area             uint32
	highest          uint32
	timestamp        uint32
	last, frameAt    unit.Instant
	since            unit.Instant // it flows since then
	interval, jitter time.Duration
	report           Report
}

// Report is a sender report's instant on two clocks (RFC 3550 section 6.4.1),
// and when it arrived.
type Report struct {
	NTP       uint64 // seconds since 1900 in 32.32 fixed point
	Timestamp uint32
	At        unit.Instant
}

// NewSource gives a source whose RTP timestamps tick clock times in a second.
func NewSource(clock uint32) *Source { return &Source{clock: clock, version: 1} }

// Observe takes note of a packet and fills in what the Outputs need. Padding is
// observed too: it uses up numbers.
func (s *Source) Observe(p *Packet) {
	p.place = stale
	if p.Stream >= Streams {
		return
	}
	t := &s.streams[p.Stream]
	if (!t.seen || p.SSRC != t.ssrc) && !s.restart(t, p) {
		return
	}
	ahead := int32(int16(p.Sequence - uint16(t.highest)))
	if (ahead > dropout || ahead <= -window) && !t.jumped(p.Sequence) {
		return
	}
	if t.suspicion >= insist {
		s.renumber(t, p.Sequence)
		ahead = 1
	}
	p.number, p.generation = t.highest+uint32(ahead), t.generation
	if ahead <= 0 {
		p.place = late
		return
	}
	p.place, t.highest, t.suspicion = inside, p.number, 0
	if p.Info.Padding {
		return
	}
	t.last = p.At
	if p.Timestamp == t.timestamp && t.framed {
		t.crest.see(&p.Info)
		return
	}
	p.place, t.timestamp = first, p.Timestamp
	if ahead > 1 {
		p.place = firstAfterLoss
	}
	if t.crest.turn(&p.Info) {
		s.version++
	}
	t.crest.see(&p.Info)
	s.frame(t, p)
}

// past is an SSRC that was replaced: until when, and its last number.
type past struct {
	used    bool
	highest uint16
	ssrc    uint32
	until   unit.Instant
}

// restart begins a stream or, with a new SSRC, begins it again.
func (s *Source) restart(t *stream, p *Packet) bool {
	switch {
	case !t.seen:
		t.seen, t.interval = true, usualInterval
		t.last = p.At
	case !t.succeeds(p):
		return false
	default:
		copy(t.retired[1:], t.retired[:])
		t.retired[0] = past{true, uint16(t.highest), t.ssrc, p.At}
	}
	t.ssrc = p.SSRC
	s.renumber(t, p.Sequence)
	return true
}

// succeeds reports whether a packet of another SSRC ends the present one. What an
// SSRC sent before it was replaced may still come, and is a straggler; it is let
// in again with newer numbers, when the present one has gone silent. Whoever
// changes faster than one can remember has to wait.
func (t *stream) succeeds(p *Packet) bool {
	for i := range t.retired {
		old := &t.retired[i]
		if !old.used || old.ssrc != p.SSRC || p.At.Sub(old.until) > straggling {
			continue
		}
		newer := int16(p.Sequence-old.highest) > 0
		return newer && p.At.Sub(t.last) >= mostSilence && t.jumped(p.Sequence)
	}
	oldest := &t.retired[memory-1]
	return !oldest.used || p.At.Sub(oldest.until) > straggling
}

// renumber makes sequence the next of a new generation.
func (s *Source) renumber(t *stream, sequence uint16) {
	t.highest = uint32(sequence-1) + 1<<16 // room below for what is late
	t.generation++
	t.framed, t.suspicion, t.report, t.crest = false, 0, Report{}, crest{}
	s.version++
}

// jumped reports whether a number far off has been followed by its successors.
func (t *stream) jumped(sequence uint16) bool {
	if sequence != t.suspect {
		t.suspicion = 0
	}
	t.suspicion++
	t.suspect = sequence + 1
	return t.suspicion >= insist
}

// frame takes note of the first packet of a frame.
func (s *Source) frame(t *stream, p *Packet) {
	if t.framed && t.flowing {
		t.measure(p.At)
	}
	t.framed, t.frameAt, t.missed = true, p.At, 0
	s.revive(t, p)
	s.listen(t, p.At)
	if p.Info.Width != 0 {
		s.Resize(p.Stream, p.Info.Width, p.Info.Height)
	}
}

// measure smooths the time between frames as they arrive, and its variation.
func (t *stream) measure(now unit.Instant) {
	gone := min(now.Sub(t.frameAt), time.Second)
	t.jitter += (max(gone-t.interval, t.interval-gone) - t.jitter) / 8
	t.interval += (gone - t.interval) / 8
}

// revive notes that a stream flows, and trusts it when it has for long enough.
func (s *Source) revive(t *stream, p *Packet) {
	if !t.flowing {
		t.flowing, t.since = true, p.At
		t.trusted = t.stops == 0
		s.enlist(p.Stream)
		s.version++
	}
	flowed := p.At.Sub(t.since)
	if !t.trusted && flowed >= firstProof<<(t.stops-1) {
		t.trusted = true
		s.version++
	}
	if t.stops > 0 && flowed >= cleanSpell {
		t.stops = 0
	}
}

// listen finds streams that have stopped while this one goes on. All silent
// together is a still picture or a dead uplink: no other would be better.
func (s *Source) listen(alive *stream, now unit.Instant) {
	if s.known < 2 {
		return
	}
	for i := range s.streams {
		t := &s.streams[i]
		if t == alive || !t.flowing {
			continue
		}
		t.missed++
		patience := min(max(3*t.interval+4*t.jitter, leastSilence), mostSilence)
		if t.missed >= 3 && now.Sub(t.last) > patience {
			s.stop(t)
		}
	}
}

func (s *Source) stop(t *stream) {
	if !t.flowing {
		return
	}
	t.flowing, t.trusted = false, false
	t.stops = min(t.stops+1, mostStops+1)
	s.version++
}

// Stop says that a stream is known to have stopped: its publisher said so (BYE,
// or the video layers allocation). Its next frame is a sign of life again.
func (s *Source) Stop(index uint8) {
	if index < Streams {
		s.stop(&s.streams[index])
	}
}

// Report takes a sender report of the SSRC; those of other SSRCs are ignored.
func (s *Source) Report(ssrc uint32, report Report) {
	for i := range s.streams {
		if t := &s.streams[i]; t.seen && t.ssrc == ssrc {
			t.report = report
		}
	}
}

// Resize says how large the pictures of a stream are. Key frames that name their
// size do it by themselves.
func (s *Source) Resize(index uint8, width, height uint16) {
	if index >= Streams {
		return
	}
	if t := &s.streams[index]; t.area != uint32(width)*uint32(height) {
		t.area = uint32(width) * uint32(height)
		s.sort()
	}
}

// enlist adds a stream to the order when its first frame came.
func (s *Source) enlist(index uint8) {
	for _, other := range s.order[:s.known] {
		if other == index {
			return
		}
	}
	s.order[s.known] = index
	s.known++
	s.sort()
}

// sort orders the streams by the size of their pictures. One of unknown size
// keeps the place its index gives it.
func (s *Source) sort() {
	s.version++
	order := s.order[:s.known]
	for again := true; again; { // at most four: nothing is simpler
		again = false
		for i := 1; i < len(order); i++ {
			if order[i] < order[i-1] {
				order[i], order[i-1], again = order[i-1], order[i], true
			}
		}
	}
	for i := range order {
		for j := range i {
			a, b := s.streams[order[j]].area, s.streams[order[i]].area
			if a != 0 && b != 0 && a > b {
				order[i], order[j] = order[j], order[i]
			}
		}
	}
}

// Layer says which spatial layer a stream is, 0 the smallest, and whether frames
// of it arrive at present. An unknown stream is layer -1.
func (s *Source) Layer(index uint8) (spatial int8, flowing bool) {
	for rank, other := range s.order[:s.known] {
		if other == index {
			return int8(rank), s.streams[index].flowing
		}
	}
	return -1, false
}

// choose gives the stream for a spatial layer: that layer if it can be relied
// on, else the next smaller that can, else the next larger. The present stream
// needs no proof: leaving it is what costs. -1 is none.
func (s *Source) choose(spatial, present int8) int8 {
	if s.known == 0 {
		return -1
	}
	wish := min(int(spatial), int(s.known)-1)
	for rank := wish; rank >= 0; rank-- {
		if s.usable(s.order[rank], present) {
			return int8(s.order[rank])
		}
	}
	for rank := wish + 1; rank < int(s.known); rank++ {
		if s.usable(s.order[rank], present) {
			return int8(s.order[rank])
		}
	}
	if present >= 0 {
		return present
	}
	return int8(s.order[wish])
}

func (s *Source) usable(index uint8, present int8) bool {
	t := &s.streams[index]
	return t.trusted || t.flowing && int8(index) == present
}

// ticks gives a duration in the source's RTP clock.
func (s *Source) ticks(d time.Duration) int64 {
	return int64(d) / 1000 * int64(s.clock) / 1_000_000
}
