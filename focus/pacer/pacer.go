package pacer

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// tick is how late a loop may come by without losing any of the pace.
	tick = 5 * time.Millisecond
	// soon is when a loop comes by at the earliest: what would leave then together leaves
	// at once.
	soon = time.Millisecond
	// packet is the largest that is common on the internet, in bytes.
	packet = 1500
	// fastest is the highest pace that is kept; beyond it nobody would notice.
	fastest = 2000 * unit.Megabit
	// longest is how much time is made good at most; a budget is full before,
	// except at paces at which nothing can be seen any more.
	longest = 4 * time.Second
	// owed bounds what sound can owe, in time at the pace: after a burst of it
	// pictures are slow for this long and no longer.
	owed = 250 * time.Millisecond
)

// spared: of what comes in, a fourth is not taken for what sound owes, so that
// pictures go on, slowly, where there is room for sound alone.
const spared = 4

// scaled is an amount of data in bits × 10⁹, so that nanoseconds × bits in a second
// need no division: budgets are exact whatever the steps are.
type scaled int64

func bits(bytes int) scaled { return scaled(bytes) * 8e9 }

// over is what a pace brings in a time.
func over(pace unit.BitRate, d time.Duration) scaled { return scaled(pace) * scaled(d) }

// Burst is how many bytes may leave at once at a pace: see the package comment.
func Burst(pace unit.BitRate) int {
	return packet + int(min(pace, fastest).Bytes(tick))
}

// Pacer is the budget of one path. The zero Pacer paces nothing.
type Pacer struct {
	pace   unit.BitRate
	burst  scaled
	budget scaled // what may leave at once, up to burst
	debt   scaled // what sound took and is not paid back
	at     unit.Instant

	cluster cluster
}

// Pace says how fast packets may leave from now on; 0: as they come.
func (p *Pacer) Pace(pace unit.BitRate, now unit.Instant) {
	pace = min(max(pace, 0), fastest)
	if pace == p.pace {
		return
	}
	p.earn(now)
	begins := p.pace == 0
	p.pace = pace
	p.burst = bits(packet) + over(pace, tick)
	if p.budget = min(p.budget, p.burst); begins {
		p.budget, p.debt = p.burst, 0
	}
}

// earn adds what the pace has brought since the last call.
func (p *Pacer) earn(now unit.Instant) {
	passed := min(now.Sub(p.at), longest)
	if passed <= 0 {
		return
	}
	p.at = now
	gain := over(p.pace, passed)
	paid := min(p.debt, gain-gain/spared)
	p.debt -= paid
	p.budget += gain - paid
	if rest := p.budget - p.burst; rest > 0 {
		p.budget, p.debt = p.burst, max(p.debt-rest, 0)
	}
}

// May reports whether a packet of so many bytes may leave now. What is larger than
// the bound may when the budget is full.
func (p *Pacer) May(class Class, size int, now unit.Instant) bool {
	switch {
	case class == Sound:
		return true
	case p.cluster.left > 0:
		return !now.Before(p.cluster.due)
	case p.pace == 0:
		return true
	}
	p.earn(now)
	return p.budget >= min(bits(size), p.burst)
}

// Sent takes a packet that leaves now off the budget.
func (p *Pacer) Sent(class Class, size int, now unit.Instant) {
	if p.cluster.left > 0 {
		p.cluster.sent(size, now)
		if p.cluster.left <= 0 {
			p.budget, p.at = 0, now // what comes next is not to lean on the cluster
		}
		return
	}
	if p.pace == 0 {
		return
	}
	p.earn(now)
	if class == Sound {
		p.debt = min(p.debt+bits(size), over(p.pace, owed))
		return
	}
	p.budget = max(p.budget-bits(size), 0) // what is larger than the bound has had all
}

// Begin says that a packet of so many bytes comes to a queue that was empty: what the
// pace brought meanwhile is of no use but for this one, and what it brings until a loop comes by
// again. What a late loop has to make good is what waited.
func (p *Pacer) Begin(size int, now unit.Instant) {
	p.earn(now)
	p.budget = min(p.budget, max(bits(size), over(p.pace, soon)))
}

// When says at which instant a packet of so many bytes that is not Sound may leave;
// it may have passed. It is exact if nothing leaves before.
func (p *Pacer) When(size int) unit.Instant {
	if p.cluster.left > 0 {
		return p.cluster.due
	}
	lacks := min(bits(size), p.burst) - p.budget
	if p.pace == 0 || lacks <= 0 {
		return p.at
	}
	// Of what comes in, what is not spared goes to the debt until it is paid.
	gain := min(lacks*spared, lacks+p.debt)
	wait := (gain + scaled(p.pace) - 1) / scaled(p.pace)
	return p.at.Add(time.Duration(wait))
}

// Pacing gives the pace, 0 if there is none.
func (p *Pacer) Pacing() unit.BitRate { return p.pace }
