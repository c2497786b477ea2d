package allocate

import (
	"math"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// seat is one demand while the budget is handed out.
type seat struct {
	index   int
	demand  *Demand
	present int  // rung that it has had so far, -1 none
	fresh   bool // it is here for the first time
	landing bool // it went down to present, whose key frame has not come
	at      int  // rung that it has by now, -1 none
	cost    unit.BitRate
	done    bool // it gets no more
	reason  Reason
}

// mean is what arrives of the rung it has by now.
func (s *seat) mean() unit.BitRate {
	if s.at < 0 {
		return 0
	}
	return s.demand.Ladder.rungs[s.at].Mean
}

// held is what arrives of the rung it has had so far.
func (s *seat) held() unit.BitRate {
	if s.present < 0 {
		return 0
	}
	return s.demand.Ladder.rungs[s.present].Mean
}

// above is the next rung for it, -1 if it has the best.
func (s *seat) above() int {
	if s.reason == Silent || s.reason == Unwanted {
		return -1
	}
	return s.demand.Ladder.next(s.at, s.demand.Most)
}

// keep is how much more a bit gains that is sent already. It keeps those that are
// equal from changing places by the noise of what their layers cost, and is less
// than what makes one rung gain more than the next.
const keep = 1.2

// gain is what a bit more gains with rung n, weighted by priority.
func (s *seat) gain(n int) float64 {
	r := &s.demand.Ladder.rungs[n]
	weight := s.demand.Priority.weight()
	if n <= s.present {
		weight *= keep
	}
	if s.at < 0 {
		return weight * firstWorth / float64(max(r.Mean, 1))
	}
	now := &s.demand.Ladder.rungs[s.at]
	return weight * (r.Worth - now.Worth) / float64(max(r.Mean-now.Mean, 1))
}

// firstWorth is that of any picture against none.
const firstWorth = 10

// leap is the best rung of the spatial layer that rung n is of.
func (s *seat) leap(n int) *Rung {
	l := s.demand.Ladder
	best := &l.rungs[n]
	for m := l.next(n, s.demand.Most); m >= 0; m = l.next(m, s.demand.Most) {
		if l.rungs[m].Layer.Spatial == best.Layer.Spatial {
			best = &l.rungs[m]
		}
	}
	return best
}

// best is what its best rung takes: as much as it has if it has that.
func (s *seat) best(margin float64) unit.BitRate {
	n := s.above()
	if n < 0 {
		return s.mean()
	}
	for m := n; m >= 0; m = s.demand.Ladder.next(m, s.demand.Most) {
		n = m
	}
	return unit.BitRate(math.Round(float64(s.demand.Ladder.rungs[n].Peak) * margin))
}

// meanwhile is what the lowest temporal layer costs of what is forwarded still and
// shall not be any more, since a lower spatial layer is waited for; 0 if that is not so.
func (s *seat) meanwhile() unit.BitRate {
	spatial := s.demand.Current.Spatial
	if s.at < 0 || spatial < 0 || spatial <= s.demand.Ladder.rungs[s.at].Layer.Spatial {
		return 0
	}
	return s.demand.Ladder.cost(simulcast.Layer{Spatial: spatial})
}

// lower reports whether it has been given a lower layer than is forwarded, or was
// before and still waits for it.
func (s *seat) lower() bool {
	if s.at < 0 {
		return false
	}
	given, current := s.demand.Ladder.rungs[s.at].Layer.Spatial, s.demand.Current.Spatial
	return given < current || given != current && s.landing
}

// round is one handing out.
type round struct {
	a          *Allocator
	now        unit.Instant
	hold, rise unit.BitRate
	before     unit.BitRate // what arrives of all that was held
	spent      unit.BitRate // what was handed out: what is new with peak and margin
	means      unit.BitRate // what arrives of it
	fell       bool         // something that was held does not fit any more
}

// seatAll gives everybody the lowest rung, by priority.
func (r *round) seatAll() {
	for i := range r.a.seats {
		s := &r.a.seats[i]
		if s.done {
			continue
		}
		n := s.above()
		if n < 0 {
			s.done, s.reason = true, Unwanted
			continue
		}
		if !r.try(s, n) {
			s.done, s.reason = true, Paused
		}
	}
}

// climb hands out single rungs by gain per bit until nobody gets any more.
func (r *round) climb() {
	for {
		s, n := r.pick()
		if s == nil {
			return
		}
		if !r.try(s, n) {
			s.done = true
		}
	}
}

// pick is who gains most by the next bit. Those who are ahead of their equals wait
// for them.
func (r *round) pick() (chosen *seat, rung int) {
	best := 0.0
	for i := range r.a.seats {
		s := &r.a.seats[i]
		if s.done {
			continue
		}
		n := s.above()
		if n < 0 {
			s.done, s.reason = true, Best
			continue
		}
		if n > s.present {
			ahead, stuck := r.ahead(s)
			if stuck {
				s.done, s.reason = true, Level
			}
			if ahead {
				continue
			}
		}
		if g := s.gain(n); g > best {
			chosen, rung, best = s, n, g
		}
	}
	return chosen, rung
}

// ahead reports whether a seat is a rung above one of the same priority that has not
// got its best, and whether that one gets no more. Who is paused does not count: the
// others had nothing but their lowest rung when it did not fit.
func (r *round) ahead(s *seat) (ahead, stuck bool) {
	for i := range r.a.seats {
		o := &r.a.seats[i]
		if o == s || o.demand.Priority != s.demand.Priority || o.at < 0 || s.at <= o.at {
			continue
		}
		if o.done && o.reason == Best || o.above() < 0 {
			continue
		}
		ahead = true
		stuck = stuck || o.done
	}
	return ahead, stuck
}

// try gives a seat the rung n if it may have it, else the reason why not.
func (r *round) try(s *seat, n int) bool {
	rung := &s.demand.Ladder.rungs[n]
	means := r.means - s.mean() + rung.Mean
	cost, ok := rung.Mean, false
	switch {
	case n <= s.present || s.fresh && s.at < 0:
		if r.lands(s, rung) {
			cost = r.a.landing(rung)
		}
		ok = r.spent-s.cost+cost <= r.hold
	case means <= min(r.before, r.hold):
		// Taken from others: no more leaves than before.
		ok = r.spent-s.cost+cost <= r.hold
	case r.a.doubt.bars(means, r.now):
		s.reason = Proving
		return false
	default:
		cost = r.a.proving(rung, means)
		ok = r.spent-s.cost+cost <= min(r.rise, r.hold)
	}
	if ok {
		r.spent += cost - s.cost
		r.means, s.at, s.cost = means, n, cost
		return true
	}
	s.reason = r.blame(s, n, r.spent-s.cost+cost)
	return false
}

// lands reports whether a rung of a lower layer is gone down to: its key frame has to
// find room beside what follows it, and after a fall the first estimates are rather
// too high. A layer on its way there is judged in the same way until it has come, for
// so long a lower one costs nothing more.
func (r *round) lands(s *seat, rung *Rung) bool {
	current := s.demand.Current.Spatial
	if rung.Layer.Spatial == current {
		return false
	}
	return s.landing || r.before > r.hold && rung.Layer.Spatial < current
}

// blame is why a seat does not get rung n, which would make all cost so much.
func (r *round) blame(s *seat, n int, spent unit.BitRate) Reason {
	switch {
	case n <= s.present:
		r.fell = true
		return Fell
	case spent <= r.hold:
		return Unproven
	default:
		return Full
	}
}
