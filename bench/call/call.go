package call

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/offset"
	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

const (
	// entering is how long it may take until everybody sees everybody.
	entering = 60 * time.Second
	// looking is how often that is looked at.
	looking = 20 * time.Millisecond
	// settled is how long the last stretch of a path is measured at least.
	settled = 8 * time.Second
)

// Config is one round.
type Config struct {
	Scenario scenario.Scenario
	Rival    rival.Rival
	Place    rival.Place
	// Address is that of the parties.
	Address netip.Addr
	// Warm passes between the last first frame and the measurement; Measure is how
	// long that lasts, unless the path takes longer.
	Warm, Measure time.Duration
	// Seed decides about the sizes of frames, and what paths lose.
	Seed uint64
	// Film and Sound are what publishers send instead of ours, nil where Scenario names
	// no files; the codec of a Film is the Scenario's.
	Film  *clip.Film
	Sound *clip.Sound
	// Clocks is how far the publishers' clock is ahead, where it is another.
	Clocks offset.Offset

	// Present: the publishers of the scenario are on another machine, and there already.
	Present bool
	// Readings are of their clock, as they come: how far it is ahead of ours. The first
	// is there soon. Nil where it is ours.
	Readings <-chan offset.Reading
	// Clock is as in party.Config.
	Clock offset.Clock
	// Stall is as in party.Config.
	Stall time.Duration
	// Tell says what happens to those who have the publishers, where they are on another
	// machine, at once and from one goroutine after the other. Nil where they are here.
	Tell func(Event)
}

// Run measures a round. Whatever goes wrong stands in Round.Invalid, with what was
// measured until then.
func Run(ctx context.Context, c Config) (round report.Round) {
	round = report.Round{Scenario: c.Scenario.Name, Rival: c.Rival.Name(), Seed: c.Seed, Figures: report.Figures{}}
	s := &stage{config: c, round: &round, stretch: stretchAt(c.Scenario.Path, 0), done: make(chan struct{})}
	err := s.enter(ctx)
	if err == nil {
		err = s.measure(ctx)
	}
	if err = errors.Join(err, s.leave()); err != nil {
		round.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return round
}

// stage is one round under way.
type stage struct {
	config     Config
	round      *report.Round
	server     rival.Server
	load       *party.Load
	publishers []*party.End
	// switches are the times from somebody's beginning to speak until each subscriber saw
	// the large picture, in ms. They belong to speak until it has ended.
	switches []float64
	// comparing is the loop that takes Config.Readings, until done is closed.
	comparing sync.WaitGroup
	done      chan struct{}

	mu      sync.Mutex // guards what follows
	guests  []*guest   // who is there, the oldest first
	former  []*guest   // who was
	came    int        // guests, ever
	stretch *scenario.Stretch
	faults  []error
	track   offset.Track // of the publishers' clock
}

// enter starts the server and brings everybody in, until all see all publishers.
func (s *stage) enter(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, entering)
	defer cancel()
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	var asking sync.WaitGroup
	for range s.config.Scenario.Subscribers {
		asking.Go(func() { s.fault(s.join(ctx)) })
	}
	asking.Wait()
	if err := s.broken(); err != nil {
		return err
	}
	return s.await(ctx)
}

// open starts the server, and has the parties' loop.
func (s *stage) open(ctx context.Context) (err error) {
	c := s.config
	if c.Readings != nil {
		if c.Clocks, err = s.first(ctx); err != nil {
			return err
		}
	}
	options := rival.Options{Tick: time.Duration(c.Scenario.Tick), Lanes: c.Scenario.Lanes, Adaptive: true, Codec: c.Scenario.Codec}
	if s.server, err = c.Rival.Start(ctx, c.Place, options); err != nil {
		return err
	}
	if s.load, err = party.New(party.Config{
		Address: c.Address, Profile: c.Scenario.Cipher.Profile(), Layers: c.Scenario.Layers, Scalable: c.Scenario.Scalable,
		Faithful: true, Codec: clip.Codec(c.Scenario.Codec),
		Film: c.Film, Sound: c.Sound, Seed: c.Seed, Stall: c.Stall, Clocks: c.Clocks, Clock: c.Clock,
	}); err != nil {
		return err
	}
	if c.Readings != nil {
		s.comparing.Go(s.correct)
	}
	return nil
}

// publish brings the publishers in; of those who are present the names are known.
func (s *stage) publish(ctx context.Context) error {
	for i := range s.config.Scenario.Publishers {
		name := fmt.Sprintf("publisher%d", i)
		if s.config.Present {
			s.publishers = append(s.publishers, party.Elsewhere(name, i, s.config.Scenario.Layers, s.config.Scenario.Scalable))
			continue
		}
		end, err := s.load.Publisher(name)
		if err != nil {
			return err
		}
		if err := s.server.Publish(ctx, end); err != nil {
			return err
		}
		if err := end.Connected(ctx); err != nil {
			return err
		}
		s.load.Pace(1, 1)
		s.publishers = append(s.publishers, end)
	}
	return nil
}

// await waits until everybody sees and hears everybody.
func (s *stage) await(ctx context.Context) error {
	for {
		streams := 0
		for _, g := range s.present() {
			streams += g.streams()
		}
		if want := 2 * s.config.Scenario.Streams(); streams >= want {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("only %d of %d pictures and sounds are there: %w", streams, want, ctx.Err())
		}
		wait(ctx, looking)
	}
}

// fault notes what went wrong beside the caller.
func (s *stage) fault(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

// broken gives the first of what went wrong; the others are of the same kind.
func (s *stage) broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return nil
	}
	return s.faults[0]
}

// leave ends everything.
func (s *stage) leave() error {
	var errs []error
	close(s.done)
	s.comparing.Wait()
	if s.load != nil {
		errs = append(errs, s.load.Close())
	}
	for _, g := range append(s.guests, s.former...) {
		g.path.close()
	}
	if s.server != nil {
		errs = append(errs, s.server.Stop())
	}
	return errors.Join(errs...)
}

// wait lets a time pass.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
