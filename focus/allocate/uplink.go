package allocate

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

const (
	// wary is how long a fall that one path alone has seen is taken for one of all: a
	// queue that they share is in the others' reports within a round trip and the
	// 250 ms that reports take at the most.
	wary = 400 * time.Millisecond
	// A path tells of the shared queue if it has one of leastQueue and of so much of
	// that of the path that fell.
	leastQueue  = 8 * time.Millisecond
	alikeQueue  = 0.3
	fallsBelow  = 0.995 // of what was given: less is noise of rounding
	creeps      = 0.05  // of what was given: a rise beyond that is of a probe
	forgetsCaps = 5 * time.Second
	// boldness: N flows that each add in proportion to the power 0.3 of their rate
	// (bwe) add N to the power of 0.7 times what one with all of it would. Most of
	// that is left to them, for a sum that is too small costs all: with 0.5 the worst
	// of 60 runs used 0.946 of the uplink, with 0.2 0.956, for a millisecond more of
	// queue at the 95th percentile.
	boldness = 0.2
	// drains: a queue that all see is gone in time with so much of what arrives of all.
	// That is what an estimate falls to, of a path that is used; of one that is not it
	// falls far below its part, and says nothing of the others.
	drains = 0.85
	// idle: paths that send less than their part show nothing by adding to it; as with a
	// single path, where the estimate may be half as much again as what arrives (bwe).
	idle = 1.5
)

// Member is one path of an uplink, as its estimator and its media have it.
type Member struct {
	// Key tells it from others of the Uplink, and stays.
	Key uint64
	// Rate is its estimate, Queue the standing queue that it sees, RoundTrip its own.
	Rate             unit.BitRate
	Queue, RoundTrip time.Duration
	// Delivered is what arrives of what is sent at present; 0 is as much as it may have.
	Delivered unit.BitRate
	// Sound is what its audio takes, Demand the most that it would send, sound
	// included.
	Sound, Demand unit.BitRate
	// Weight is its priority among the members; 0 is 1.
	Weight float64
	// Brings is what was sent to it before it was a member, beside what the others
	// have: it comes to the sum with the first Share that has it.
	Brings unit.BitRate
}

// Uplink is several paths behind one bottleneck: the connections of a mesh
// participant, which share its upload. Each has its own estimator. What they find is
// added up, and the sum is handed out again by weight, in the spirit of RFC 8699
// (coupled congestion control; its conservative active exchange): a rise of one is a
// rise of all, a fall of one a fall of all in proportion, and they end equal at once
// rather than after they have fought for it.
//
// Whoever owns it calls Share after each report to one of the paths, and has each
// estimator go on from its answer (bwe.Estimator.Couple), so that what a queue has
// told one of them is not told again by the others.
//
//	Rate below what was given   the member has less, at once; as soon as another path
//	                            shows a queue, all have less in proportion. If none does
//	                            within 400 ms, it is the member's own path, and it is
//	                            bound by its estimate alone
//	Rate above                  the sum grows by as much; where a probe has raised it, to
//	                            what the probe has shown beside what the others sent
//	joins                       shares what there is, and what it was sent before
//	leaves                      leaves its part to the others
//
// The others wait for a sign before they follow a fall, for in a call most falls are of one
// path, somebody's download or radio, and each step down costs the others a picture: what
// they send too much until then is less than a round trip and an interval of reports.
type Uplink struct {
	sum     float64
	members []member
	given   []unit.BitRate
}

// member is what is kept of a path.
type member struct {
	key    uint64
	given  float64 // by the last answer, 0 for a new one
	use    float64 // what of it is sent
	seen   bool    // it has all that it may have
	alone  bool    // bound by its own path
	cap    float64 // what that carries
	capped unit.Instant

	// A fall that nobody else has seen yet, since then: what the sum will be if others do.
	falling bool
	fell    unit.Instant
	shared  float64
	queue   time.Duration
}

// NewUplink knows nothing yet.
func NewUplink() *Uplink { return &Uplink{} }

// Sum is what the uplink carries of all paths, as far as is known.
func (u *Uplink) Sum() unit.BitRate { return unit.BitRate(u.sum) }

// Share says what each member may send, sound included, in their order. The slice is
// the Uplink's and good until the next call.
func (u *Uplink) Share(paths []Member, now unit.Instant) []unit.BitRate {
	u.meet(paths)
	u.fall(paths, now)
	u.judge(paths, now)
	u.rise(paths)
	u.hand(paths)
	u.lend(paths)
	return u.given
}

// meet brings the members into the order of the paths, forgets those that have left,
// and begins with those that are new.
func (u *Uplink) meet(paths []Member) {
	for i := range paths {
		at := i
		for at < len(u.members) && u.members[at].key != paths[i].Key {
			at++
		}
		if at == len(u.members) {
			u.members = append(u.members, member{key: paths[i].Key})
			if u.sum > 0 {
				u.sum += float64(max(paths[i].Brings, 0))
			}
		}
		u.members[i], u.members[at] = u.members[at], u.members[i]
	}
	u.members = u.members[:len(paths)]
	if u.sum == 0 && len(paths) > 0 {
		u.sum = float64(paths[0].Rate)
	}
}

// judge decides about falls: of all, once another path has seen a queue, or of the path
// alone.
func (u *Uplink) judge(paths []Member, now unit.Instant) {
	for i := range u.members {
		m := &u.members[i]
		switch {
		case !m.falling:
		case u.echoed(paths, i):
			m.falling = false
			u.sum = min(u.sum, m.shared)
		case now.Sub(m.fell) > wary+paths[i].RoundTrip:
			m.falling, m.alone = false, len(paths) > 1
		}
		if m.alone && now.Sub(m.capped) > forgetsCaps && m.cap > u.fair() {
			m.alone = false
		}
	}
}

// echoed reports whether another path shows a queue like that of a member that fell.
func (u *Uplink) echoed(paths []Member, i int) bool {
	for j := range paths {
		if j == i || u.members[j].alone || u.members[j].given == 0 {
			continue
		}
		if q := paths[j].Queue; q >= leastQueue && float64(q) >= alikeQueue*float64(u.members[i].queue) {
			return true
		}
	}
	return false
}

// fair is an equal part of the sum.
func (u *Uplink) fair() float64 { return u.sum / float64(max(len(u.members), 1)) }

// fall lowers what paths have whose estimate has fallen, and the sum by as much. What was
// not given out is not proven, and goes first.
func (u *Uplink) fall(paths []Member, now unit.Instant) {
	total, used := 0.0, 0.0
	for i := range u.members {
		total += u.members[i].given
		used += u.members[i].used(&paths[i])
	}
	for i := range u.members {
		m, p := &u.members[i], &paths[i]
		if m.given == 0 || float64(p.Rate) >= fallsBelow*m.given {
			continue
		}
		if m.cap, m.capped = float64(p.Rate), now; m.alone {
			continue
		}
		before := min(u.sum, total)
		if len(paths) == 1 {
			u.sum = before * float64(p.Rate) / m.given
			continue
		}
		if !m.falling {
			m.falling, m.fell, m.shared, m.queue = true, now, before, 0
		}
		m.shared = max(min(m.shared, before)*float64(p.Rate)/m.given, min(before, drains*used))
		m.queue = max(m.queue, p.Queue)
		u.sum = max(before-(m.given-float64(p.Rate)), float64(max(p.Rate, 0)))
		total -= m.given - float64(p.Rate)
	}
}

// rise adds what paths have found beyond what they were given, as far as they can use it:
// of what they add by and by as much as one path would, so that many together are no
// bolder. A probe has shown that there is room for it beside what the others have sent
// meanwhile, which is less than they might have, and several have seen the same room.
func (u *Uplink) rise(paths []Member) {
	sum, shown, used := 0.0, 0.0, 0.0
	for i := range u.members {
		used += u.members[i].used(&paths[i])
	}
	for i := range u.members {
		m := &u.members[i]
		rate := float64(min(paths[i].Rate, paths[i].Demand))
		more := rate - m.given
		if m.given == 0 || more <= 0 {
			continue
		}
		if m.alone || m.falling {
			m.cap = max(m.cap, float64(paths[i].Rate))
			continue
		}
		slow := min(more, creeps*m.given)
		sum += slow
		if more > slow {
			shown = max(shown, rate-slow+used-m.used(&paths[i]))
		}
	}
	if u.sum > idle*used {
		sum = 0
	}
	u.sum = max(u.sum, shown) + sum/math.Pow(float64(max(len(paths), 1)), boldness)
}

// used is what of its share a member sends.
func (m *member) used(p *Member) float64 {
	if p.Delivered <= 0 {
		return m.given
	}
	return min(float64(p.Delivered), m.given)
}

// hand gives everybody sound, and of the rest to each by weight until it has enough.
func (u *Uplink) hand(paths []Member) {
	left := u.sum
	for i := range paths {
		m, p := &u.members[i], &paths[i]
		m.seen, m.given = false, float64(max(p.Sound, 0))
		left -= m.given
	}
	for again := left > 0; again; { // once more for each that has enough: N² at most
		again = false
		weights := 0.0
		for i := range paths {
			if !u.members[i].seen {
				weights += weightOf(&paths[i])
			}
		}
		for i := range paths {
			m := &u.members[i]
			if m.seen {
				continue
			}
			most := max(m.bound(&paths[i])-m.given, 0)
			if most <= left*weightOf(&paths[i])/weights {
				m.given += most
				left -= most
				m.seen, again = true, true
				break
			}
		}
		if !again {
			for i := range paths {
				if m := &u.members[i]; !m.seen {
					m.given += left * weightOf(&paths[i]) / weights
				}
			}
		}
	}
}

// lend gives what others do not use at present to those who have found it: a picture
// comes in steps, and who cannot take the next one leaves room for who can.
func (u *Uplink) lend(paths []Member) {
	spare, used := u.sum, 0.0
	for i := range u.members {
		m := &u.members[i]
		m.use = m.given
		if d := float64(paths[i].Delivered); d > 0 {
			m.use = min(d, m.given)
		}
		used += m.use
	}
	if spare -= used; idle*used > u.sum {
		spare = 0
	}
	for i := range u.members {
		m := &u.members[i]
		if m.seen { // it has all that it wants, or its own path carries
			continue
		}
		more := min(float64(min(paths[i].Rate, paths[i].Demand))-m.given, spare-(m.given-m.use))
		if more > 0 {
			m.given += more
			spare -= m.given - m.use
		}
	}
	u.given = u.given[:0]
	for i := range u.members {
		u.given = append(u.given, unit.BitRate(u.members[i].given))
	}
}

// bound is the most that a member may have.
func (m *member) bound(p *Member) float64 {
	most := float64(p.Demand)
	if m.alone || m.falling {
		most = min(most, m.cap)
	}
	return max(most, float64(p.Sound))
}

func weightOf(p *Member) float64 {
	if p.Weight > 0 && p.Weight < 1e6 {
		return p.Weight
	}
	return 1
}
