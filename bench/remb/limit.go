package remb

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

const (
	// beginning is how long is only looked, unless the path is overused (libwebrtc's
	// AimdRateControl, kInitializationTime).
	beginning = 5 * time.Second
	// looking is how often a rate is found without overuse, yielding how soon after another
	// it goes down again.
	looking, yielding = 500 * time.Millisecond, 200 * time.Millisecond
	// response is how soon a sender is supposed to have heard (section 5.5): 100 ms and a
	// round trip, of 100.
	response = 200 * time.Millisecond
	// least is what is said at least (libwebrtc's kCongestionControllerMinBitrate).
	least = 5 * unit.Kilobit
)

// Limit is how much may come by one path. The zero Limit has seen nothing.
type Limit struct {
	groups   groups
	filter   filter
	detector detector
	meter    meter

	begun, changed unit.Instant
	rate           float64 // bit/s, 0 as long as there is none
	holding        bool
	use            use
	most, spread   float64 // of what came when the path was overused, in kbit/s; 0 is none
	due            bool
}

// Arrived takes in a packet of so many bytes with its time of sending, 24 bits in seconds of
// 6.18, and that of its arrival.
func (l *Limit) Arrived(sent uint32, size int, came unit.Instant) {
	if l.begun == unit.Never {
		l.begun, l.changed = came, came
	}
	l.meter.take(size, came)
	if c, ok := l.groups.take(sent%wrap, size, came); ok {
		l.filter.take(float64(c.variation)/float64(time.Millisecond), float64(c.bytes), l.use)
		l.use = l.detector.take(l.filter.trend, l.filter.seen, c.left)
	}
	passed := came.Sub(l.changed)
	if l.use == over && passed >= yielding || passed >= looking {
		l.decide(came, passed)
	}
}

// Rate says how much may come, if that is known and was found since it was asked last.
func (l *Limit) Rate() (rate unit.BitRate, found bool) {
	found, l.due = l.due, false
	return max(unit.BitRate(l.rate), least), found
}

// decide goes by the table of section 5.5:
//
//	           | hold       increase   decrease
//	over       | decrease   decrease   decrease
//	normal     | increase   increase   hold
//	under      | hold       hold       hold
//
// where decrease is left at once.
func (l *Limit) decide(now unit.Instant, passed time.Duration) {
	coming := l.meter.rate(now)
	switch {
	case coming == 0:
		return
	case l.use == over:
		l.yield(coming)
	case l.rate == 0:
		if now.Sub(l.begun) < beginning {
			return
		}
		l.rate = coming
	case l.use == under:
		l.holding = true // until queues are empty
	case l.holding:
		l.holding = false
	default:
		l.climb(coming, passed)
	}
	l.changed, l.due = now, true
}

// yield goes below what comes, and remembers how much that was.
func (l *Limit) yield(coming float64) {
	l.holding = true
	kilo := coming / 1000
	if l.most != 0 && math.Abs(kilo-l.most) > 3*l.deviation() {
		l.most = 0
	}
	if l.most == 0 {
		l.most, l.spread = kilo, 0.4
	} else {
		off := kilo - l.most
		l.most += 0.05 * off
		// As a part of the mean (libwebrtc's LinkCapacityEstimator).
		l.spread = max(min(0.95*l.spread+0.05*off*off/l.most, 2.5), 0.4)
	}
	below := 0.85 * coming
	if l.rate == 0 || below < l.rate {
		l.rate = below
	}
}

func (l *Limit) deviation() float64 { return math.Sqrt(l.spread * l.most) }

// climb goes up slowly where the path was full before, quicker elsewhere.
func (l *Limit) climb(coming float64, passed time.Duration) {
	if l.most != 0 && coming/1000 > l.most+3*l.deviation() {
		l.most = 0
	}
	seconds := min(passed.Seconds(), 1)
	if l.most != 0 {
		const packet = 1200 * 8
		l.rate += max(1000*seconds, packet*seconds/response.Seconds())
	} else {
		l.rate *= math.Pow(1.08, seconds)
	}
	l.rate = min(l.rate, 1.5*coming+10_000) // libwebrtc's 10 kbit/s, for who sends next to nothing
}

// meter says how much came within the last second, in parts of it.
type meter struct {
	parts  [20]int
	at     int64 // of the newest part
	filled int
}

const part = int64(time.Second / 20)

func (m *meter) take(size int, came unit.Instant) {
	m.turn(came)
	m.parts[m.at%int64(len(m.parts))] += size
}

func (m *meter) turn(now unit.Instant) {
	at := int64(now) / part
	if m.filled == 0 {
		m.at, m.filled = at, 1
	}
	for range min(max(at-m.at, 0), int64(len(m.parts))) {
		m.at++
		m.parts[m.at%int64(len(m.parts))] = 0
		m.filled = min(m.filled+1, len(m.parts))
	}
	m.at = max(m.at, at) // further: all were cleared
}

// rate is 0 until there is half a second.
func (m *meter) rate(now unit.Instant) float64 {
	m.turn(now)
	if m.filled < len(m.parts)/2 {
		return 0
	}
	sum := 0
	for _, size := range m.parts {
		sum += size
	}
	within := int64(m.filled-1)*part + int64(now)%part
	return float64(sum) * 8 * 1e9 / float64(within)
}
