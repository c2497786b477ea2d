package congestion

import (
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// fixed is a controller that knows what it wants.
type fixed struct {
	rate    unit.BitRate
	waiting []Packet
	number  int64
	reports int
}

func fixedAt(rate unit.BitRate) Maker {
	return func(Config, unit.Instant) Controller { return &fixed{rate: rate} }
}

func (f *fixed) Offer(p Packet, _ unit.Instant) { f.waiting = append(f.waiting, p) }

func (f *fixed) Release(unit.Instant) (Packet, bool) {
	if len(f.waiting) == 0 {
		return Packet{}, false
	}
	p := f.waiting[0]
	f.waiting = f.waiting[1:]
	p.Number = f.number
	f.number++
	return p, true
}

func (f *fixed) Feedback([]byte, unit.Instant)    { f.reports++ }
func (f *fixed) Target(unit.Instant) unit.BitRate { return f.rate }
func (f *fixed) Next() unit.Instant               { return unit.Far }

var _ = discrete.Start
