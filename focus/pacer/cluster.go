package pacer

import (
	"time"

	"meshfocus/internal/unit"
)

// cluster is packets that leave at a rate of their own, to see what comes of it.
type cluster struct {
	rate unit.BitRate
	left int          // bytes; 0: there is none
	due  unit.Instant // of the next packet
	end  unit.Instant // given up at
}

// patience is how much longer than its time a cluster may take: who asks for it may
// have nothing to send that could fill it.
const patience = 100 * time.Millisecond

// Probe begins a cluster: the next so many bytes leave at the rate, beginning now.
// The packet that completes it may be larger than what is left. A cluster that is
// under way ends.
func (p *Pacer) Probe(rate unit.BitRate, bytes int, now unit.Instant) {
	rate = min(rate, fastest)
	if rate <= 0 || bytes <= 0 {
		return
	}
	p.earn(now)
	p.cluster = cluster{rate: rate, left: bytes, due: now, end: now.Add(2*rate.Duration(bytes) + patience)}
}

// Probing gives how many bytes of a cluster are to leave still, 0 if there is none.
// One that takes far longer than its rate says is given up.
func (p *Pacer) Probing(now unit.Instant) int {
	if p.cluster.left > 0 && now > p.cluster.end {
		p.cluster.left = 0
	}
	return max(p.cluster.left, 0)
}

// sent moves on. Sound is part of the cluster like everything else.
func (c *cluster) sent(size int, now unit.Instant) {
	c.left -= size
	c.due = max(c.due, now.Add(-tick)).Add(c.rate.Duration(size))
}

// InCluster reports whether a cluster is under way.
func (p *Pacer) InCluster() bool { return p.cluster.left > 0 }
