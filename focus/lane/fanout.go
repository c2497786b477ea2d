package lane

import (
	"slices"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// fanout is who gets a track, by lane: a snapshot that is replaced, never changed.
type fanout struct{ groups []group }

// group is the subscriptions whose send loop is that of one lane.
type group struct {
	lane          *Lane
	subscriptions []*Subscription
}

// subscribe puts a subscription into the fan-out.
func (t *Track) subscribe(s *Subscription) {
	guard := t.lock()
	defer guard.Unlock()
	f := t.fanout.Load().without(s)
	i := slices.IndexFunc(f.groups, func(g group) bool { return g.lane == s.end.lane })
	if i < 0 {
		f.groups, i = append(f.groups, group{lane: s.end.lane}), len(f.groups)
	}
	f.groups[i].subscriptions = append(f.groups[i].subscriptions, s)
	s.choice.described = s.config.Writer.Knows(packet.Descriptor)
	t.steer(s, false)
	t.want(s)
	t.fanout.Store(f)
	t.stir()
}

// unsubscribe takes it out. After that no more parcels are made for it; those in
// batches still come.
func (t *Track) unsubscribe(s *Subscription) {
	guard := t.lock()
	defer guard.Unlock()
	t.fanout.Store(t.fanout.Load().without(s))
	s.choice.current.Store(pack(simulcast.None))
}

// without gives a copy of the fan-out in which a subscription is missing.
func (f *fanout) without(s *Subscription) *fanout {
	copied := &fanout{}
	for _, g := range f.groups {
		left := slices.DeleteFunc(slices.Clone(g.subscriptions), func(other *Subscription) bool { return other == s })
		if len(left) > 0 {
			copied.groups = append(copied.groups, group{g.lane, left})
		}
	}
	return copied
}

// arrival is a packet of a track that waits for its fan-out, which is due at the
// end of the run it came with.
type arrival struct {
	packet  *packet.Packet // with one reference
	stream  *stream
	made    []made // for those who are owed something
	told    simulcast.Packet
	parcels int
	codec   simulcast.Codec
	red     bool
}

// wish is what a subscription is to get. Frames that only their descriptors tell
// apart are not left out for who does not read those: a decoder would take the next
// one for the one that is missing.
func (t *Track) wish(s *Subscription) simulcast.Layer {
	if t.muted.Load() {
		return simulcast.None
	}
	p := s.permission()
	wish := p.bound(s.aimed())
	if t.bare && !s.choice.described && wish.Spatial >= 0 {
		wish.Temporal = everything
	}
	return wish
}

// steer tells a subscription's output what is wanted now. It reports whether it
// begins to get nothing, as its lane is full.
func (t *Track) steer(s *Subscription, shedding bool) (began bool) {
	shed := s.permission().shed
	if shed == 0 && t.bare && !s.choice.described {
		shed = everything
	}
	return s.choice.steer(t.wish(s), shed, shedding)
}

// forward makes parcels of what has arrived since the last call, subscriptions
// outside, packets inside. The caller holds the track's guard.
func (t *Track) forward(r *reader) {
	if len(t.burst) == 0 {
		return
	}
	r.lap.enter(Select)
	f := t.fanout.Load()
	for i := range f.groups {
		g := &f.groups[i]
		out := r.opened(g.lane)
		for _, s := range g.subscriptions {
			t.serve(s, out)
		}
	}
	for i := range t.burst {
		t.burst[i].settle()
	}
	t.stats.Packets += int64(len(t.burst))
	clear(t.burst)
	t.burst = t.burst[:0]
	r.lap.enter(Parse)
}

// settle gives each parcel its reference; the arrival's own is one of them.
func (a *arrival) settle() {
	if a.parcels == 0 {
		a.packet.Release()
		return
	}
	a.packet.Retain(a.parcels - 1)
}

// serve makes the parcels of one subscription.
func (t *Track) serve(s *Subscription, out *outgoing) {
	c := &s.choice
	if t.steer(s, out.shedding && s.kind != Audio) {
		t.stats.Shed++
		out.lane.counts.shed.Add(1)
	}
	for i := range t.burst {
		t.offer(s, &t.burst[i], out)
	}
	if current := pack(c.output.Selector.Current(t.source)); c.current.Load() != current {
		c.current.Store(current)
	}
	t.want(s)
}

// offer makes the parcel of one packet for one subscription, if there is one.
func (t *Track) offer(s *Subscription, a *arrival, out *outgoing) {
	if !s.formats[a.codec].agreed {
		t.stats.Uncoded++
		return
	}
	next := s.choice.output.Next(t.source, &a.told)
	if next.Verdict == simulcast.Drop {
		t.stats.Dropped[next.Reason]++
		return
	}
	p := parcel{
		sub: s, packet: a.packet, stream: a.stream, out: next, codec: a.codec, red: a.red,
		needed: s.kind == Video && a.told.Info.Temporal == 0,
	}
	if owed := s.choice.owing(a, &next); owed.owed != 0 || owed.tell {
		p.extras = a.extra(owed)
	}
	s.choice.note(a.stream.index, &next, a.told.At)
	if out.batch == nil || !out.batch.add(p) {
		t.stats.Overflowed++
		out.lane.counts.overflowed.Add(1)
		return
	}
	a.parcels++
	t.stats.Forwarded++
}

// want asks for a key frame if a subscription waits for one, and says of which
// streams it is in want.
func (t *Track) want(s *Subscription) (streams feedback.Layers) {
	if s.choice.stream >= 0 {
		streams = feedback.LayerOf(s.choice.stream)
	}
	stream, waits := s.choice.output.Selector.Waiting(t.source)
	if !waits || t.config.Kind == Audio {
		return streams
	}
	urgent := !t.config.Patient || !s.choice.output.Selector.Shows(t.source)
	if urgent && t.keyFrames.Pending()&feedback.LayerOf(int8(stream)) == 0 {
		t.keyFrames.Want(int8(stream))
	}
	return streams | feedback.LayerOf(int8(stream))
}

// dropBurst lets go of what waits for its fan-out. The caller holds the guard.
func (t *Track) dropBurst() {
	for i := range t.burst {
		t.burst[i].packet.Release()
	}
	clear(t.burst)
	t.burst = t.burst[:0]
}

// outgoing is the batch that is being filled for one lane, and how that lane is.
type outgoing struct {
	lane  *Lane
	batch *batch // nil: it can take nothing
	open  bool   // since the last done
	// shedding: the lane is so full that it is given no video.
	shedding bool
}

// How full a lane is, in hundredths, when video is shed and when it is aimed at
// again: a quarter is left for sound, and what is between keeps it from going to
// and fro.
const shedAbove, aimBelow = 75, 50

// opened gives the batch for a lane.
func (r *reader) opened(to *Lane) *outgoing {
	at := slices.IndexFunc(r.out, func(o outgoing) bool { return o.lane == to })
	if at < 0 {
		at, r.out = len(r.out), append(r.out, outgoing{lane: to})
	}
	o := &r.out[at]
	if !o.open {
		o.open, o.batch = true, r.lane.open(to)
		full := to.fullness()
		o.shedding = full > shedAbove || o.shedding && full >= aimBelow
	}
	return o
}

// done hands over what was gathered for each lane. Nothing of the batches may be
// touched afterwards.
func (r *reader) done() {
	r.lap.enter(Select)
	for i := range r.out {
		o := &r.out[i]
		if o.batch != nil {
			o.lane.take(o.batch)
		}
		o.open, o.batch = false, nil
	}
	if r.count > 0 {
		r.lane.counts.received.Add(uint64(r.count))
	}
	r.lap.note(r.count)
	r.count = 0
}
