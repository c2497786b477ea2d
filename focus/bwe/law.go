package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// climbing is what a flow adds in a second while the queue is short, at 1 Mbit/s a
	// fifth. All flows in one queue add alike and yield in proportion, so that they
	// end equal (Chiu and Jain 1989): at 1 Mbit/s the difference halves in 3.5 s.
	climbing = 200e3
	// climbLeast and climbMost bound it as parts of the rate: who has 10 Mbit/s would
	// be at it for minutes, who has 200 kbit/s would fill the queue in one report.
	climbLeast = 0.05
	climbMost  = 0.28
	// climbDemand is how far beyond what is wanted is climbed.
	climbDemand = 1.25
	// newClimb is the same until the path has been full once.
	newClimb = 4
	// newShare is the least of that, as a part of the rate.
	newShare = 0.4

	// yieldAt is the standing queue that is yielded to, yieldPackets how many
	// packets of ours at our own rate beside: a slow path has them one by one, and of
	// several flows in a queue the one that has more yields sooner, as the delay that
	// is aimed at falls with the rate in Copa and Swift.
	yieldAt      = 4 * time.Millisecond
	yieldPackets = 1
	// yieldFirst is the shortest queue that is yielded to, since late packets alone look
	// like less, yieldLast the longest that any rate lets stand.
	yieldFirst = 9 * time.Millisecond
	yieldLast  = 30 * time.Millisecond
	// yieldTo is what the queue should be afterwards, within yieldIn: empty for longer
	// than packets are late by themselves, or its end is not seen and the base creeps up.
	yieldTo = -12 * time.Millisecond
	yieldIn = 300 * time.Millisecond
	// overshoots is how many times more than it adds in the time until a queue is seen
	// and answered a flow may have been above what came. A queue of few packets tells what
	// came to a tenth only, and if each flow fell by another tenth their rates would stray
	// as far. A queue that grows faster is cut. seenAfter is that time less a round trip:
	// standing for 60 ms, half a report.
	overshoots = 1.4
	seenAfter  = 0.1
	// dense is how many packets leave, where they are dense, while one is late by itself.
	dense = 4
	// yieldMost is the most that is given up at once.
	yieldMost = 0.3
	// cycleMost is the longest time, in seconds, that counts from one full queue to the
	// next, cycleMemory over how many it is averaged.
	cycleMost   = 3.0
	cycleMemory = 8

	// cutAt is how much beyond the yielding queue is too much: then the path
	// carries less than we send, and the queue is to go at once.
	cutAt = 20 * time.Millisecond
	// cutTo leaves room for what else is in the queue to drain.
	cutTo = 0.95
	// cutBlind is what is kept when the queue is not of our making, so that nobody
	// can say what our share is.
	cutBlind = 0.85

	// markWeight: DCTCP halves the marked share because its mark is the only sign; here
	// the queue itself is seen too.
	markWeight = 6

	// paceMost is how much faster than the rate a frame leaves, and paceOver the
	// predicted queue that takes all of the pace away.
	paceMost  = 1.25
	paceLeast = 0.2
	paceOver  = 0.045 // seconds
	// paceDoubt is the queue that is reckoned with while one drains, in seconds.
	paceDoubt = 0.03
)

// law is how the rate moves.
type law struct {
	least, most float64
	weight      float64
	rate        float64
	whole       float64 // of all paths with the same bottleneck, if coupled
	confirmed   unit.BitRate
	pace        unit.BitRate
	reason      Reason
	changed     unit.Instant

	// carried is what came when the path was last full, 0 if it never was.
	carried float64
	// held: what left before says nothing of the last decision.
	held     unit.Instant
	met      bool         // the path has been full once
	full     unit.Instant // when it was last
	cycle    float64      // seconds from one time to the next, smoothed
	draining bool
	queue    time.Duration // of the last cut
	before   float64       // the rate before a cut
	heard    float64       // the rate before a silence
}

func (l *law) start(c Config) {
	l.least, l.most, l.weight = float64(c.Least), float64(c.Most), c.Weight
	l.rate = float64(c.Start)
	l.confirmed = c.Start
	l.pace = unit.BitRate(l.rate * paceMost)
}

func (l *law) published() unit.BitRate { return unit.BitRate(l.rate) }

// set moves the rate, and says why.
func (l *law) set(rate float64, why Reason, now unit.Instant) {
	rate = min(max(rate, l.least), l.most)
	if rate == l.rate {
		return
	}
	if rate < l.rate {
		l.confirmed = min(l.confirmed, unit.BitRate(rate))
	}
	l.rate, l.reason, l.changed = rate, why, now
}

// yields is the standing queue at which a rate yields.
func yields(rate float64) time.Duration {
	return min(max(yieldAt+time.Duration(yieldPackets*1200*8/rate*float64(time.Second)), yieldFirst), yieldLast)
}

// decide follows a report.
func (e *Estimator) decide(now unit.Instant) {
	l, q := &e.law, &e.queue
	limit := yields(max(l.rate, l.whole))
	settled := e.facts.left >= l.held
	if rate, ok := e.trying.judge(e, now); ok {
		l.lose(e, rate, now)
	}
	switch {
	case e.move.over(e.facts.left):
		l.arrived(e, now)
	case e.move.on:
	case e.rival.contested(e, now):
		e.rival.law(e, now)
		e.prober.after(e, now)
		e.trace.note(e, now)
		return
	case e.route.on:
	case q.fresh > limit+cutAt:
		l.over(e, settled, now)
	case q.standing > limit && settled:
		l.yield(e, now)
	case e.facts.marked > 0 && settled:
		l.warn(e, now)
	case q.standing <= limit:
		l.draining = false
		l.climb(e, now)
	}
	l.confirm(e)
	l.setPace(e, now)
	e.prober.after(e, now)
	e.trace.note(e, now)
}

// over deals with a queue that is far too long. The first report of it cuts the rate
// to what came; those of packets that left before the cut tell better what the path
// carries; those that left after it should find less of a queue each round trip, or
// the cut was not enough.
func (l *law) over(e *Estimator, settled bool, now unit.Instant) {
	share, pushing, busy := e.flow.share()
	switch {
	case !settled && l.draining:
		if busy && pushing {
			l.carried, l.met, l.full = share, true, now
			l.set(min(l.before, cutTo*share), Cut, now)
		}
	case !settled && !(busy && pushing): // it may be what a yield is an answer to
	case l.draining && e.queue.fresh < l.queue:
		l.queue, l.held = e.queue.fresh, now
	case busy:
		if !l.draining {
			l.before = l.rate
		}
		l.draining, l.queue, l.held = true, e.queue.fresh, now
		if pushing {
			l.carried, l.met, l.full = share, true, now
			l.set(min(l.rate, max(cutTo*share, l.rate/4)), Cut, now)
		} else {
			l.set(cutBlind*l.rate, Cut, now)
		}
	}
}

// lose takes the rate that loss tells.
func (l *law) lose(e *Estimator, rate float64, now unit.Instant) {
	l.set(rate, Lost, now)
	l.held = now
	e.rival.window = min(e.rival.window, rate*e.facts.trip.Seconds()/8)
	e.rival.held = min(e.rival.held, rate)
}

// yield lets a queue drain that has begun to stand.
func (l *law) yield(e *Estimator, now unit.Instant) {
	rate, pushing, busy := e.flow.share()
	if !busy {
		rate = float64(e.facts.delivered)
	}
	if e.limited() && !pushing {
		return // not ours
	}
	if l.late(e) {
		e.prober.roomy = false
		e.base.set(e.queue.raw)
		return
	}
	if l.met {
		l.cycle += (min(now.Sub(l.full).Seconds(), cycleMost) - l.cycle) / cycleMemory
	}
	l.carried, l.met, l.full = rate, true, now
	excess := min((e.queue.standing-yieldTo).Seconds()/yieldIn.Seconds(), yieldMost)
	l.held = now
	least := l.rate - overshoots*l.slope()*(e.facts.trip.Seconds()+seenAfter)
	l.set(min(l.rate, max(rate, least)*(1-excess)), Yielded, now)
}

// late reports whether what seems to wait are packets that are late by themselves: the path
// has just carried more than is sent and was never full, and many packets, of which none can
// overtake another, do not come as early as one of the few did that the base was seen by.
func (l *law) late(e *Estimator) bool {
	apart := time.Duration(probeSize * 8 / l.rate * float64(time.Second))
	return !l.met && e.prober.roomy && e.queue.standing < standsAt && dense*apart < e.queue.noise
}

// warn takes marks as DCTCP does (RFC 8257, section 3.3): in proportion to the share
// that is marked, once in a round trip.
func (l *law) warn(e *Estimator, now unit.Instant) {
	l.met, l.held = true, now
	l.set(l.rate*(1-e.loss.marks()/markWeight), Warned, now)
}

// slope is what is added in a second.
func (l *law) slope() float64 {
	return l.weight * max(min(climbing, climbMost*l.rate), climbLeast*l.rate)
}

// climb adds what every flow adds.
func (l *law) climb(e *Estimator, now unit.Instant) {
	if e.limited() {
		return
	}
	seconds := e.facts.span.Seconds()
	gain := l.slope() * seconds
	if !l.met {
		gain = max(newClimb*gain, newShare*l.rate*seconds)
	}
	bound := max(min(2*float64(e.facts.delivered), climbDemand*float64(e.demand)), l.rate)
	l.set(min(l.rate+gain, bound), Climbed, now)
}

// proved takes what a probe has shown.
func (l *law) proved(rate float64, now unit.Instant) {
	l.confirmed = max(l.confirmed, unit.BitRate(rate))
	if rate > l.rate {
		l.set(rate, Proved, now)
		l.held = now
	}
}

func (l *law) confirm(e *Estimator) {
	if e.queue.standing < waits {
		l.confirmed = max(l.confirmed, e.facts.delivered)
	}
	l.confirmed = min(l.confirmed, unit.BitRate(l.rate))
}

const (
	limitedBacklog = 0.05
	limitedShare   = 0.8
)

// limited reports whether the application sends clearly less than it may.
func (e *Estimator) limited() bool {
	sent := unit.Rate(e.flow.sent.between(time.Duration(e.facts.left)-recent, time.Duration(e.facts.left)), recent)
	waits := float64(e.backlog) * 8 / e.law.rate // seconds; a frame that is being paced is no backlog
	return waits < limitedBacklog && float64(sent) < limitedShare*e.law.rate
}

// predicted is how long a packet that leaves now would wait, in seconds: what waits
// already and what is on its way, less what goes meanwhile.
func (e *Estimator) predicted(now unit.Instant) float64 {
	carries := max(e.law.rate, e.law.carried)
	way := float64(e.flow.outstanding(e.facts.left)) * 8 / carries
	return max(e.queue.fresh.Seconds()+way-now.Sub(e.facts.left).Seconds(), e.doubted())
}

// doubted is the least that the prediction may say, in seconds: half of what stood
// in the last report, for others fill the queue, too. After a cut to what was seen to
// come there is less to doubt, and a path that idles until the report of an empty
// queue has come keeps the key frame waiting that is to replace a layer.
func (e *Estimator) doubted() float64 {
	half := e.queue.standing.Seconds() / 2
	if e.law.draining && e.law.carried > 0 {
		return min(half, paceDoubt)
	}
	return half
}

// setPace says how fast the pacer may empty: so that the queue that is to come is
// gone soon.
func (l *law) setPace(e *Estimator, now unit.Instant) {
	factor := paceMost - e.predicted(now)/paceOver
	factor = min(max(factor, paceLeast), paceMost)
	if e.move.on {
		factor = movePace
	}
	l.pace = unit.BitRate(max(factor*l.rate, l.least))
}

// silent lets the rate fall while no feedback comes.
func (l *law) silent(e *Estimator, now unit.Instant) {
	if e.silence.steps == 1 {
		l.heard = l.rate
	}
	l.set(l.rate*0.7, Silent, now)
	l.pace = unit.BitRate(max(l.rate, l.least))
}

// resumed gives back most of what a silence took: if the path carries less, its
// queue says so within a round trip.
func (l *law) resumed(e *Estimator, now unit.Instant) {
	l.set(max(l.rate, 0.9*l.heard), Resumed, now)
	l.held, l.draining = now, false // the queue that is told of is the one of the outage
	e.trying = trying{bearable: e.trying.bearable, since: now}
	e.prober.again(now)
}

// rerouted goes on as before: only the delay has changed.
func (l *law) rerouted(e *Estimator, now unit.Instant) {
	l.draining, l.held = false, now
	l.set(max(l.rate, e.route.rate), Rerouted, now)
}

// moved forgets what the old route carried.
func (l *law) moved(e *Estimator, now unit.Instant) {
	l.carried, l.draining = 0, false
	l.reason, l.changed = Rerouted, now
	l.setPace(e, now)
}

// arrived goes on with the rate there was: the delay of the new route is known.
func (l *law) arrived(e *Estimator, now unit.Instant) {
	e.move.on = false
	e.route = route{}
	l.held = now
	e.prober.again(now)
}
