package congestion

import (
	"slices"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// How a browser repairs: it asks at once, then every 100 ms, ten times; for a key
// frame after 200 ms without any decodable one, and after 3 s without a frame.
const (
	nackEvery   = 100 * time.Millisecond
	nackMost    = 10
	keyPatience = 200 * time.Millisecond
	patience    = 3 * time.Second
	viewerLooks = 10 * time.Millisecond
)

// viewer is the subscriber: a browser.
type viewer struct {
	stage    *stage
	process  *process
	arrivals *feedback.Arrivals
	reported unit.Instant
	reports  int64
	tracks   []shown
	sounds   []soundHeard
}

// soundHeard is one packet of sound that came.
type soundHeard struct{ captured, at unit.Instant }

// shown is one track at the viewer.
type shown struct {
	begun   bool
	highest int64 // sequence number without wrap
	missing []missingPacket
	whole   []*picture // not decoded yet
	newest  int        // order of the last that was decoded
	last    *picture
	// waiting for a key frame since then, or for any frame since the last.
	keyless bool
	since   unit.Instant

	rendered []rendered
	pictures []*picture // all of which anything came
	requests int
}

type missingPacket struct {
	sequence int64
	again    unit.Instant
	tries    int
}

// rendered is a decoded frame.
type rendered struct {
	at              unit.Instant
	layer, temporal int8
}

func newViewer(st *stage) *viewer {
	v := &viewer{
		stage: st, process: newProcess(st.spec.Starved, st.clock, st.luck(starvedLuck)),
		arrivals: feedback.NewArrivals(), tracks: make([]shown, st.spec.Tracks),
	}
	for i := range v.tracks {
		v.tracks[i].keyless, v.tracks[i].since = true, discrete.Start
	}
	return v
}

// Wake looks for what is late, and reports.
func (v *viewer) Wake(now unit.Instant) {
	if v.process.stands(now) {
		v.process.later(v.turn)
		return
	}
	v.turn(now)
}

func (v *viewer) turn(now unit.Instant) {
	for i := range v.tracks {
		v.look(i, now)
	}
	if next := v.arrivals.Next(); next != unit.Far && now >= max(next, v.reported.Add(50*time.Millisecond)) {
		v.report(now)
	}
	v.stage.clock.At(now.Add(viewerLooks), v)
}

func (v *viewer) report(now unit.Instant) {
	v.reported = now
	body := v.arrivals.Append(nil, 2, 1, now)
	if len(body) == 0 {
		return
	}
	v.reports++
	v.stage.back.Put(Packet{Flow: 1, Kind: discrete.Feedback, Size: len(body) + sealing + 28, Number: v.reports, Body: body}, now)
}

// look repeats what was asked for in vain.
func (v *viewer) look(track int, now unit.Instant) {
	t := &v.tracks[track]
	var again []uint16
	t.missing = slices.DeleteFunc(t.missing, func(m missingPacket) bool { return m.tries >= nackMost && now >= m.again })
	for i := range t.missing {
		if m := &t.missing[i]; now >= m.again {
			again = append(again, uint16(m.sequence))
			m.tries, m.again = m.tries+1, now.Add(nackEvery)
		}
	}
	if len(again) > 0 {
		v.say(word{track: track, missing: again}, now)
	}
	limit := patience
	if t.keyless {
		limit = keyPatience
	}
	if now.Sub(t.since) >= limit {
		t.keyless, t.since = true, now
		t.requests++
		v.say(word{track: track, key: true}, now)
	}
}

func (v *viewer) say(w word, now unit.Instant) {
	v.stage.words = append(v.stage.words, w)
	size := 12 + sealing + 28 + 4*len(w.missing)
	v.stage.back.Put(Packet{Flow: 1, Kind: discrete.Feedback, Size: size, Frame: int64(len(v.stage.words) - 1)}, now)
}

// Arrive takes a packet of any kind.
func (v *viewer) Arrive(p *Packet, now unit.Instant) {
	if v.process.stands(now) {
		waits := *p
		v.process.later(func(now unit.Instant) { v.read(&waits, now) })
		return
	}
	v.read(p, now)
}

func (v *viewer) read(p *Packet, now unit.Instant) {
	v.arrivals.Arrived(uint16(p.Number), now)
	switch p.Kind {
	case discrete.Sound:
		v.sounds = append(v.sounds, soundHeard{p.Captured, now})
	case discrete.Video, discrete.Repair:
		v.see(&v.stage.items[p.Frame], now)
	}
}

// see takes a packet of a picture, the first time or again.
func (v *viewer) see(i *item, now unit.Instant) {
	t := &v.tracks[i.track]
	pic := i.picture
	if pic.delivered == 0 {
		t.pictures = append(t.pictures, pic)
	}
	pic.delivered += i.size
	sequence := t.sequence(i.sequence)
	first := i
	if i.kind == discrete.Repair {
		first = &v.stage.items[i.of]
	}
	if first.came {
		return
	}
	first.came = true
	pic.first = sequence - int64(i.index)
	v.order(i.track, sequence, now)
	if pic.came++; pic.came < pic.packets {
		return
	}
	t.whole = append(t.whole, pic)
	for t.decode(now) {
	}
}

// sequence unwraps a number.
func (t *shown) sequence(number uint16) int64 {
	if !t.begun {
		t.begun, t.highest = true, int64(number)-1+1<<16
	}
	return t.highest + int64(int16(number-uint16(t.highest)))
}

// order notices what is missing, and asks for it at once.
func (v *viewer) order(track int, sequence int64, now unit.Instant) {
	t := &v.tracks[track]
	if sequence <= t.highest {
		t.missing = slices.DeleteFunc(t.missing, func(m missingPacket) bool { return m.sequence == sequence })
		return
	}
	var asked []uint16
	for n := t.highest + 1; n < sequence; n++ {
		t.missing = append(t.missing, missingPacket{n, now.Add(nackEvery), 1})
		asked = append(asked, uint16(n))
	}
	t.highest = sequence
	if len(asked) > 0 {
		v.say(word{track: track, missing: asked}, now)
	}
}

// decode shows the oldest picture that can be, and reports whether there was one.
// What is older than what is shown is of no use any more.
func (t *shown) decode(now unit.Instant) bool {
	t.whole = slices.DeleteFunc(t.whole, func(p *picture) bool { return p.order <= t.newest })
	var next *picture
	for _, p := range t.whole {
		if (p.key || p.needs != nil && p.needs.decoded) && (next == nil || p.order < next.order) {
			next = p
		}
	}
	if next == nil {
		return false
	}
	next.decoded = true
	t.newest, t.last, t.keyless, t.since = next.order, next, false, now
	t.missing = slices.DeleteFunc(t.missing, func(m missingPacket) bool { return m.sequence < next.first })
	t.rendered = append(t.rendered, rendered{now, next.layer, next.temporal})
	return true
}
