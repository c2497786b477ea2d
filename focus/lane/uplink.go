package lane

import (
	"math"
	"sync"
	"sync/atomic"

	"meshfocus/focus/allocate"
	"meshfocus/internal/unit"
)

// Uplink couples the Ends whose paths begin with the same bottleneck: the connections of
// a participant of a mesh, which share its upload (allocate.Uplink). Ends of any lanes
// may have it in common. An End takes part while its path is estimated.
//
// It is looked at after each report, never for a packet: the send loop that has it brings
// what it has found, and leaves for the others what they may send by now. Each takes that
// with its next turn.
type Uplink struct {
	mutex  sync.Mutex // guards all below; held for a handing out, and nothing is called under it
	shared *allocate.Uplink
	paths  []allocate.Member
	stakes []*stake // of them, in their order
	key    uint64
}

// stake is one End's share of an Uplink.
type stake struct {
	of *Uplink // set once
	// given is what the End may send, in the upper half, and all of them together, in
	// bits in a second.
	given atomic.Uint64
	taken uint64 // what of that its send loop has taken; owned by that
}

// NewUplink gives one that nobody shares yet.
func NewUplink() *Uplink { return &Uplink{shared: allocate.NewUplink()} }

// join takes in a path to which so much has been sent.
func (u *Uplink) join(brings unit.BitRate) *stake {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.key++
	k := &stake{of: u}
	u.stakes = append(u.stakes, k)
	u.paths = append(u.paths, allocate.Member{Key: u.key, Rate: brings, Brings: brings, Demand: brings})
	return k
}

// leave takes it out; the others have its part with the next report.
func (k *stake) leave() {
	u := k.of
	u.mutex.Lock()
	defer u.mutex.Unlock()
	for i, other := range u.stakes {
		if other == k {
			u.stakes = append(u.stakes[:i], u.stakes[i+1:]...)
			u.paths = append(u.paths[:i], u.paths[i+1:]...)
			return
		}
	}
}

// news reports whether others have changed the End's share.
func (k *stake) news() bool { return k.given.Load() != k.taken }

// take gives the share that others have left, and the sum.
func (k *stake) take() (share, whole unit.BitRate) {
	k.taken = k.given.Load()
	return unit.BitRate(k.taken >> 32), unit.BitRate(k.taken & math.MaxUint32)
}

// tell says how the End's path is, and has all shares made anew. Where the others have
// changed this one meanwhile, what the path says is of before, and waits for its next report.
func (k *stake) tell(path allocate.Member, now unit.Instant) {
	u := k.of
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if k.news() {
		return
	}
	for i, other := range u.stakes {
		if other == k {
			path.Key, path.Brings = u.paths[i].Key, u.paths[i].Brings
			u.paths[i] = path
		}
	}
	given, whole := u.shared.Share(u.paths, now), uint64(min(u.shared.Sum(), math.MaxUint32))
	for i, other := range u.stakes {
		u.paths[i].Rate, u.paths[i].Brings = given[i], 0
		other.given.Store(uint64(min(given[i], math.MaxUint32))<<32 | whole)
	}
}

// couple tells the uplink of an End's path, and has the path go on from its share.
func (s *sender) couple(w *way) {
	if w.stake == nil {
		return
	}
	s.follow(w)
	e := w.path.Estimate()
	w.sound.rate(s.now)
	w.stake.tell(allocate.Member{
		Rate: e.Rate, Delivered: e.Delivered, Queue: e.Queue, RoundTrip: e.RoundTrip, Sound: w.sound.last, Demand: w.most(),
	}, s.now)
	s.yield(w)
}

// most is what would leave at the most, with as much again by half: a path that has just
// what it needs could not show that it may have its picture.
func (w *way) most() unit.BitRate {
	most := unit.BitRate(0)
	if w.unknown { // nobody knows yet what there is to send
		most = mostStart
	}
	for i := range w.demands {
		most += w.demands[i].Best()
	}
	return max(most*3/2+w.sound.last, w.allocator.Want().Most) + w.following
}

// follow has a path go on from the share that it has by now.
func (s *sender) follow(w *way) {
	if w.stake != nil && w.stake.news() {
		s.yield(w)
	}
}

// yield has it do so though that be as before: the path may have found something else.
func (s *sender) yield(w *way) {
	share, whole := w.stake.take()
	w.path.Couple(share, whole, s.now)
}
