package lane

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/egress"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// way is the path to an End's peer, which is estimated, and how what leaves on it
// is paced and chosen: from the first feedback of the peer on. Who gives none is sent
// everything as it comes; so is who takes no retransmissions, and with them no padding:
// nothing would show that there is room for more. It belongs to the send loop.
//
// Numbers were given when packets were selected, so the queue leaves nothing out by
// itself: subscriptions are told what may be selected (permit). When too much waits
// all the same, one of them is emptied and begins anew (skip).
type way struct {
	path      *egress.Path[passage]
	allocator *allocate.Allocator
	stake     *stake // nil: it has its uplink for itself
	unknown   bool   // there are pictures of which nobody knows what they cost
	demands   []allocate.Demand
	asked     []*Subscription // whose demands these are
	due       unit.Instant    // when something may leave, or is to be looked at
	looked    unit.Instant
	active    bool         // the next flush looks at it
	flown     int          // packets on their way to the kernel
	named     bool         // feedback is of RFC 8888
	bound     unit.BitRate // what the peer says it can take, if it says nothing else; else 0
	moves     uint32
	sound     soundRate
	following unit.BitRate         // the most that sources make which follow the estimate
	fates     [history.Fates]int64 // as they were published
	keeping   keeping
	marking   marking
}

// passage is what waits for its time: a parcel, or what is sent again.
type passage struct {
	parcel parcel
	again  repeat // sub nil: it is none
}

func (p *passage) release() {
	p.parcel.release()
	p.again.release()
}

const (
	// lookEvery is how often layers are looked at without feedback.
	lookEvery = 100 * time.Millisecond
	// leastStart and mostStart bound what a path is thought to carry at first: what
	// was sent until the first feedback came.
	leastStart, mostStart = 300 * unit.Kilobit, 3 * unit.Megabit
	// below is what IPv4 and UDP take of a packet, sealed what a tag and our own
	// elements do, about.
	below, sealed = 28, 40
)

// unbounded: the queue leaves nothing out, as its packets have their numbers.
var unbounded = egress.Limits{Soft: time.Hour, Hard: time.Hour, Old: time.Hour}

// pave makes the way of an End whose peer has begun to give feedback.
func (s *sender) pave(e *End, kind feedback.Kind) {
	o := &e.out
	start := unit.Rate(int64(o.stats.bytes.get()), s.now.Sub(o.since))
	start = min(max(start, leastStart), mostStart)
	o.way = &way{
		path: egress.New[passage](egress.Config{
			Estimator: bwe.Config{Start: start}, Limits: unbounded, Left: o.left, Shy: kind == feedback.MaximumRate,
		}),
		allocator: allocate.New(allocate.Config{}), named: kind == feedback.StreamReport,
	}
	if e.config.Uplink != nil && kind != feedback.MaximumRate {
		o.way.stake = e.config.Uplink.join(start)
	}
	s.ways = append(s.ways, e)
}

// unpave lets go of what waits: the End has ended.
func (s *sender) unpave(e *End) {
	if w := e.out.way; w != nil {
		w.keeping.end(w)
		w.path.Clear()
		w.release()
		if w.stake != nil {
			w.stake.leave()
		}
		e.out.way = nil
		s.ways = without(s.ways, e)
	}
}

// drop leaves out what waits of a subscription that has ended.
func (w *way) drop(sub *Subscription) {
	w.path.Drop(sub.config.SSRC)
	w.path.Cancel(func(p passage) bool { return p.again.sub == sub })
	w.path.Nameless(sub.config.SSRC)
	w.path.Nameless(sub.config.RTX)
	w.release()
}

// release lets go of what was left out.
func (w *way) release() {
	for p, ok := w.path.Discarded(); ok; p, ok = w.path.Discarded() {
		p.release()
	}
}

// told takes feedback about what left.
func (s *sender) told(e *End, m feedback.Message) {
	if w := e.out.way; w != nil && w.bound > 0 { // it is told more now; nothing waits there
		s.unpave(e)
	}
	if e.out.way == nil {
		s.pave(e, m.Kind)
	}
	w := e.out.way
	s.follow(w)
	w.path.Heard(m, s.now)
	s.lane.counts.marks(w.marking.judge(s.now, w.path.Stats().ECN))
	e.out.stats.judged(w)
	s.allot(e)
	s.activate(e)
}

// park has a parcel wait for its time, with the reference it has.
func (s *sender) park(e *End, p *parcel) {
	w, sub := e.out.way, p.sub
	size := below + sealed + len(p.packet.Payload())
	switch {
	case sub.kind == Audio && !w.named && sub.untold():
		w.path.PutUntold(passage{parcel: *p}, size, s.now) // and the estimate is of the rest
		return
	case sub.kind == Audio:
		w.sound.bytes += int64(size)
		w.path.Put(passage{parcel: *p}, size, pacer.Sound, egress.Frame{}, s.now)
		return
	}
	if p.out.Verdict == simulcast.Switch {
		w.enter(sub)
	}
	if !sub.sent.skip.passes(p.out.Verdict, p.out.Sequence) {
		p.release()
		return
	}
	w.path.Put(passage{parcel: *p}, size, pacer.Video, egress.Frame{Track: sub.config.SSRC, ID: p.out.Timestamp}, s.now)
}

// enter makes way for the key frame of another layer: nothing of the one before is sent
// again, and what waits of its pictures does no more, if it would take long.
func (w *way) enter(sub *Subscription) {
	w.path.Cancel(func(p passage) bool { return p.again.sub == sub })
	if w.release(); w.path.Waits() > superseded {
		w.clear(sub)
	}
}

// untold reports whether packets carry no transport-wide number: some peers agree to them
// for pictures alone, as Firefox was seen to (awslabs/amazon-kinesis-video-streams-webrtc-sdk-c #2284).
func (s *Subscription) untold() bool { return !s.config.Writer.Knows(packet.TransportNumber) }

// travel sends what may leave to an End by now.
func (s *sender) travel(e *End) {
	o, w := &e.out, e.out.way
	w.active = false
	if s.now.Sub(w.looked) >= lookEvery {
		s.allot(e)
	}
	o.numbered = true
	for {
		p, d, ok := w.path.Take(s.now)
		if !ok {
			break
		}
		if !d.Untold {
			o.number = d.Number
			s.fly(w)
		}
		switch {
		case d.Padding > 0:
			s.pad(e, d.Padding)
		case p.again.sub != nil:
			s.sendAgain(e, p.again.sub, &p.again.packet)
		default:
			s.forward(e, &p.parcel)
		}
		p.release()
	}
	o.numbered = false
	w.release()
	s.relieve(e)
	w.due = min(max(w.path.Next(), s.now), w.looked.Add(lookEvery))
	o.stats.held.n.Store(uint64(w.path.Stats().Waiting[pacer.Video]))
}

// lateLeast is from how much on it counts that packets left later than at the
// beginning of the turn: feedback tells arrivals in steps of 250 µs.
const lateLeast = 250 * time.Microsecond

// fly notes that a packet is on its way to the kernel.
func (s *sender) fly(w *way) {
	if w.flown == 0 {
		s.flying = append(s.flying, w)
	}
	w.flown++
}

// landed says when packets have really left. The turn may have begun long ago: it had
// others to serve, or another program had the processor.
func (s *sender) landed() {
	if len(s.flying) == 0 {
		return
	}
	late := s.lane.now().Sub(s.now)
	for i, w := range s.flying {
		if late >= lateLeast {
			w.path.Delay(w.flown, late)
		}
		w.flown, s.flying[i] = 0, nil
	}
	s.flying = s.flying[:0]
}

// pressing has the next flush look at the ways on which something is due.
func (s *sender) pressing() {
	for _, e := range s.ways {
		s.follow(e.out.way)
		if e.out.way.due <= s.now {
			s.activate(e)
		}
	}
}

// pause is how long the loop may wait for letters, less than 0 if for ever. Ways whose
// queue is empty are looked at with the next packet.
func (s *sender) pause(now unit.Instant) time.Duration {
	due := unit.Far
	for _, e := range s.ways {
		due = min(due, e.out.way.due)
	}
	if due == unit.Far {
		return -1
	}
	return max(due.Sub(now), leastPause)
}

// leastPause: who paces more finely than that spends its time on waking up.
const leastPause = time.Millisecond
