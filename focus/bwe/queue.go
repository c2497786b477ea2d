package bwe

import "time"

const (
	// sights is how many slots of arrivals the standing queue is the least of: 60 ms
	// hold a whole frame at 20 a second and, every 20 ms, a packet of sound, which
	// waits for nothing but the queue.
	sights = 6
	// freshest is how many packets the fresh queue is the least of: a third of a
	// frame. One alone could be late by itself.
	freshest = 3
	// noises is how many mean differences of neighbours the least of 60 ms lies above
	// the least of ten seconds, if lateness is normally distributed: 2.3 σ, of which
	// a mean difference is 1.13.
	noises = 2
	// noiseMemory is over how many reports differences are averaged, noiseMost what
	// counts at most: a queue that grows is not noise.
	noiseMemory  = 64
	usualDiffers = 2 * time.Millisecond // until it is known
	noiseMost    = 15 * time.Millisecond
)

// queue is how long packets waited: delay beyond the base.
type queue struct {
	least [sights]time.Duration // of delays, by slot of arrival
	slot  int64
	begun bool
	last  [freshest]time.Duration

	// noise is how far the least of an empty queue is above the base, because
	// packets are late by themselves; before and differs are what it comes from.
	noise, before, differs time.Duration

	// standing is the least of the last slots, fresh the least of the last packets.
	standing, fresh time.Duration
	raw             time.Duration // the least delay of the last slots

	// came is the least of each of the last slots in which anything came.
	came [sights]time.Duration
}

// observe takes the delay of a packet. Those that come out of order are passed over
// by the caller.
func (q *queue) observe(delay time.Duration, at time.Duration) {
	s := slotOf(at)
	if !q.begun {
		q.begun, q.slot, q.differs, q.noise = true, s, usualDiffers, noises*usualDiffers
		q.clear(delay)
	}
	if s > q.slot+sights {
		q.slot = s - sights
	}
	for ; q.slot < s; q.slot++ {
		q.least[(q.slot+1)%sights] = none
	}
	cell := &q.least[s%sights]
	if *cell == none {
		copy(q.came[1:], q.came[:sights-1])
		q.came[0] = delay
	}
	*cell = min(*cell, delay)
	q.came[0] = min(q.came[0], delay)
	copy(q.last[1:], q.last[:freshest-1])
	q.last[0] = delay
}

// measure says how long packets wait, with the base that is known now. Where the
// receiver stood lately, what was told to have come at one instant says as much as any
// packet does, and the time in which nothing came says nothing.
func (q *queue) measure(base time.Duration, stood bool) {
	q.standing = none
	for _, delay := range q.least {
		q.standing = min(q.standing, delay)
	}
	q.fresh = none
	for _, delay := range q.last {
		q.fresh = min(q.fresh, delay)
	}
	if stood {
		for _, delay := range q.came {
			q.standing = min(q.standing, delay)
		}
		q.fresh = q.standing
	}
	q.raw = q.standing
	q.standing = max(q.standing-base-q.noise, 0)
	q.fresh = max(q.fresh-base-q.noise, 0)
}

// bound has nothing have waited for longer than our own clock allows.
func (q *queue) bound(most time.Duration) {
	q.standing, q.fresh = min(q.standing, most), min(q.fresh, most)
}

// again goes on at another time of the receiver.
func (q *queue) again(delay, at time.Duration) {
	q.slot = slotOf(at)
	q.clear(delay)
}

func (q *queue) clear(delay time.Duration) {
	for i := range q.least {
		q.least[i] = none
	}
	for i := range q.last {
		q.last[i] = delay
	}
	for i := range q.came {
		q.came[i] = delay
	}
}

// hear follows how much the least differs from report to report.
func (q *queue) hear() {
	least := q.raw
	if q.before != 0 {
		q.differs += (min((least-q.before).Abs(), noiseMost) - q.differs) / noiseMemory
		q.noise = noises * q.differs
	}
	q.before = least
}
