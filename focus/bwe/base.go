package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// part is the grain in which old minima are forgotten, parts × part how long
	// they count: clocks that drift apart by 200 millionths differ by 2 ms in it,
	// and our own law empties the queue several times.
	part  = time.Second
	parts = 10
	// none is a delay that no packet has.
	none = time.Duration(1<<63 - 1)
)

// base is the one-way delay of the path when its queue is empty: the least seen in
// the last parts. Sender's and receiver's clock differ, so it may be negative.
type base struct {
	least [parts]time.Duration
	at    int64 // part that least counts now
	begun bool
	value time.Duration
}

// observe takes the least delay of a report.
func (b *base) observe(delay time.Duration, now unit.Instant, hold bool) {
	at := int64(now) / int64(part)
	if !b.begun {
		b.begun, b.at = true, at
		b.fill(delay)
	}
	if hold {
		b.at = max(b.at, at) // nothing is forgotten
	}
	for ; b.at < at; b.at++ {
		if at-b.at > parts {
			b.at = at - parts
		}
		b.least[(b.at+1)%parts] = none
	}
	cell := &b.least[b.at%parts]
	*cell = min(*cell, delay)
	b.value = b.least[0]
	for _, least := range b.least[1:] {
		b.value = min(b.value, least)
	}
}

// forget begins again with the next delay.
func (b *base) forget(unit.Instant) { b.begun = false }

// set says what the base is from now on.
func (b *base) set(delay time.Duration) { b.fill(delay) }

func (b *base) fill(delay time.Duration) {
	for i := range b.least {
		b.least[i] = none
	}
	b.least[((b.at%parts)+parts)%parts] = delay
	b.value = delay
}
