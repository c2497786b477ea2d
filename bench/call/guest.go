package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/rival"
	"meshfocus/internal/unit"
)

// guest is a subscriber. What is seen belongs to whoever measures, once it has come.
type guest struct {
	end              *party.End
	path             *path
	asked, connected time.Time
	before           party.Seen // when the measurement began
	// last is what it has seen in the end, until an instant; of those who are there it
	// is asked for.
	last  party.Seen
	until time.Time
}

// SubscriberName is what the one is called who comes in as the so-manieth, from 0.
func SubscriberName(number int) string { return fmt.Sprintf("subscriber%d", number) }

// join brings one more subscriber in.
func (s *stage) join(ctx context.Context) error {
	scene := s.config.Scenario
	s.mu.Lock()
	number := s.came
	s.came++
	stretch := s.stretch
	s.mu.Unlock()
	g := &guest{}
	var err error
	if g.end, err = s.load.Subscriber(SubscriberName(number), scene.Publishers); err != nil {
		return err
	}
	g.end.Layer = max(scene.Layers, 1) - 1
	if scene.Change > 0 {
		g.end.Layer = scene.Layer(number)
	}
	if scene.Speak > 0 {
		g.end.Layer, g.end.Speaker = 0, s.publishers[0].Name
	}
	if stretch != nil {
		g.path = &path{address: s.config.Address, seed: s.config.Seed + uint64(number), stretch: *stretch}
		g.end.Through(g.path.open)
	}
	s.mu.Lock()
	s.guests = append(s.guests, g) // also if it fails: somebody has to close its path
	s.mu.Unlock()
	g.asked = time.Now()
	if err := s.server.Subscribe(ctx, g.end, s.publishers); err != nil {
		return err
	}
	if err := g.end.Connected(ctx); err != nil {
		return err
	}
	g.connected = time.Now()
	return nil
}

// streams counts the pictures that it has begun to see, and the sounds it hears.
func (g *guest) streams() (count int) {
	seen := g.end.Seen()
	for _, p := range seen.Pictures {
		if p.First != unit.Never {
			count++
		}
	}
	return count + len(seen.Sounds)
}

// present gives those who are there.
func (s *stage) present() []*guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.guests)
}

// change has all subscribers want the next smaller layer, and the largest after the
// smallest, again and again.
func (s *stage) change(ctx context.Context) {
	scene := s.config.Scenario
	chooser, ok := s.server.(rival.Chooser)
	if scene.Change == 0 || scene.Layers < 2 {
		return
	}
	if !ok {
		s.fault(errors.New("the server cannot be told which layer is wanted"))
		return
	}
	for wait(ctx, scene.Change); ctx.Err() == nil; wait(ctx, scene.Change) {
		for _, g := range s.present() {
			g.end.Layer = (g.end.Layer + scene.Layers - 1) % scene.Layers
			if err := chooser.Choose(ctx, g.end, s.publishers); ctx.Err() == nil {
				s.fault(err)
			}
		}
	}
}

// churn has the one who came first leave and another come, again and again.
func (s *stage) churn(ctx context.Context) {
	every := s.config.Scenario.Leave
	if every == 0 {
		return
	}
	for wait(ctx, every); ctx.Err() == nil; wait(ctx, every) {
		s.mu.Lock()
		oldest := s.guests[0]
		s.guests = s.guests[1:]
		s.former = append(s.former, oldest)
		s.mu.Unlock()
		seen, err := s.load.Leave(oldest.end)
		oldest.last, oldest.until = seen, time.Now()
		if err == nil {
			err = s.join(ctx)
		}
		if ctx.Err() == nil {
			s.fault(err)
		}
	}
}
