package discrete

import (
	"time"

	"meshfocus/internal/unit"
)

// Sizes of TCP's packets, with all headers.
const (
	segmentSize = 1500
	segmentData = 1448
	ackSize     = 52
)

const (
	// reordering is how many later segments have to be acknowledged before one
	// counts as lost (RFC 6675).
	reordering = 3
	// Bounds of the retransmission timeout: Linux's least, RFC 6298's first.
	timeoutLeast = 200 * time.Millisecond
	timeoutFirst = time.Second
	timeoutMost  = 60 * time.Second
)

// TCP is one connection with CUBIC that transfers bytes, or sends without end.
// It owns no numbers of bytes: each sending of a segment has its own Number, which
// the receiver acknowledges, and that tells as much as SACK with timestamps. A
// segment that is lost is sent again before new ones.
type TCP struct {
	clock     *Clock
	out, back *Link
	wire      int // Flow of segments; acknowledgements take the next

	cubic    Cubic
	slow     hystart
	fresh    int64 // segments never sent yet
	again    int64 // segments lost, to be sent again
	sent     ring[unit.Instant]
	first    int64 // number of the oldest in sent
	next     int64
	flying   int
	highest  int64 // number acknowledged
	recovery int64 // losses below this number belong to the last reduction

	trip, deviation time.Duration
	backoff         int
	expires         unit.Instant // Far while nothing is under way
	asleep          unit.Instant
	quiet           bool // stopped
	done            func(now unit.Instant)

	// Delivered counts segments that were acknowledged.
	Delivered int64
}

// acknowledged stands for when a segment was sent that has been acknowledged or
// given up.
const acknowledged = unit.Never

// endless is more than is ever sent.
const endless = 1 << 60

// NewTCP connects a TCP: wire carries segments on out, wire+1 acknowledgements on
// back; delay is that of both, nil for the links'. done is called when a
// transfer has been acknowledged to the end.
func NewTCP(clock *Clock, out, back *Link, wire int, delay Delays, done func(unit.Instant)) *TCP {
	t := &TCP{clock: clock, out: out, back: back, wire: wire, asleep: unit.Far, done: done}
	t.reset()
	out.Connect(wire, delay, &acknowledger{clock: clock, back: back, wire: wire + 1, next: -1, asleep: unit.Far})
	back.Connect(wire+1, delay, ReceiverFunc(t.acknowledge))
	return t
}

// reset is a new connection: nothing known of the path.
func (t *TCP) reset() {
	t.cubic, t.slow = NewCubic(), newHystart(t.next)
	t.trip, t.deviation, t.backoff = 0, 0, 0
	t.expires = unit.Far
}

// Transfer begins a new connection with so many bytes, without end if 0.
func (t *TCP) Transfer(bytes int64, now unit.Instant) {
	t.reset()
	t.quiet = false
	t.fresh = (bytes + segmentData - 1) / segmentData
	if bytes == 0 {
		t.fresh = endless
	}
	t.again, t.recovery = 0, t.next
	t.send(now)
}

// Stop ends it: what is under way is forgotten.
func (t *TCP) Stop() {
	t.quiet, t.fresh, t.again = true, 0, 0
	t.forget()
	t.expires = unit.Far
}

// forget gives up all that is under way.
func (t *TCP) forget() {
	for t.sent.size() > 0 {
		t.sent.pop()
	}
	t.first, t.flying = t.next, 0
}

// send sends what the window allows.
func (t *TCP) send(now unit.Instant) {
	for t.fresh+t.again > 0 && float64(t.flying) < t.cubic.Window() {
		if t.again > 0 {
			t.again--
		} else {
			t.fresh--
		}
		t.sent.push(now)
		number := t.next
		t.next++
		t.flying++
		if t.expires == unit.Far {
			t.arm(now)
		}
		t.out.Put(Packet{Flow: t.wire, Kind: Segment, Size: segmentSize, Number: number}, now)
	}
}

// acknowledge takes word of one segment or two.
func (t *TCP) acknowledge(p *Packet, now unit.Instant) {
	for number := p.Number - int64(p.Index); number <= p.Number; number++ {
		t.settle(number, now)
	}
	if t.quiet {
		return
	}
	t.arm(now)
	if t.flying == 0 && t.fresh+t.again == 0 {
		t.quiet, t.expires = true, unit.Far
		t.done(now)
		return
	}
	t.send(now)
}

// settle takes that one segment has arrived.
func (t *TCP) settle(number int64, now unit.Instant) {
	if t.quiet || number < t.first {
		return // of a transfer before, or given up
	}
	at := t.cell(number)
	if *at == acknowledged {
		return
	}
	full := float64(t.flying) >= t.cubic.Window()-1 // the window is what holds it back
	trip := now.Sub(*at)
	t.measure(trip)
	*at = acknowledged
	t.flying--
	t.Delivered++
	t.backoff = 0
	t.highest = max(t.highest, number)
	lost := t.lose()
	t.trim()
	switch {
	case lost >= t.recovery && lost >= 0:
		t.cubic.Reduce()
		t.recovery = t.next
	case number >= t.recovery && full:
		t.grow(number, trip, now)
	}
}

// grow lets the window grow for a segment that was acknowledged.
func (t *TCP) grow(number int64, trip time.Duration, now unit.Instant) {
	if !t.cubic.Slow() {
		t.cubic.Acknowledged(t.trip, now)
		return
	}
	t.cubic.Grow(t.slow.acknowledged(number, trip, t.next))
}

// lose counts as lost what is three numbers below an acknowledged one, and gives the
// highest such number, -1 for none.
func (t *TCP) lose() int64 {
	lost := int64(-1)
	for n := t.first; n <= t.highest-reordering; n++ {
		if at := t.cell(n); *at != acknowledged {
			*at = acknowledged
			t.flying--
			t.again++
			lost = n
		}
	}
	return lost
}

// trim forgets what is settled at the front.
func (t *TCP) trim() {
	for t.sent.size() > 0 && *t.sent.front() == acknowledged {
		t.sent.pop()
		t.first++
	}
}

func (t *TCP) cell(number int64) *unit.Instant {
	return &t.sent.cells[(t.sent.first+uint(number-t.first))&uint(len(t.sent.cells)-1)]
}

// measure is RFC 6298 section 2.
func (t *TCP) measure(trip time.Duration) {
	if t.trip == 0 {
		t.trip, t.deviation = trip, trip/2
		return
	}
	t.deviation += ((t.trip - trip).Abs() - t.deviation) / 4
	t.trip += (trip - t.trip) / 8
}

// arm starts the timeout anew, RFC 6298 section 5.
func (t *TCP) arm(now unit.Instant) {
	t.expires = unit.Far
	if t.flying == 0 {
		return
	}
	timeout := timeoutFirst
	if t.trip > 0 {
		timeout = max(t.trip+4*t.deviation, timeoutLeast)
	}
	t.expires = now.Add(min(timeout<<t.backoff, timeoutMost))
	if t.expires < t.asleep {
		t.asleep = t.expires
		t.clock.At(t.expires, t)
	}
}

// Wake looks whether the timeout has expired.
func (t *TCP) Wake(now unit.Instant) {
	if now >= t.asleep {
		t.asleep = unit.Far
	}
	if now < t.expires {
		if t.expires < t.asleep {
			t.asleep = t.expires
			t.clock.At(t.expires, t)
		}
		return
	}
	t.cubic.Timeout()
	t.slow = newHystart(t.next)
	t.backoff = min(t.backoff+1, 8)
	t.again += int64(t.flying)
	t.forget()
	t.recovery = t.next
	t.expires = unit.Far
	t.send(now)
}
