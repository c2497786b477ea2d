package bwe

import (
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// What the application of a course wants to send.
const (
	courseVideo = 1500 * unit.Kilobit
	courseSound = 40 * unit.Kilobit // a packet of 100 bytes each 20 ms
	courseStep  = 10 * time.Millisecond
)

// course is a path with room for all that is wanted, a sender of sound and pictures,
// and a receiver that reports every 50 ms, and whatever befalls them.
type course struct {
	e        *Estimator
	now      unit.Instant
	capacity unit.BitRate

	stamp    func(number int64, at time.Duration) time.Duration // of the receiver, nil: as it is
	loses    uint64                                             // packets of 256
	silent   bool                                               // no report comes
	marked   bool
	repeated bool                                // each report comes twice
	stalls   func(now unit.Instant) unit.Instant // until when the receiver stands, nil: never
	stood    bool

	number int64
	owed   float64 // bytes of pictures
	free   unit.Instant
	flying []Acknowledged // At is when it comes, by the sender's clock
	told   []Acknowledged
	before []Acknowledged // the report before
	report unit.Instant
	probe  Probe
	probed int
}

func newCourse() *course {
	c := &course{
		e: New(Config{Start: 300 * unit.Kilobit, Least: 50 * unit.Kilobit, Most: 20 * unit.Megabit}), now: unit.Instant(time.Hour),
		capacity: 10 * unit.Megabit,
	}
	c.e.Demand(courseVideo + courseSound)
	return c
}

// run goes on for a time.
func (c *course) run(d time.Duration) {
	for end := c.now.Add(d); c.now < end; {
		c.step()
	}
}

func (c *course) step() {
	c.now = c.now.Add(courseStep)
	c.arrive()
	if c.now >= c.e.Next() {
		c.e.Tick(c.now)
	}
	if c.probe.Bytes == 0 {
		if probe, ok := c.e.Probe(c.now); ok {
			c.probe, c.probed = probe, 0
		}
	}
	if int64(c.now)/int64(courseStep)%2 == 0 {
		c.send(100, 0)
	}
	rate := c.e.Estimate().Pace
	if rate = min(rate, courseVideo); c.probe.Bytes > 0 {
		rate = c.probe.Rate
	}
	c.owed = min(c.owed+float64(rate.Bytes(courseStep)), float64(rate.Bytes(courseStep))+1200)
	for ; c.owed >= 1200; c.owed -= 1200 {
		c.send(1200, c.probe.Tag)
		if c.probed += 1200; c.probe.Bytes > 0 && c.probed >= c.probe.Bytes {
			c.probe = Probe{}
		}
	}
}

func (c *course) send(size int, tag uint8) {
	c.e.Sent(size, tag, c.now)
	full := c.free.Sub(c.now) > time.Second
	if !full {
		c.free = max(c.free, c.now).Add(c.capacity.Duration(size))
	}
	a := Acknowledged{Number: c.number, Left: c.now, At: time.Duration(c.free) + 30*time.Millisecond, Size: size, Tag: tag, Fate: history.Received, Marked: c.marked}
	if mixed(uint64(c.number))%256 < c.loses || full {
		a.Fate = history.Missing
	}
	c.number++
	c.flying = append(c.flying, a)
}

// arrive has the receiver see what has come, and report.
func (c *course) arrive() {
	if c.stalls != nil && c.stalls(c.now) != unit.Never {
		c.stood = true
		return
	}
	on := unit.Never
	if c.stood { // it reads some, reports as it is due, and reads the others
		c.stood, on = false, c.now
		c.read(len(c.flying)/2, on)
		c.tell()
	}
	c.read(len(c.flying), on)
	c.tell()
}

// read takes what has come, some of it, that of before an instant as come then.
func (c *course) read(most int, on unit.Instant) {
	came := 0
	for came < most && c.flying[came].At <= time.Duration(c.now) {
		a := c.flying[came]
		a.At = max(a.At, time.Duration(on))
		if c.stamp != nil {
			a.At = c.stamp(a.Number, a.At)
		}
		c.told = append(c.told, a)
		came++
	}
	c.flying = c.flying[came:]
}

// tell reports: it is here at once.
func (c *course) tell() {
	if c.now.Sub(c.report) < 50*time.Millisecond || len(c.told) == 0 {
		return
	}
	c.report = c.now
	if !c.silent {
		c.e.Report(c.told, c.now)
		if c.repeated {
			c.e.Report(c.before, c.now)
			c.e.Report(c.told, c.now)
		}
	}
	c.before, c.told = c.told, c.before[:0]
}

// mixed is a number that has to do with another, but not obviously (the finalizer of
// MurmurHash3).
func mixed(n uint64) uint64 {
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
