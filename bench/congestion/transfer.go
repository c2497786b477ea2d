package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// transfer is a TCP beside the media: greedy from start to end, or on and off.
type transfer struct {
	spec  Transfer
	clock *discrete.Clock
	luck  *rand.Rand
	tcp   *discrete.TCP
	begin unit.Instant // of the next transfer
	alive bool
}

// addTransfer connects a TCP to the forward path, on the wires behind those of
// the flows.
func (r *run) addTransfer(i int, spec Transfer) *transfer {
	t := &transfer{spec: spec, clock: r.clock, luck: r.luck(transferLuck + uint64(i))}
	t.tcp = discrete.NewTCP(r.clock, r.forward, r.back, 2*(len(r.spec.Flows)+i), nil, t.done)
	t.begin = discrete.At(spec.Start)
	if spec.Idle > 0 {
		t.begin = t.begin.Add(t.pause())
	}
	r.clock.At(t.begin, t)
	r.clock.At(discrete.At(spec.End), t)
	return t
}

// pause draws how long nothing is transferred.
func (t *transfer) pause() time.Duration {
	return time.Duration(t.luck.ExpFloat64() * float64(t.spec.Idle))
}

// Wake begins a transfer, or ends it all.
func (t *transfer) Wake(now unit.Instant) {
	switch {
	case discrete.Since(now) >= t.spec.End:
		t.alive = false
		t.tcp.Stop()
	case !t.alive && now >= t.begin:
		t.alive = true
		size := t.spec.Least
		if t.spec.Most > t.spec.Least {
			size += t.luck.Int64N(t.spec.Most - t.spec.Least + 1)
		}
		t.tcp.Transfer(size, now)
	}
}

// done waits for the next.
func (t *transfer) done(now unit.Instant) {
	t.alive = false
	t.begin = now.Add(t.pause())
	t.clock.At(t.begin, t)
}
