package playout

import (
	"slices"
	"time"

	"meshfocus/internal/unit"
)

const (
	// remembered frames: ten seconds of pictures, six of sound.
	remembered = 300
	// reckoned: the delay is found anew after so many frames.
	reckoned = 10
	// leap is how far a timestamp is off that begins something new.
	leap = 10 * time.Second
)

// Delay is a jitter buffer: it holds frames back for as long as most of the last
// ones would have needed to leave evenly. A frame that is later than that is shown
// when it has come.
type Delay struct {
	// clock is ticks of timestamps in a second. part of the frames, 0 to 1, are to
	// be in time; least is the least delay.
	clock uint32
	part  float64
	least time.Duration

	begun  bool
	stamp  uint32 // the last, and that without wrap, from 0
	ticks  int64
	origin unit.Instant // of ticks 0, of the frame that came first

	late   [remembered]time.Duration // against origin and ticks
	count  int
	base   time.Duration // least of late
	length time.Duration
	sorted []time.Duration
}

// NewDelay makes a buffer for timestamps of so many ticks a second.
func NewDelay(clock uint32, part float64, least time.Duration) *Delay {
	return &Delay{clock: clock, part: part, least: least, length: least}
}

// Due gives the instant at which a frame is to be shown that is whole now. It is
// earlier than now if the frame came too late.
func (d *Delay) Due(timestamp uint32, now unit.Instant) unit.Instant {
	at := d.media(timestamp)
	if !d.begun || (now.Sub(d.origin)-at).Abs() > leap {
		*d = Delay{clock: d.clock, part: d.part, least: d.least, length: max(d.length, d.least), sorted: d.sorted, begun: true, stamp: timestamp, origin: now}
		at = 0
	}
	late := now.Sub(d.origin) - at
	due := d.origin.Add(at + min(d.base, late) + d.length)
	d.note(late)
	return due
}

// media is how long after the first frame this one was made.
func (d *Delay) media(timestamp uint32) time.Duration {
	if !d.begun {
		return 0
	}
	d.ticks += int64(int32(timestamp - d.stamp))
	d.stamp = timestamp
	return time.Duration(d.ticks) * time.Second / time.Duration(d.clock)
}

// note takes in how late a frame was.
func (d *Delay) note(late time.Duration) {
	d.late[d.count%remembered] = late
	d.count++
	d.base = min(d.base, late)
	if d.count%reckoned != 0 && d.count > reckoned {
		return
	}
	d.sorted = append(d.sorted[:0], d.late[:min(d.count, remembered)]...)
	slices.Sort(d.sorted)
	d.base = d.sorted[0]
	d.length = max(d.sorted[int(d.part*float64(len(d.sorted)-1))]-d.base, d.least)
}

// Length is how long frames are held back at present, from the one that came
// soonest.
func (d *Delay) Length() time.Duration { return d.length }
