package bwe

import (
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// Config bounds an estimator. The zero value of a field means its default.
type Config struct {
	// Start is what is sent before anything is known: 300 kbit/s.
	Start unit.BitRate
	// Least is the floor that the estimate never falls below: 30 kbit/s, which is
	// sound alone. Most is its ceiling: 100 Mbit/s.
	Least, Most unit.BitRate
	// Weight is this flow's share relative to others of the same sender in the same
	// queue: 1.
	Weight float64
}

func (c Config) withDefaults() Config {
	if c.Start <= 0 {
		c.Start = 300 * unit.Kilobit
	}
	if c.Least <= 0 {
		c.Least = 30 * unit.Kilobit
	}
	if c.Most <= 0 {
		c.Most = 100 * unit.Megabit
	}
	c.Most = max(c.Most, c.Least)
	c.Start = min(max(c.Start, c.Least), c.Most)
	if !(c.Weight > 0) {
		c.Weight = 1
	}
	return c
}

// Acknowledged is what feedback told of one packet, in order of Number within a
// report.
type Acknowledged struct {
	// Number is the transport-wide number without wrap.
	Number int64
	// Left is when it left, by our clock; At when it came, by the receiver's, without
	// wrap, and only if Fate is Received or Recovered.
	Left unit.Instant
	At   time.Duration
	// Size is that of the IP packet in bytes.
	Size int
	// Tag is the number of the Probe it was part of, 0 for none.
	Tag uint8
	// Fate is Received, Recovered or Missing; others are passed over.
	Fate history.Fate
	// Marked says that it met congestion (ECN CE, RFC 3168; RFC 8888 carries it).
	Marked bool
}

// Estimate is what is known of the path now.
type Estimate struct {
	// Rate is what may be sent: media, sound, repair, everything.
	Rate unit.BitRate
	// Pace is how fast the pacer may empty: above Rate while the path's queue is
	// empty, so that pictures leave quickly; below what is delivered while it drains.
	Pace unit.BitRate
	// Confirmed is the highest rate at most Rate that was seen to be delivered
	// lately: what an allocator may step up to.
	Confirmed unit.BitRate
	// Delivered is what came in the last quarter of a second that was reported.
	Delivered unit.BitRate
	// Queue is how long packets wait at present; RoundTrip is from leaving to
	// feedback, smoothed.
	Queue, RoundTrip time.Duration
	// Loss is the share lost of late, 0 to 1.
	Loss float64
	// Reason is why the rate changed last, Changed when.
	Reason  Reason
	Changed unit.Instant
}

// Probe is a cluster of packets that should be sent now, at its own rate: what waits
// first, padding for what lacks. Each packet carries the Tag to Sent and back by
// Acknowledged.
type Probe struct {
	Tag   uint8
	Rate  unit.BitRate
	Bytes int
}

// Estimator is the state of one path. It belongs to the path's send loop.
type Estimator struct {
	config  Config
	demand  unit.BitRate
	backlog int64

	facts   facts
	base    base
	trips   base // the same of round trips, which are of our clock alone
	queue   queue
	stall   stall
	route   route
	move    move
	flow    flow
	trains  trains
	loss    loss
	trying  trying
	law     law
	rival   competitor
	prober  prober
	silence silence
	trace   Trace

	recorder *Recorder // nil: nothing is recorded
}

// New makes the estimator of a path of which nothing is known.
func New(c Config) *Estimator {
	c = c.withDefaults()
	e := &Estimator{config: c, demand: c.Most}
	e.law.start(c)
	e.prober.start()
	return e
}

// Sent takes a packet that leaves now: size in bytes of the IP packet, and the probe
// it is part of, 0 for none.
func (e *Estimator) Sent(size int, tag uint8, now unit.Instant) {
	e.flow.left(size, now)
	e.prober.left(size, tag, now)
	e.silence.left(now)
	if line, ok := e.note("sent", now); ok {
		line = appendInt(line, "size", int64(size))
		e.noted(appendInt(line, "tag", int64(tag)))
	}
}

// Demand says the most that media, sound and repair would take if they could:
// nothing above it is probed for.
func (e *Estimator) Demand(rate unit.BitRate) {
	before := e.demand
	e.demand = min(max(rate, 0), e.config.Most)
	if e.recorder != nil && e.demand != before {
		e.noted(appendInt(e.noteUndated("demand"), "rate", int64(e.demand)))
	}
}

// Backlog says how many bytes wait in the pacer now; 0: the application has no more
// to send.
func (e *Estimator) Backlog(bytes int64) {
	if e.recorder != nil && bytes != e.backlog {
		e.noted(appendInt(e.noteUndated("backlog"), "bytes", bytes))
	}
	e.backlog = bytes
}

// Moved says that packets take another route from now on: what was known of delay
// and capacity is of the old one.
func (e *Estimator) Moved(now unit.Instant) {
	e.move.begin(e.facts.trip, now)
	e.law.moved(e, now)
	if line, ok := e.note("moved", now); ok {
		e.noted(line)
	}
}

// Report takes one feedback message. Messages may be late, bunched, repeated, and in
// any order.
func (e *Estimator) Report(told []Acknowledged, now unit.Instant) {
	if e.facts.read(e, told, now) {
		e.decide(now)
	}
	if line, ok := e.note("report", now); ok {
		e.noted(appendTold(line, told))
	}
}

// Tick is to be called at Next, or later.
func (e *Estimator) Tick(now unit.Instant) {
	if e.silence.tick(now) {
		e.law.silent(e, now)
	}
	e.prober.tick(e, now)
	if line, ok := e.note("tick", now); ok {
		e.noted(line)
	}
}

// Next says when Tick wants to be called.
func (e *Estimator) Next() unit.Instant { return min(e.silence.next(), e.prober.next()) }

// Probe gives a cluster that should be sent now, once.
func (e *Estimator) Probe(now unit.Instant) (Probe, bool) {
	due := e.prober.due
	probe, ok := e.prober.take(e, now)
	if due == e.prober.due { // nothing has come of it: who asks with each packet is not noted
		return probe, ok
	}
	if line, noted := e.note("probe", now); noted {
		if ok {
			line = appendProbe(line, probe)
		}
		e.noted(line)
	}
	return probe, ok
}

// Estimate gives what is known.
func (e *Estimator) Estimate() Estimate {
	return Estimate{
		Rate: e.law.published(), Pace: e.law.pace, Confirmed: min(e.law.confirmed, e.law.published()),
		Delivered: e.facts.delivered, Queue: e.queue.standing, RoundTrip: e.facts.roundTrip,
		Loss: e.loss.share(), Reason: e.law.reason, Changed: e.law.changed,
	}
}

// Trace gives the facts of the last report and what followed from them.
func (e *Estimator) Trace() Trace { return e.trace }
