package allocate

import (
	"math"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Demand is one subscription.
type Demand struct {
	// Key tells it from others of the same Allocator, and stays.
	Key      uint64
	Priority Priority
	// Ladder is that of its track; nil or empty: nothing arrives of it.
	Ladder *Ladder
	// Most is the largest layer that makes sense where it is shown, None if nothing
	// is asked for.
	Most simulcast.Layer
	// Current is what is being forwarded, which lags behind what was answered until
	// a key frame allows it.
	Current simulcast.Layer
}

// Best is what the best rung takes that it may have, in its worst second; 0 if it may have
// none.
func (d *Demand) Best() (most unit.BitRate) {
	if d.Ladder == nil {
		return 0
	}
	for n := d.Ladder.next(-1, d.Most); n >= 0; n = d.Ladder.next(n, d.Most) {
		most = d.Ladder.rungs[n].Peak
	}
	return most
}

// Everything is what Share.Shed says if nothing need be shed.
const Everything = 127

// Share is what one subscription gets.
type Share struct {
	Key   uint64
	Layer simulcast.Layer
	// Rate is what arrives of the layer, 0 for none.
	Rate unit.BitRate
	// Shed is the highest temporal layer of what is still forwarded that may be sent
	// until the layer's key frame comes: 0, or -1 for nothing; else Everything. See
	// simulcast.Selector.Shed.
	Shed   int8
	Reason Reason
}

// Want is what a step up would take of the path, sound and repair included.
type Want struct {
	// Now is what all shares take. Next is what the path has to be proven to carry
	// for the next rung, and Leap for the next spatial layer in full; both are
	// Now if there is nothing to try at present. Most is all at its best.
	Now, Next, Leap, Most unit.BitRate
	// Again is when something that failed may be tried again, unit.Far if nothing
	// waits for that.
	Again unit.Instant
}

// Config is how careful an Allocator is. The zero Config is replaced by defaults.
type Config struct {
	// Margin is how much more than the peak of a higher rung has to be proven to
	// fit, and how much more than the mean of a lower layer has to be left when it is
	// gone down to: 1.2, what the estimate wavers by and room for a key frame. With 1.15
	// a path that carries 0.62 and 0.52 Mbit/s by turns is tried twice as often.
	Margin float64
}

// Allocator hands out one path's budget. It belongs to the loop that paces the path.
type Allocator struct {
	config Config
	held   []holding // of the call before
	seats  []seat    // by priority, the highest first
	shares []Share
	want   Want
	doubt  doubt
	moved  uint32
}

// holding is what a subscription was given.
type holding struct {
	key     uint64
	layer   simulcast.Layer
	landing bool // it went down to it, and the key frame has not come
}

// New gives an allocator that has handed out nothing.
func New(c Config) *Allocator {
	if !(c.Margin >= 1) {
		c.Margin = 1.2
	}
	return &Allocator{config: c}
}

// Allocate answers for each demand, in their order. The slice is the Allocator's and
// good until the next call.
func (a *Allocator) Allocate(b Budget, demands []Demand, now unit.Instant) []Share {
	if b.Moved != a.moved {
		a.moved, a.doubt = b.Moved, doubt{}
	}
	a.doubt.refresh(b.rise(), now)
	r := round{a: a, now: now, hold: b.hold(), rise: b.rise()}
	a.seat(demands)
	for i := range a.seats {
		r.before += a.seats[i].held()
	}
	r.seatAll()
	r.climb()
	a.learn(&r)
	a.ask(&r, &b)
	return a.answer(&r, demands)
}

// Want says what the last answer leaves to be wished for.
func (a *Allocator) Want() Want { return a.want }

// seat makes a seat for each demand, by priority; equal ones stay in order.
func (a *Allocator) seat(demands []Demand) {
	a.seats = a.seats[:0]
	for i := range demands {
		a.seats = append(a.seats, a.newSeat(i, &demands[i]))
		for j := i; j > 0 && a.seats[j].demand.Priority > a.seats[j-1].demand.Priority; j-- {
			a.seats[j], a.seats[j-1] = a.seats[j-1], a.seats[j]
		}
	}
}

func (a *Allocator) newSeat(i int, d *Demand) seat {
	s := seat{index: i, demand: d, at: -1, present: -1, fresh: true}
	if d.Ladder == nil || d.Ladder.length == 0 {
		s.done, s.reason = true, Silent
	}
	if d.Most.Spatial < 0 {
		s.done, s.reason = true, Unwanted
	}
	if h := a.holding(i, d.Key); h != nil {
		s.fresh, s.landing = false, h.landing && h.layer.Spatial != d.Current.Spatial
		if !s.done && h.layer.Spatial >= 0 {
			s.present = d.Ladder.find(h.layer)
		}
	}
	return s
}

// holding finds what a key was given: most often where it was the last time.
func (a *Allocator) holding(i int, key uint64) *holding {
	if i < len(a.held) && a.held[i].key == key {
		return &a.held[i]
	}
	for j := range a.held {
		if a.held[j].key == key {
			return &a.held[j]
		}
	}
	return nil
}

// learn notes what was taken and what was lost.
func (a *Allocator) learn(r *round) {
	if r.fell {
		a.doubt.fell(r.hold, r.now)
	}
	if r.means > r.before {
		a.doubt.took(r.means, r.now)
	}
}

// ask says what would be needed to go on.
func (a *Allocator) ask(r *round, b *Budget) {
	next, leap, most := r.means, r.means, unit.BitRate(0)
	best := 0.0
	a.want.Again = unit.Far
	for i := range a.seats {
		s := &a.seats[i]
		most += s.best(a.config.Margin)
		n := s.above()
		if n < 0 {
			continue
		}
		rung := &s.demand.Ladder.rungs[n]
		sum := r.means - s.mean() + rung.Mean
		if a.doubt.bars(sum, r.now) {
			a.want.Again = a.doubt.until()
			continue
		}
		if g := s.gain(n); g > best {
			best = g
			next = r.means - s.mean() + a.proving(rung, sum)
			leap = max(next, r.means-s.mean()+a.taking(s.leap(n)))
		}
	}
	if a.doubt.bars(leap, r.now) {
		leap = next
	}
	a.want.Now, a.want.Next = b.whole(r.means), b.whole(next)
	a.want.Leap, a.want.Most = b.whole(leap), b.whole(max(most, leap))
}

// taking is what a rung costs that is not held yet.
func (a *Allocator) taking(r *Rung) unit.BitRate {
	return unit.BitRate(math.Round(float64(r.Peak) * a.config.Margin))
}

// proving is the same where a sum like this has failed.
func (a *Allocator) proving(r *Rung, sum unit.BitRate) unit.BitRate {
	return unit.BitRate(float64(a.taking(r)) * a.doubt.proof(sum))
}

// landing is what a rung costs while it is gone down to.
func (a *Allocator) landing(r *Rung) unit.BitRate {
	return unit.BitRate(math.Round(float64(r.Mean) * a.config.Margin))
}

// answer fills the shares in the order of the demands, and remembers them.
func (a *Allocator) answer(r *round, demands []Demand) []Share {
	a.shares, a.held = a.shares[:0], a.held[:0]
	for i := range demands {
		a.shares = append(a.shares, Share{})
		a.held = append(a.held, holding{key: demands[i].Key})
	}
	left := max(r.hold-r.means, 0)
	for i := range a.seats {
		s := &a.seats[i]
		share := Share{Key: s.demand.Key, Layer: simulcast.None, Shed: Everything, Reason: s.reason}
		if s.at >= 0 {
			share.Layer, share.Rate = s.demand.Ladder.rungs[s.at].Layer, s.mean()
		}
		if over := s.meanwhile(); over > 0 {
			share.Shed = -1
			if over <= s.mean()+left {
				share.Shed = 0
				left -= max(over-s.mean(), 0)
			}
		}
		a.shares[s.index] = share
		a.held[s.index].layer, a.held[s.index].landing = share.Layer, s.lower()
	}
	return a.shares
}
