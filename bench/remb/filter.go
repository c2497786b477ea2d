package remb

import (
	"math"
	"time"

	"meshfocus/internal/unit"
)

const (
	// burst: packets that left within this are one group (section 5.2).
	burst = 5 * time.Millisecond
	// apart: after so long without packets groups are not compared.
	apart = 2 * time.Second
	// wrap is when abs-send-time begins anew, tick what it counts.
	wrap, tick = 1 << 24, float64(time.Second) / (1 << 18)
)

// group is packets that left together.
type group struct {
	first, last uint32 // when they left
	came        unit.Instant
	bytes       int
}

// later says how long after another a packet left.
func later(sent, than uint32) time.Duration {
	steps := int32((sent-than)<<8) >> 8 // 24 bits with their sign
	return time.Duration(float64(steps) * tick)
}

// groups compares neighbours.
type groups struct{ now, before group }

// change is what sets a group that has ended apart from the one before: how much longer it
// was under way, how long after it left, and by how much it is larger.
type change struct {
	variation, left time.Duration
	bytes           int
}

// take takes in a packet, and gives the change if it is the first of another group.
func (g *groups) take(sent uint32, size int, came unit.Instant) (c change, ok bool) {
	switch {
	case g.now.bytes == 0 || came.Sub(g.now.came) > apart:
		*g = groups{now: group{sent, sent, came, size}}
		return c, false
	case later(sent, g.now.first) < 0: // overtaken
		return c, false
	case g.same(sent, came):
		if later(sent, g.now.last) > 0 {
			g.now.last = sent
		}
		g.now.came = max(g.now.came, came)
		g.now.bytes += size
		return c, false
	}
	if ok = g.before.bytes > 0; ok {
		left := later(g.now.last, g.before.last)
		c = change{g.now.came.Sub(g.before.came) - left, left, g.now.bytes - g.before.bytes}
	}
	g.before, g.now = g.now, group{sent, sent, came, size}
	return c, ok
}

// same reports whether a packet is of the group: it left with it, or has caught up with
// it in a queue (libwebrtc's InterArrival::BelongsToBurst).
func (g *groups) same(sent uint32, came unit.Instant) bool {
	gap := came.Sub(g.now.came)
	return later(sent, g.now.first) <= burst || gap <= burst && gap < later(sent, g.now.last)
}

// filter is a Kalman filter of two states over variations, in milliseconds: how long a byte
// takes on the wire, since groups are of different sizes, and the trend, which a queue that
// grows has (draft-alvestrand-rmcat-congestion-03, section 3.2). rmcat-gcc knows the trend alone,
// and takes large frames for queues on a slow path.
type filter struct {
	perByte, trend float64
	doubt          [2][2]float64
	noise          float64
	seen           int
}

// drift is how far the states are taken to move from group to group (the same section).
var drift = [2]float64{1e-13, 1e-3}

// take takes a variation, by how many bytes a group is larger than the one before, and what
// the path was in: what is learnt of noise is learnt while it is normal (libwebrtc's
// OveruseEstimator).
func (f *filter) take(ms, bytes float64, state use) {
	if f.seen == 0 {
		f.perByte, f.doubt, f.noise = 8.0/512, [2][2]float64{{100, 0}, {0, 0.1}}, 50
	}
	f.seen++
	f.doubt[0][0] += drift[0]
	f.doubt[1][1] += drift[1]
	off := ms - f.perByte*bytes - f.trend
	bounded := max(min(off, 3*math.Sqrt(f.noise)), -3*math.Sqrt(f.noise))
	if state == normal {
		forget := 0.01
		if f.seen > 300 {
			forget = 0.002
		}
		f.noise = max((1-forget)*f.noise+forget*bounded*bounded, 1)
	}
	eh := [2]float64{f.doubt[0][0]*bytes + f.doubt[0][1], f.doubt[1][0]*bytes + f.doubt[1][1]}
	whole := f.noise + bytes*eh[0] + eh[1]
	gain := [2]float64{eh[0] / whole, eh[1] / whole}
	e := f.doubt
	for row := range 2 {
		for column := range 2 {
			f.doubt[row][column] = e[row][column] - gain[row]*(bytes*e[0][column]+e[1][column])
		}
	}
	f.perByte += gain[0] * bounded
	f.trend += gain[1] * bounded
}

// use is what the path is in.
type use int8

const (
	under use = iota - 1
	normal
	over
)

// detector holds the trend against a threshold that follows it (section 5.4). What it has
// found holds until the trend says otherwise.
type detector struct {
	threshold, before float64
	lasted            time.Duration
	counted           int
	state             use
}

const (
	enough = 10 * time.Millisecond // overuse_time_th
	// many: a trend counts as often as that, fewer times in the beginning. The draft's
	// thresholds are for such sums (libwebrtc's OveruseDetector::Detect).
	many = 60
)

func (d *detector) take(trend float64, seen int, passed time.Duration) use {
	if d.threshold == 0 {
		d.threshold = 12.5
	}
	sum := trend * float64(min(seen, many))
	switch {
	case seen < 2:
		d.state = normal
	case sum > d.threshold:
		d.lasted += passed
		d.counted++
		if d.lasted > enough && d.counted > 1 && trend >= d.before {
			d.state, d.lasted, d.counted = over, 0, 0
		}
	case sum < -d.threshold:
		d.state, d.lasted, d.counted = under, 0, 0
	default:
		d.state, d.lasted, d.counted = normal, 0, 0
	}
	d.before = trend
	d.adapt(math.Abs(sum), passed)
	return d.state
}

// adapt has the threshold follow, quicker up than down, and no leap.
func (d *detector) adapt(sum float64, passed time.Duration) {
	if sum > d.threshold+15 {
		return
	}
	follow := 0.00018
	if sum > d.threshold {
		follow = 0.01
	}
	ms := min(float64(passed)/float64(time.Millisecond), 100)
	d.threshold = max(min(d.threshold+follow*(sum-d.threshold)*ms, 600), 6)
}
