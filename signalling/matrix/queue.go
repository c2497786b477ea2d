package matrix

import (
	"time"

	"meshfocus/signalling/message"
)

// parcel is one to-device message on its way. Owned by the outbox loop, lent
// to one request at a time.
type parcel struct {
	to        message.Party
	room      string // "" when the signal names none
	eventType string
	content   []byte
	locked    bool // inside Olm or not at all
	deadline  time.Time
	done      func(error)

	// transaction stays the same over all attempts, so that the homeserver
	// delivers once; sealed is what is sent, encrypted once.
	transaction string
	sealedType  string
	sealed      []byte

	attempts int
	notUntil time.Time
	last     error // of the last attempt
}

// outcome says how an attempt ended.
type outcome uint8

const (
	outcomeSent outcome = iota
	// outcomeRetry: trouble with this destination, or with the network.
	outcomeRetry
	// outcomeLimited: the homeserver limits our rate, whatever the destination.
	outcomeLimited
	// outcomeDrop: trying again is no use.
	outcomeDrop
)

// sendPause is the back-off of one destination.
var sendPause = backoff{first: 250 * time.Millisecond, most: 8 * time.Second}

// queue decides what is sent when: parcels to one destination in order and one
// at a time, destinations independent of each other, at most so many requests
// at once, none while the homeserver limits our rate. Pure: it has no clock
// and sends nothing. Owned by the outbox loop.
//
//	push ─▶ line of its destination ─ start ─▶ in flight ─ finish ─▶ gone
//	                   ▲                                     │
//	                   └── retry, limited: head of the line ─┘
type queue struct {
	most   int
	flying int
	paused time.Time // no attempt before, for all destinations
	lines  map[message.Party]*line
	order  []message.Party // whose turn it is, first comes first
}

// line is what waits for one destination. The head may be in flight.
type line struct {
	parcels []*parcel
	flying  bool
}

func newQueue(most int) *queue {
	return &queue{most: most, lines: map[message.Party]*line{}}
}

// push appends a parcel to the line of its destination.
func (q *queue) push(p *parcel) {
	waiting, ok := q.lines[p.to]
	if !ok {
		waiting = &line{}
		q.lines[p.to] = waiting
		q.order = append(q.order, p.to)
	}
	waiting.parcels = append(waiting.parcels, p)
}

// start takes the parcels that may go now, those whose time is over, and tells
// when to ask again at the latest (zero: when something happens).
func (q *queue) start(now time.Time) (ready, expired []*parcel, wake time.Time) {
	earliest := func(at time.Time) {
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	var passed []message.Party
	for _, to := range q.order {
		waiting := q.lines[to]
		if waiting.flying {
			continue
		}
		for len(waiting.parcels) > 0 && !now.Before(waiting.parcels[0].deadline) {
			expired = append(expired, waiting.parcels[0])
			waiting.parcels = waiting.parcels[1:]
		}
		if len(waiting.parcels) == 0 {
			continue
		}
		head := waiting.parcels[0]
		due := head.notUntil
		if due.Before(q.paused) {
			due = q.paused
		}
		switch {
		case now.Before(due):
			earliest(due)
			earliest(head.deadline)
		case q.flying >= q.most:
			earliest(head.deadline)
		default:
			waiting.flying = true
			q.flying++
			head.attempts++
			ready = append(ready, head)
			passed = append(passed, to)
		}
	}
	q.rotate(passed)
	return ready, expired, wake
}

// rotate puts destinations that had their turn behind the others, and forgets
// empty lines.
func (q *queue) rotate(passed []message.Party) {
	had := make(map[message.Party]bool, len(passed))
	for _, to := range passed {
		had[to] = true
	}
	next := make([]message.Party, 0, len(q.order))
	for _, to := range q.order {
		switch {
		case len(q.lines[to].parcels) == 0:
			delete(q.lines, to)
		case !had[to]:
			next = append(next, to)
		}
	}
	q.order = append(next, passed...)
}

// finish takes back a parcel after an attempt and reports whether it is done
// with. Random is in [0, 1).
func (q *queue) finish(p *parcel, how outcome, after time.Duration, now time.Time, random float64) (gone bool) {
	waiting := q.lines[p.to]
	waiting.flying = false
	q.flying--
	switch how {
	case outcomeRetry:
		p.notUntil = now.Add(max(after, sendPause.wait(p.attempts, random)))
		return false
	case outcomeLimited:
		if after <= 0 {
			after = sendPause.wait(p.attempts, random)
		}
		until := now.Add(after)
		if until.After(q.paused) {
			q.paused = until
		}
		// Spread what was held up, or it runs into the limit together.
		p.notUntil = until.Add(time.Duration(random * float64(sendPause.first)))
		return false
	}
	waiting.parcels = waiting.parcels[1:]
	return true
}

// drain empties the queue and gives what was in it.
func (q *queue) drain() []*parcel {
	var left []*parcel
	for _, to := range q.order {
		left = append(left, q.lines[to].parcels...)
	}
	*q = *newQueue(q.most)
	return left
}
