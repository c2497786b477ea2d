package call

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"meshfocus/bench/scenario"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// path is what lies between a subscriber and the server. A nil path is nothing.
type path struct {
	address netip.Addr
	seed    uint64

	mu      sync.Mutex // guards what follows
	stretch scenario.Stretch
	way     *bottleneck.Bottleneck // nil until the server says where it is
}

// stretchAt gives the stretch that holds at a time; nil if there is no path.
func stretchAt(all []scenario.Stretch, at time.Duration) (found *scenario.Stretch) {
	for i := range all {
		if all[i].From <= at {
			found = &all[i]
		}
	}
	return found
}

// open opens the way to a server and gives the address to send to.
func (p *path) open(server netip.AddrPort) (netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	forward, back := ways(p.stretch)
	way, err := bottleneck.Open(p.address, server, bottleneck.Config{Forward: forward, Back: back, Seed: p.seed})
	if err != nil {
		return server, err
	}
	way.Begin()
	p.way = way
	return way.Address(), nil
}

// ways gives the links of a stretch: all of it towards the subscriber, and its delay
// back.
func ways(s scenario.Stretch) (forward, back discrete.Path) {
	forward = discrete.Path{Delay: discrete.Always(s.Delay), Queue: s.Queue, Loss: s.Loss}
	if s.Bandwidth > 0 {
		forward.Rates = discrete.Constant(unit.BitRate(s.Bandwidth))
	}
	return forward, discrete.Path{Delay: discrete.Always(s.Delay)}
}

// become has the path be as a stretch says.
func (p *path) become(s scenario.Stretch) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stretch = s
	if p.way != nil {
		forward, back := ways(s)
		p.way.Become(bottleneck.Forward, forward)
		p.way.Become(bottleneck.Back, back)
	}
}

// fault says whether the machine was later than the path.
func (p *path) fault() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.way == nil {
		return nil
	}
	if audit := p.way.Audit(); audit.Limited() {
		return fmt.Errorf("the generator's path was late: %s", audit)
	}
	return nil
}

func (p *path) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.way != nil {
		p.way.Close()
	}
}

// wander has all paths become what the scenario says, by the clock.
func (s *stage) wander(ctx context.Context, began time.Time) {
	for i := range s.config.Scenario.Path {
		next := &s.config.Scenario.Path[i]
		if next.From == 0 {
			continue
		}
		wait(ctx, time.Until(began.Add(next.From)))
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.stretch = next
		s.mu.Unlock()
		for _, g := range s.present() {
			g.path.become(*next)
		}
	}
}
