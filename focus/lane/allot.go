package lane

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const (
	// tooLong is how long pictures may wait until the subscription with most of them
	// begins anew, eased from when on one may have them again.
	tooLong, eased = 400 * time.Millisecond, 50 * time.Millisecond
	// superseded is how long they may wait before the key frame of another layer, as in
	// package egress where a queue is soft.
	superseded = 100 * time.Millisecond
)

// allot has each subscription get the layer that fits, under its wish.
func (s *sender) allot(e *End) {
	w := e.out.way
	s.keep(e)
	w.looked, w.following = s.now, 0
	w.demands, w.asked, w.unknown = w.demands[:0], w.asked[:0], false
	for _, sub := range e.out.subs {
		if sub.kind == Video {
			w.ask(sub)
		}
	}
	s.couple(w)
	estimate := w.path.Estimate()
	if w.bound > 0 {
		estimate.Rate, estimate.Confirmed, estimate.Loss = w.bound, w.bound, 0
	}
	e.out.stats.estimated(estimate, w.path.Stats(), &s.lane.counts)
	w.path.Pad(e.out.padding())
	if w.following > 0 {
		w.path.Demand(w.following + w.sound.rate(s.now))
	}
	if len(w.demands) == 0 {
		return
	}
	shares := w.allocator.Allocate(allocate.Budget{
		Estimate: estimate.Rate, Confirmed: estimate.Confirmed, Sound: w.sound.rate(s.now), Loss: estimate.Loss, Moved: w.moves,
	}, w.demands, s.now)
	w.keeping.note(s, shares)
	for i, sub := range w.asked {
		stayed := sub.permission().shed == allocate.Everything
		sub.grant(allotted{shares[i].Layer, shares[i].Shed, shares[i].Reason})
		if stayed {
			w.forsake(sub)
		}
	}
	w.path.Demand(w.allocator.Want().Most + w.following)
}

// ask takes a subscription's demand. Until it is known what the layers of its track
// cost it has what it begins with.
func (w *way) ask(sub *Subscription) {
	t := sub.track.Load()
	if t == nil {
		return
	}
	if t.config.Follows > 0 {
		w.following += t.config.Follows
		sub.grant(unbound)
		return
	}
	t.priced.Store(true)
	if sub.sent.ladder == nil {
		sub.sent.ladder = new(copied)
	}
	ladder := sub.sent.ladder.follow(&t.ladder)
	if ladder == nil || len(ladder.Rungs()) == 0 {
		sub.grant(sub.first())
		w.unknown = true
		return
	}
	most := sub.aimed()
	if t.muted.Load() {
		most = simulcast.None
	}
	w.asked = append(w.asked, sub)
	w.demands = append(w.demands, allocate.Demand{
		Key: uint64(sub.config.SSRC), Priority: allocate.Priority(sub.priority.Load()), Ladder: ladder, Most: most, Current: sub.Current(),
	})
}

// relieve empties the subscription of which most waits, if it is too much, and lets
// those have pictures again that were emptied once little waits.
func (s *sender) relieve(e *End) {
	w := e.out.way
	switch waits := w.path.Waits(); {
	case waits > tooLong:
		if ssrc, ok := w.path.Heaviest(); ok {
			if sub, _ := e.out.find(ssrc); sub != nil {
				s.empty(w, sub)
			}
		}
	case waits < eased:
		for _, sub := range e.out.subs {
			if sub.Current().Spatial < 0 { // its selector has stopped, and so begins anew
				sub.sent.emptied = false
			}
		}
	}
}

// empty leaves out what waits of a subscription, which begins anew with a key frame.
func (s *sender) empty(w *way, sub *Subscription) {
	w.clear(sub)
	sub.sent.emptied = true
	sub.permit(allotted{layer: simulcast.None, reason: allocate.Fell})
	w.forsake(sub)
	sub.counts.emptied.add(1)
	s.lane.counts.emptied.add(1)
}

// clear leaves out what waits of a subscription's pictures, and what comes behind that
// up to a key frame. The numbers close up.
func (w *way) clear(sub *Subscription) {
	w.release()
	w.path.Drop(sub.config.SSRC)
	begun := false
	for p, ok := w.path.Discarded(); ok; p, ok = w.path.Discarded() {
		if number := p.parcel.out.Sequence; !begun {
			sub.sent.skip.begin(number, !sub.sent.whole)
			begun = true
		} else {
			sub.sent.skip.extend(number)
		}
		p.release()
	}
	sub.sent.whole = sub.sent.whole || begun // a frame is cut off once
}

// forsake leaves out what is to be sent again of a layer that a subscription is to leave.
func (w *way) forsake(sub *Subscription) {
	if sub.permission().shed == allocate.Everything {
		return
	}
	w.path.Cancel(func(p passage) bool { return p.again.sub == sub && sub.leaves(p.again.packet.Numbers.marks) })
	w.release()
}

// leaves reports whether a packet that left so is of no use any more, since its layer is
// to be left: until the next one's key frame has come at most the lowest temporal layer
// goes on (Share.Shed).
func (s *Subscription) leaves(with marks) bool {
	shed := s.permission().shed
	return shed < 0 || shed != allocate.Everything && !with.has(needed)
}

// all is above any layer.
var all = simulcast.Layer{Spatial: everything, Temporal: everything}

// unbound is what is allotted where nothing is estimated.
var unbound = allotted{all, allocate.Everything, allocate.Best}

// allotted is what a subscription may be sent at most, as its End's way allows it, and
// why that is not more.
type allotted struct {
	layer  simulcast.Layer
	shed   int8
	reason allocate.Reason
}

// permit says what may be selected from now on.
func (s *Subscription) permit(p allotted) {
	s.permitted.Store(uint32(p.reason)<<24 | uint32(uint8(p.layer.Spatial))<<16 | uint32(uint8(p.layer.Temporal))<<8 | uint32(uint8(p.shed)))
}

// grant permits it, or nothing where what waited was left out: only a selector that has
// stopped begins anew, with a key frame that it asks for.
func (s *Subscription) grant(p allotted) {
	if s.sent.emptied {
		p = allotted{layer: simulcast.None, reason: allocate.Fell}
	}
	s.permit(p)
}

// permission is what was permitted last.
func (s *Subscription) permission() allotted {
	p := s.permitted.Load()
	return allotted{simulcast.Layer{Spatial: int8(p >> 16), Temporal: int8(p >> 8)}, int8(p), allocate.Reason(p >> 24)}
}

// bound gives what is to be selected of a wish.
func (p *allotted) bound(wish simulcast.Layer) simulcast.Layer {
	switch {
	case wish.Spatial < 0 || p.layer.Spatial < 0:
		return simulcast.None
	case wish.Spatial > p.layer.Spatial:
		return p.layer
	case wish.Spatial == p.layer.Spatial:
		wish.Temporal = min(wish.Temporal, p.layer.Temporal)
	}
	return wish
}

// soundRate measures what sound takes.
type soundRate struct {
	bytes int64
	since unit.Instant
	last  unit.BitRate
}

// rate gives it over the last second or so.
func (r *soundRate) rate(now unit.Instant) unit.BitRate {
	if r.since == unit.Never {
		r.since = now
	}
	if within := now.Sub(r.since); within >= time.Second || r.last == 0 && within >= 200*time.Millisecond {
		r.last = unit.Rate(r.bytes, within)
		r.bytes, r.since = 0, now
	}
	return r.last
}

// price notes what a packet adds to what its layer costs.
func (t *Track) price(s *stream, a *arrival) {
	info := &a.told.Info
	s.costs[min(max(info.Spatial, 0), simulcast.Streams-1)].Count(allocate.Arrived{
		Bytes: below + sealed + len(a.packet.Payload()), Temporal: info.Temporal, Begins: info.Start && !info.Padding, Key: info.Key,
	}, a.packet.Arrived)
	t.rebuild(a.packet.Arrived)
}

// rebuild makes the track's ladder anew of what its streams cost, four times in a
// second. The caller holds the guard.
func (t *Track) rebuild(now unit.Instant) {
	if now.Sub(t.rebuilt) < ladderEvery {
		return
	}
	t.rebuilt = now
	var offers allocate.Offers
	for _, s := range t.streams {
		if s == nil {
			continue
		}
		if spatial, _ := t.source.Layer(s.index); spatial >= 0 && int(spatial) < allocate.Spatials {
			if t.resting.Load()>>spatial&1 != 0 {
				s.rest(now)
			}
			s.offer(&offers, int(spatial), now)
		}
	}
	t.ladder.build(&offers)
}

// rest keeps what the stream's layers cost: its publisher was asked to send nothing.
func (s *stream) rest(now unit.Instant) {
	for i := range s.costs {
		s.costs[i].Rest(now)
	}
}

// offer adds what the stream's layers cost. Spatial layers inside of it come with those
// below.
func (s *stream) offer(offers *allocate.Offers, spatial int, now unit.Instant) {
	var sum, row [allocate.Temporals]allocate.Offer
	for inside := range s.costs {
		s.costs[inside].Offers(&row, now)
		if row == ([allocate.Temporals]allocate.Offer{}) {
			continue
		}
		add(&sum, &row)
		offers[min(spatial+inside, allocate.Spatials-1)] = sum
	}
}

// add adds what a layer costs to what those below do. Temporal layers that one of them
// lacks cost what its next lower one does.
func add(sum, row *[allocate.Temporals]allocate.Offer) {
	var below, above allocate.Offer
	for t := range row {
		known := false
		if sum[t].Mean > 0 {
			below, known = sum[t], true
		}
		if row[t].Mean > 0 {
			above, known = row[t], true
		}
		if known {
			sum[t] = allocate.Offer{Mean: below.Mean + above.Mean, Peak: below.Peak + above.Peak}
		}
	}
}

// ladderEvery is how often what layers cost is told to the send loops.
const ladderEvery = 250 * time.Millisecond
