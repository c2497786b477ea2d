package egress

import (
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// Config is how a Path is made. The zero Config is a sensible one.
type Config struct {
	Estimator bwe.Config
	// Limits is how much of video may wait; what is 0 is as usual.
	Limits Limits
	// Padding is the largest packet that the caller can make of nothing, 0 if none:
	// then probes consist of what there is to send.
	Padding int
	// First is the transport-wide number of the first packet.
	First uint16
	// Left is what left before on the connection, which goes on; nil: nothing did.
	Left *history.Departures
	// Shy: everything leaves as it comes until the first feedback. For peers that may
	// give none.
	Shy bool
}

// Path is what leaves to one subscriber. See the package comment.
type Path[T any] struct {
	limits  Limits
	padding int
	shy     bool

	sound, repair, video queue[T]
	upper                int64 // bytes of video above temporal layer 0
	soft, hard           int64 // bytes of video that may wait
	tracks               []track
	gone                 []T // left out, to be given back from returned on
	returned             int

	pacer     pacer.Pacer
	probe     uint8 // tag of the cluster that is under way
	left      *history.Departures
	estimator *bwe.Estimator
	due       unit.Instant // the estimator's next
	pace      unit.BitRate
	rate      unit.BitRate
	names     names
	hearing   hearing
	stats     Stats
}

// New makes the path of a connection that has sent nothing yet.
func New[T any](c Config) *Path[T] {
	p := &Path[T]{
		limits: c.Limits.orUsual(), padding: c.Padding, shy: c.Shy,
		left: history.NewDepartures(), estimator: bwe.New(c.Estimator),
	}
	if c.Left != nil {
		p.left = c.Left
	} else {
		p.left.Begin(c.First)
	}
	if p.bind(0, 0); !p.shy {
		e := p.estimator.Estimate()
		p.bind(e.Pace, e.Rate)
	}
	return p
}

// bind makes bounds of the pace: 0 binds nothing. While the path's own queue drains
// the pace is far below the rate, but not for long: what waits is counted as if it
// were over, or the key frame of a lower layer would be thrown away as too much.
func (p *Path[T]) bind(pace, rate unit.BitRate) {
	p.pace, p.rate = pace, rate
	if pace > 0 {
		pace = max(pace, rate)
	}
	p.soft, p.hard = bound(pace, p.limits.Soft), bound(pace, p.limits.Hard)
}

// Departure is what a packet leaves with.
type Departure struct {
	// Number is the transport-wide number, if it is not Untold.
	Number uint16
	// Untold: the peer will not say when it arrives, and it has no number.
	Untold bool
	// Class is what was put in, or pacer.Padding.
	Class pacer.Class
	// Probe is the number of the cluster that it is part of, 0 for none.
	Probe uint8
	// Padding is the size of the packet that is to be made of nothing, 0 if there is
	// an item. What was made is smaller at times: nobody minds.
	Padding int
}

// Put queues an item of so many bytes; frame counts for pacer.Video alone. What
// has to go for it is given back by Discarded, perhaps the item itself.
func (p *Path[T]) Put(item T, size int, class pacer.Class, frame Frame, now unit.Instant) {
	e := entry[T]{item: item, size: size, frame: frame, since: now}
	if class != pacer.Sound && p.repair.bytes+p.video.bytes == 0 {
		p.pacer.Begin(size, now)
	}
	switch class {
	case pacer.Sound:
		p.sound.push(e)
	case pacer.Repair:
		p.repair.push(e)
	default:
		p.show(&e, now)
	}
}

// PutUntold queues sound of whose arrival the peer will not tell, as browsers do that
// agree to transport-wide numbers for pictures alone. It leaves as other sound does, but
// has no number, which would be missing in every report, and is none of the estimate's.
func (p *Path[T]) PutUntold(item T, size int, now unit.Instant) {
	p.sound.push(entry[T]{item: item, size: size, since: now, untold: true})
}

// show queues a packet of a picture.
func (p *Path[T]) show(e *entry[T], now unit.Instant) {
	t := p.track(e.frame.Track)
	late, full := t.late(e.frame.ID), p.video.bytes > p.soft
	first := !t.begun || e.frame.ID != t.newest
	switch {
	case late && t.waiting:
		p.refuse(e)
		return
	case late: // it fills a hole
	case first && t.begin(e.frame, full, now), !first && t.refused:
		p.refuse(e)
		return
	}
	p.video.push(*e)
	t.bytes += int64(e.size)
	if e.frame.Temporal > 0 {
		p.upper += int64(e.size)
	}
	if first && full && e.frame.Key {
		p.supersede(t)
	}
	if p.video.bytes > p.soft {
		p.shed(now)
	}
}

// refuse gives an item back at once.
func (p *Path[T]) refuse(e *entry[T]) {
	p.omitted(e.size)
	p.gone = append(p.gone, e.item)
}

// Take gives what may leave now and takes its number; false: nothing before Next.
// The caller sends it, or makes a packet of padding of Departure.Padding bytes.
func (p *Path[T]) Take(now unit.Instant) (item T, d Departure, ok bool) {
	p.refresh(now)
	p.try(now)
	if e := p.sound.first(); e != nil {
		if e.untold {
			p.pacer.Sent(pacer.Sound, e.size, now)
			p.stats.count(pacer.Sound, e.size, 0)
			return p.sound.pop(), Departure{Class: pacer.Sound, Untold: true}, true
		}
		d = p.leave(pacer.Sound, e.size, now)
		return p.sound.pop(), d, true
	}
	if e := p.again(now); e != nil {
		if !p.pacer.May(pacer.Repair, e.size, now) {
			return item, d, false
		}
		d = p.leave(pacer.Repair, e.size, now)
		return p.repair.pop(), d, true
	}
	if e := p.ripe(now); e != nil {
		if !p.pacer.May(pacer.Video, e.size, now) {
			return item, d, false
		}
		p.part(e)
		d = p.leave(pacer.Video, e.size, now)
		return p.video.pop(), d, true
	}
	if size := min(p.pacer.Probing(now), p.padding); size > 0 && p.pacer.May(pacer.Padding, size, now) {
		d = p.leave(pacer.Padding, size, now)
		d.Padding = size
		return item, d, true
	}
	return item, d, false
}

// part notes that a packet of a picture leaves.
func (p *Path[T]) part(e *entry[T]) {
	t := p.track(e.frame.Track)
	t.leaving, t.left = e.frame.ID, true
	t.bytes -= int64(e.size)
	if e.frame.Temporal > 0 {
		p.upper -= int64(e.size)
	}
}

// leave counts a packet that leaves, and gives it its number.
func (p *Path[T]) leave(class pacer.Class, size int, now unit.Instant) Departure {
	d := Departure{Class: class}
	if p.pacer.Probing(now) > 0 {
		d.Probe = p.probe
	}
	p.pacer.Sent(class, size, now)
	d.Number = p.left.Leave(size, d.Probe, now)
	p.estimator.Backlog(p.waits() - int64(size))
	p.estimator.Sent(size, d.Probe, now)
	p.due = min(p.due, p.estimator.Next())
	p.stats.count(class, size, d.Probe)
	return d
}

// Delay says that the last so many packets that Take gave left later than it did, by
// so much: whoever sends them was held up meanwhile. The estimate would else take that
// for a queue.
func (p *Path[T]) Delay(packets int, by time.Duration) { p.left.Delay(packets, by) }

// Waits tells how long the pictures that wait take to leave, as Limits counts it; 0 if
// nothing is paced.
func (p *Path[T]) Waits() time.Duration {
	if p.pace <= 0 || p.video.bytes == 0 {
		return 0
	}
	return max(p.pace, p.rate).Duration(int(p.video.bytes))
}

// Heaviest gives the track of which most waits, false if nothing does.
func (p *Path[T]) Heaviest() (id uint32, ok bool) {
	var most int64
	for i := range p.tracks {
		if t := &p.tracks[i]; t.bytes > most {
			id, most, ok = t.id, t.bytes, true
		}
	}
	return id, ok
}

// waits is how many bytes wait.
func (p *Path[T]) waits() int64 { return p.sound.bytes + p.repair.bytes + p.video.bytes }

// refresh does what is due.
func (p *Path[T]) refresh(now unit.Instant) {
	if now.Before(p.due) {
		return
	}
	p.estimator.Backlog(p.waits())
	p.estimator.Tick(now)
	p.follow(now)
}

// follow has the pacer do what the estimator says.
func (p *Path[T]) follow(now unit.Instant) {
	if !p.shy {
		e := p.estimator.Estimate()
		pace := e.Pace
		p.pacer.Pace(pace, now)
		if pace != p.pace || e.Rate != p.rate {
			p.bind(pace, e.Rate)
			p.shed(now)
		}
	}
	p.due = p.estimator.Next()
}

// try begins the cluster that the estimator wants, if there is anything to make one
// of.
func (p *Path[T]) try(now unit.Instant) {
	if p.shy || p.pacer.Probing(now) > 0 || p.padding == 0 && p.waits() == 0 {
		return
	}
	probe, ok := p.estimator.Probe(now)
	if !ok {
		return
	}
	p.probe = probe.Tag
	p.pacer.Probe(probe.Rate, probe.Bytes, now)
	p.stats.Probes++
}

// Next says when Take may have something again, or something else is due: unit.Far
// if nothing is. It may be in the past.
func (p *Path[T]) Next() unit.Instant {
	next := p.due
	if p.sound.first() != nil {
		return unit.Never
	}
	if e := p.repair.first(); e != nil {
		return min(next, p.pacer.When(e.size))
	}
	if e := p.video.first(); e != nil {
		return min(next, p.pacer.When(e.size))
	}
	if p.padding > 0 && p.pacer.InCluster() {
		return min(next, p.pacer.When(p.padding))
	}
	return next
}

// track gives what is known of a track.
func (p *Path[T]) track(id uint32) *track {
	for i := range p.tracks {
		if p.tracks[i].id == id {
			return &p.tracks[i]
		}
	}
	p.tracks = append(p.tracks, track{id: id})
	return &p.tracks[len(p.tracks)-1]
}

// Drop leaves out what waits of a track's pictures and forgets it: it has ended, or
// begins anew elsewhere.
func (p *Path[T]) Drop(id uint32) {
	for at := p.video.head; at < p.video.tail; at++ {
		if e := p.video.cell(at); !e.gone && e.frame.Track == id {
			p.omit(p.track(id), e)
		}
	}
	for i := range p.tracks {
		if p.tracks[i].id == id {
			last := len(p.tracks) - 1
			p.tracks[i], p.tracks = p.tracks[last], p.tracks[:last]
			return
		}
	}
}

// Cancel leaves out what is to be sent again and is not needed any more.
func (p *Path[T]) Cancel(needless func(item T) bool) {
	q := &p.repair
	for at := q.head; at < q.tail; at++ {
		if e := q.cell(at); !e.gone && needless(e.item) {
			p.omitted(e.size)
			p.gone = append(p.gone, q.leave(e))
		}
	}
}

// Clear leaves out everything: the path has ended.
func (p *Path[T]) Clear() {
	for _, q := range [...]*queue[T]{&p.sound, &p.repair, &p.video} {
		for q.first() != nil {
			p.gone = append(p.gone, q.pop())
		}
	}
	p.tracks, p.upper = nil, 0
}

// Discarded gives back one item that was left out; false: there is none left.
func (p *Path[T]) Discarded() (item T, ok bool) {
	if p.returned == len(p.gone) {
		clear(p.gone)
		p.gone, p.returned = p.gone[:0], 0
		return item, false
	}
	item = p.gone[p.returned]
	p.returned++
	return item, true
}

// Wanted gives a track that goes on with a key frame only, which is to be asked
// for; false: none, or it was said a short while ago.
func (p *Path[T]) Wanted() (id uint32, ok bool) {
	for i := range p.tracks {
		if t := &p.tracks[i]; t.wanted {
			t.wanted = false
			return t.id, true
		}
	}
	return 0, false
}

// Record has everything that the estimator is told and decides noted from now on; nil
// ends that.
func (p *Path[T]) Record(r *bwe.Recorder) { p.estimator.Record(r) }

// Pad says how large the largest packet is that the caller can make of nothing from
// now on, as Config.Padding.
func (p *Path[T]) Pad(most int) { p.padding = most }

// Demand says the most that would leave if it could: the highest layers and sound.
func (p *Path[T]) Demand(rate unit.BitRate) {
	p.estimator.Demand(rate)
	p.due = unit.Never
}

// Moved says that packets take another way from now on.
func (p *Path[T]) Moved(now unit.Instant) {
	p.estimator.Moved(now)
	p.follow(now)
}

// Couple goes on from the path's share of a bottleneck that others have, too: see
// bwe.Estimator.Couple.
func (p *Path[T]) Couple(rate, whole unit.BitRate, now unit.Instant) {
	p.estimator.Couple(rate, whole, now)
	p.follow(now)
}

// Estimate gives what the path can take.
func (p *Path[T]) Estimate() bwe.Estimate { return p.estimator.Estimate() }
