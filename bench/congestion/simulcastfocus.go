package congestion

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/egress"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/focus/packet"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const (
	// lookEvery is how often the focus looks after its layers without feedback, and
	// turnEvery how often it takes a turn at all.
	lookEvery = 100 * time.Millisecond
	turnEvery = 20 * time.Millisecond
)

// focus is what forwards to the one subscriber: layers chosen by allocate, packets
// by simulcast, sent by egress, as package lane does with them (simulcastway.go).
type focus struct {
	stage     *stage
	process   *process
	path      *egress.Path[int]   // of indices of items, nil before the first report
	left      *history.Departures // what left before that
	bytes     int64               // of it
	allocator *allocate.Allocator
	tracks    []*forwarded
	demands   []allocate.Demand
	sound     unit.Instant // next
	looked    unit.Instant
	asleep    unit.Instant

	samples []focusSample
}

// focusSample is taken with each look.
type focusSample struct {
	at              unit.Instant
	estimate, taken unit.BitRate
}

// forwarded is one track of the subscriber.
type forwarded struct {
	index     int
	publisher *publisher
	source    *simulcast.Source
	output    *simulcast.Output
	meters    [len(layerRates)]allocate.Meter
	ladder    allocate.Ladder
	keys      feedback.KeyFrames
	sent      *history.Sent[int]
	permitted permitted
	emptied   bool   // and is to wait until little waits
	skipping  bool   // what comes before a switch is left out
	sequence  uint16 // of the next packet that leaves
	ended     bool   // the last that left ended its picture
	epoch     int    // counts switches
	order     int    // counts pictures forwarded
	picture   *picture
	packets   int // of the picture, so far

	// What happened, for the metrics.
	begun   []begun
	changes []change
}

// begun is a key frame with which a layer was entered.
type begun struct {
	at    unit.Instant
	layer int8
}

// change is another layer that is forwarded.
type change struct {
	at       unit.Instant
	from, to simulcast.Layer
}

func newFocus(st *stage) *focus {
	f := &focus{
		stage: st, process: newProcess(st.spec.Late, st.clock, st.luck(lateLuck)), allocator: allocate.New(allocate.Config{}), asleep: unit.Far,
		left: history.NewDepartures(),
	}
	for i, p := range st.publishers {
		t := &forwarded{
			index: i, publisher: p, source: simulcast.NewSource(vpxClock),
			output: simulcast.NewOutput(uint16(p.luck.Uint32()), p.luck.Uint32()), sent: history.NewSent[int](2048),
			sequence: uint16(p.luck.Uint32()), ended: true,
		}
		t.permit(first)
		f.tracks = append(f.tracks, t)
		f.demands = append(f.demands, allocate.Demand{
			Key: uint64(i), Priority: allocate.Visible, Ladder: &t.ladder, Most: simulcast.Layer{Spatial: 127, Temporal: 127},
		})
	}
	f.sound = discrete.Start
	return f
}

// begin is when the subscriber comes.
func (f *focus) begin(now unit.Instant) { f.Wake(now) }

// take gets a packet of a track.
func (f *focus) take(track int, p *simulcast.Packet, pic *picture, size int, now unit.Instant) {
	if f.process.stands(now) {
		f.process.later(func(now unit.Instant) { f.read(track, p, pic, size, now) })
		return
	}
	f.read(track, p, pic, size, now)
}

func (f *focus) read(track int, p *simulcast.Packet, pic *picture, size int, now unit.Instant) {
	t := f.tracks[track]
	t.meters[p.Stream].Count(allocate.Arrived{Bytes: size, Temporal: p.Info.Temporal, Begins: p.Info.Start, Key: pic.key}, now)
	t.source.Observe(p)
	if now < discrete.Start {
		return
	}
	if p.Info.Key {
		t.keys.Started(int8(p.Stream), now)
	}
	before := t.output.Selector.Current(t.source)
	out := t.output.Next(t.source, p)
	after := t.output.Selector.Current(t.source)
	if before != after {
		t.changes = append(t.changes, change{now, before, after})
	}
	if out.Verdict == simulcast.Drop {
		return
	}
	if out.Verdict == simulcast.Switch {
		t.epoch++
		t.begun = append(t.begun, begun{now, int8(p.Stream)})
		f.enter(t)
	}
	if t.skipping {
		return
	}
	if t.picture != pic {
		t.order++
		t.picture, pic.order, t.packets = pic, t.order, 0
	}
	id := f.stage.add(item{
		kind: discrete.Video, track: track, picture: pic, size: size, captured: now, epoch: t.epoch,
		index: t.packets, enters: out.Verdict == simulcast.Switch,
	})
	t.packets++
	f.put(id, size, pacer.Video, egress.Frame{Track: uint32(track), ID: out.Timestamp}, now)
	f.send(now)
}

func (st *stage) add(i item) int {
	st.items = append(st.items, i)
	return len(st.items) - 1
}

// Wake looks after layers, makes sound, and sends what may leave.
func (f *focus) Wake(now unit.Instant) {
	if f.process.stands(now) {
		f.process.later(f.turn)
		return
	}
	f.turn(now)
}

func (f *focus) turn(now unit.Instant) {
	if now >= f.asleep {
		f.asleep = unit.Far
	}
	for f.sound <= now {
		id := f.stage.add(item{kind: discrete.Sound, track: -1, size: soundBytes, captured: f.sound})
		f.put(id, soundBytes, pacer.Sound, egress.Frame{}, now)
		f.sound = f.sound.Add(soundEvery)
	}
	if now.Sub(f.looked) >= lookEvery {
		f.look(now)
	}
	for _, t := range f.tracks {
		f.want(t, now)
	}
	f.send(now)
}

// want asks for the key frame that a track waits for.
func (f *focus) want(t *forwarded, now unit.Instant) {
	if stream, ok := t.output.Selector.Waiting(t.source); ok {
		t.keys.Want(int8(stream))
	} else {
		for s := range t.meters {
			t.keys.Forget(int8(s))
		}
	}
	if t.keys.Due(0, pictureTime, now) != 0 {
		t.publisher.ask(now)
	}
}

// leave puts a packet on the way. A picture's gets its number now, so that there is no
// hole where some were left out.
func (f *focus) leave(id int, d egress.Departure, now unit.Instant) {
	if d.Padding > 0 {
		f.stage.forward.Put(Packet{Kind: discrete.Padding, Size: d.Padding, Number: int64(d.Number), Probe: d.Probe}, now)
		return
	}
	i := &f.stage.items[id]
	if i.kind == discrete.Video {
		t := f.tracks[i.track]
		i.sequence = t.sequence
		t.sequence++
		t.ended = i.index == i.picture.packets-1
		t.sent.Add(i.sequence, packet.Handle{}, id)
		if i.enters {
			t.sent.Border(i.sequence)
		}
	}
	f.stage.forward.Put(Packet{
		Kind: i.kind, Size: i.size, Number: int64(d.Number), Probe: d.Probe, Frame: int64(id), Captured: i.captured,
	}, now)
}

func (f *focus) sleep(now unit.Instant) {
	next := now.Add(turnEvery)
	if f.path != nil {
		next = min(next, max(f.path.Next(), now.Add(100*time.Microsecond))) // it has just been asked
	}
	if at := min(next, f.sound); at < f.asleep {
		f.asleep = at
		f.stage.clock.At(at, f)
	}
}

// heard takes what the viewer says.
func (f *focus) heard(p *Packet, now unit.Instant) {
	if f.process.stands(now) {
		waits := *p
		f.process.later(func(now unit.Instant) { f.hear(&waits, now) })
		return
	}
	f.hear(p, now)
}

func (f *focus) hear(p *Packet, now unit.Instant) {
	if p.Body == nil {
		f.told(&f.stage.words[p.Frame], now)
		f.send(now)
		return
	}
	if f.path == nil {
		f.pave(now)
	}
	compound := feedback.Read(p.Body)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		f.path.Heard(m, now)
	}
	f.look(now)
	f.send(now)
}

// told answers a request for a key frame, or for what is missing.
func (f *focus) told(w *word, now unit.Instant) {
	t := f.tracks[w.track]
	var roundTrip time.Duration
	if f.path != nil {
		roundTrip = f.path.Estimate().RoundTrip
	}
	if w.key {
		if current := t.output.Selector.Current(t.source); current.Spatial >= 0 {
			t.keys.Complain(current.Spatial, roundTrip, now)
		}
		if t.keys.Due(0, pictureTime, now) != 0 {
			t.publisher.ask(now)
		}
		return
	}
	for _, sequence := range w.missing {
		again, outcome := t.sent.Again(sequence, roundTrip, now)
		if outcome != history.Resend || f.needless(t, again.Numbers) {
			continue
		}
		was := f.stage.items[again.Numbers]
		was.kind, was.of, was.size = discrete.Repair, again.Numbers, was.size+2
		for range f.copies(was.picture) {
			f.put(f.stage.add(was), was.size, pacer.Repair, egress.Frame{}, now)
		}
	}
}
