package feedback

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// stepLeast is by how much a publisher's wall clock must be off to have been
	// set: no network holds a report back so long and delivers it.
	stepLeast = 2 * time.Second
	// drift is how fast the base follows the publisher's clock: one part of
	// so many. Crystals are wrong by 1/10000; two streams that report a second
	// apart differ by half a millisecond.
	drift = 2000
	// jumpLeast is by how much a stream's timestamps must be off to have begun
	// anew; less is noise and is smoothed.
	jumpLeast = 100 * time.Millisecond
)

// Base places a publisher's wall clock on ours, one for all its streams:
// as long as they share it, sound and picture stay together, however wrong it
// is. It is owned by the read loop.
type Base struct {
	known  bool
	zero   NTP // the publisher's time at our instant zero
	placed unit.Instant
}

// place gives our instant of the publisher's ntp, which came at the instant
// now. guess is where the stream's own timestamps put it, Never if nowhere.
func (b *Base) place(ntp NTP, guess, now unit.Instant) unit.Instant {
	at := unit.Instant(ntp.Sub(b.zero))
	if !b.known || now.Sub(at).Abs() > stepLeast {
		// The first report, or the clock was set. A stream that runs on says
		// where its report belongs, so that nothing moves.
		at = now
		if b.known && guess != unit.Never && now.Sub(guess).Abs() < stepLeast {
			at = guess
		}
		*b = Base{known: true, zero: ntp.Add(-time.Duration(at)), placed: now}
		return at
	}
	most := now.Sub(b.placed) / drift
	b.zero = b.zero.Add(-min(max(now.Sub(at), -most), most))
	b.placed = now
	return unit.Instant(ntp.Sub(b.zero))
}

// Clock relates the timestamps of one incoming stream to instants of ours: by
// its publisher's sender reports, and until the first of them by when packets
// come. Layers of one source have a Clock each and share the publisher's Base.
// It is owned by the read loop; what the send loop needs is a copy of it.
type Clock struct {
	rate      int64
	known     bool // anything
	reported  bool // by a sender report
	at        unit.Instant
	timestamp uint32
}

// NewClock begins with a stream whose timestamps run at rate hertz.
func NewClock(rate uint32) *Clock { return &Clock{rate: int64(max(rate, 1))} }

// Arrived notes a packet. Only as long as no sender report has come it
// matters: the packet that was under way for the shortest time counts.
func (c *Clock) Arrived(timestamp uint32, now unit.Instant) {
	if c.reported {
		return
	}
	if at := c.Instant(timestamp); !c.known || now.Before(at) || now.Sub(at) > stepLeast {
		c.known, c.at, c.timestamp = true, now, timestamp
	}
}

// Told takes a sender report of the stream. Timestamps that run on are moved by an
// eighth of the difference; those that jumped are taken as they are.
func (c *Clock) Told(base *Base, info Info, now unit.Instant) {
	guess := unit.Never
	if c.known {
		guess = c.Instant(info.Timestamp)
	}
	at := base.place(info.NTP, guess, now)
	if off := at.Sub(guess); c.reported && off.Abs() < jumpLeast {
		at = guess.Add(off / 8)
	}
	c.known, c.reported, c.at, c.timestamp = true, true, at, info.Timestamp
}

// Known reports whether Instant and Timestamp mean anything; Reported whether
// they come from sender reports, and hold for all streams of the publisher.
func (c *Clock) Known() bool { return c.known }

// Reported is described with Known.
func (c *Clock) Reported() bool { return c.reported }

// Instant gives when a timestamp was taken, within half of its wrap of the last
// report.
func (c *Clock) Instant(timestamp uint32) unit.Instant {
	ticks := int64(int32(timestamp - c.timestamp))
	return c.at.Add(time.Duration(ticks * int64(time.Second) / c.rate))
}

// Timestamp gives the timestamp of an instant.
func (c *Clock) Timestamp(at unit.Instant) uint32 {
	since := at.Sub(c.at)
	seconds, rest := int64(since/time.Second), int64(since%time.Second)
	return c.timestamp + uint32(seconds*c.rate+rest*c.rate/int64(time.Second))
}
