package discrete

import (
	"time"

	"meshfocus/internal/unit"
)

// Start is the instant at which simulations begin. It is not zero, which means
// never.
const Start = unit.Instant(time.Hour)

// At gives the instant that is so long after Start.
func At(since time.Duration) unit.Instant { return Start.Add(since) }

// Since gives how long after Start an instant is.
func Since(at unit.Instant) time.Duration { return at.Sub(Start) }

// Actor is whatever does something at instants of its own choosing.
type Actor interface {
	// Wake is called at the instant asked for. An actor that asked more than once
	// is woken as often, and looks for itself what is due.
	Wake(now unit.Instant)
}

// Clock is the time of a simulation: what is to happen, ordered by instant, and
// at one instant by who asked first.
type Clock struct {
	now    unit.Instant
	asked  uint64
	events []event // a heap with four children each
	// Woken counts events so far.
	Woken int64
}

type event struct {
	at    unit.Instant
	order uint64
	actor Actor
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

// NewClock begins at Start.
func NewClock() *Clock { return &Clock{now: Start, events: make([]event, 0, 256)} }

// Now gives the instant of the event at hand.
func (c *Clock) Now() unit.Instant { return c.now }

// At has actor woken at an instant, at the present one at the earliest, and
// never at unit.Far.
func (c *Clock) At(at unit.Instant, actor Actor) {
	if at == unit.Far {
		return
	}
	c.events = append(c.events, event{max(at, c.now), c.asked, actor})
	c.asked++
	c.up(len(c.events) - 1)
}

// Next gives when the next event is, unit.Far if there is none.
func (c *Clock) Next() unit.Instant {
	if len(c.events) == 0 {
		return unit.Far
	}
	return c.events[0].at
}

// Run lets everything happen that is due before an instant, and stands there.
func (c *Clock) Run(until unit.Instant) {
	for len(c.events) > 0 && c.events[0].at < until {
		first := c.take()
		c.now = first.at
		c.Woken++
		first.actor.Wake(c.now)
	}
	c.now = max(c.now, until)
}

const children = 4

func (c *Clock) up(i int) {
	for i > 0 {
		parent := (i - 1) / children
		if !c.events[i].before(&c.events[parent]) {
			return
		}
		c.events[i], c.events[parent] = c.events[parent], c.events[i]
		i = parent
	}
}

func (c *Clock) take() event {
	first, last := c.events[0], len(c.events)-1
	c.events[0] = c.events[last]
	c.events[last] = event{}
	c.events = c.events[:last]
	for i := 0; ; {
		least := i
		for child := children*i + 1; child <= children*i+children && child < last; child++ {
			if c.events[child].before(&c.events[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		c.events[i], c.events[least] = c.events[least], c.events[i]
		i = least
	}
}
