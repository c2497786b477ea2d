package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

const (
	// idle is the rate while parties come in, a second and publisher: enough for
	// servers that wait for media before they tell others of it.
	idle = 30
	// tries are how often a server may try to keep up with a rate.
	tries = 2
	// asking is how long what connections allocate by themselves is counted: ICE asks
	// each every two seconds whether it is still wanted.
	asking = 2 * time.Second
)

// match is one round under way.
type match struct {
	config   Config
	scenario scenario.Scenario
	result   *report.Round
	server   rival.Server
	load     *party.Load
	alone    uint64 // memory of the server with publishers only
	own      uint64 // ours then
	// background is the allocations in a second of connections that carry next to
	// nothing.
	background float64
	first      *party.End    // of the subscribers
	counted    time.Duration // how often it is said how many are in
}

// enter starts a server and brings everybody in.
func (m *match) enter(ctx context.Context, r rival.Rival) (err error) {
	ctx, cancel := context.WithTimeout(ctx, entering+entry*time.Duration(m.scenario.Subscribers))
	defer cancel()
	s := m.scenario
	if m.server, err = r.Start(ctx, m.config.PlaceOf(s), rival.Options{Tick: time.Duration(s.Tick), Lanes: s.Lanes}); err != nil {
		return err
	}
	if m.load, err = party.New(party.Config{
		Address: m.config.Address, Profile: s.Cipher.Profile(), Sample: s.Sample, Layers: s.Layers, Lose: s.Lose, Stall: m.config.Stall, Seed: m.config.Seed,
	}); err != nil {
		return err
	}
	publishers, err := m.publish(ctx)
	if err != nil {
		return err
	}
	if s.Kind == scenario.Memory {
		wait(ctx, m.config.Warm)
		if m.alone, m.own, err = m.memory(); err != nil {
			return err
		}
	}
	return m.subscribe(ctx, publishers)
}

// memory gives what is resident of the server, and of ourselves when garbage is away.
func (m *match) memory() (server, own uint64, err error) {
	debug.FreeOSMemory()
	theirs, err := rival.UsageOf(m.server.PID())
	if err != nil {
		return 0, 0, err
	}
	ours, err := rival.UsageOf(os.Getpid())
	return theirs.Memory, ours.Memory, err
}

// slow is the rate while parties come in: no more than they are to have, if that is
// little.
func (m *match) slow() float64 { return min(idle, m.scenario.Rate) }

// publish brings the publishers in, who begin to send a little.
func (m *match) publish(ctx context.Context) (publishers []*party.End, err error) {
	for i := range m.scenario.Publishers {
		end, err := m.load.Publisher(fmt.Sprintf("publisher%d", i))
		if err != nil {
			return nil, err
		}
		if err := m.server.Publish(ctx, end); err != nil {
			return nil, err
		}
		if err := end.Connected(ctx); err != nil {
			return nil, err
		}
		m.load.Pace(m.slow(), 1)
		publishers = append(publishers, end)
	}
	return publishers, nil
}

// cost measures at the scenario's rate.
func (m *match) cost(ctx context.Context) error {
	if _, told := m.server.Allocations(ctx); told {
		quiet, err := m.watch(ctx, max(m.config.Warm, asking))
		if err != nil {
			return err
		}
		m.background = float64(quiet.then.allocations-quiet.before.allocations) / quiet.seconds
	}
	m.load.Pace(m.scenario.Rate, m.scenario.Burst)
	wait(ctx, m.config.Warm)
	span, err := m.watch(ctx, m.config.Measure)
	if err != nil {
		return err
	}
	m.note(span)
	if m.scenario.Kind == scenario.Memory {
		_, own, err := m.memory()
		if err != nil {
			return err
		}
		m.result.Figures[report.GeneratorKB] = (float64(own) - float64(m.own)) / 1000 / float64(m.scenario.Subscribers)
		if apart := m.load.Apart(); apart > 0 {
			return fmt.Errorf("%d of %d are not connected any more", apart, m.scenario.Publishers+m.scenario.Subscribers)
		}
	}
	return span.fault()
}

// search looks for the capacity. What was too much is tried once more in the
// end, and if it is not any more, the search goes on from there.
func (m *match) search(ctx context.Context) error {
	search := scenario.NewSearch(m.scenario.Rate)
	var limit error
	for again := true; again && ctx.Err() == nil; {
		for rate, more := search.Next(); more && ctx.Err() == nil; rate, more = search.Next() {
			kept, fault, err := m.try(ctx, rate)
			if err != nil {
				return err
			}
			if !kept {
				limit = fault // of the lowest rate that was too high, in the end
			}
			m.config.Say("  %s, %s: %.0f packets/s %s", m.scenario.Name, m.result.Rival, rate*float64(m.scenario.Streams()), verdict(kept, fault))
			search = search.Tried(kept)
		}
		if search.Found() == 0 {
			return errors.Join(errors.New("it keeps up with nothing"), limit)
		}
		kept, fault, err := m.try(ctx, search.TooMuch())
		if err != nil {
			return err
		}
		if again, limit = kept, fault; kept {
			search = search.Reopened()
		}
	}
	return limit
}

// verdict says in words how a try went.
func verdict(kept bool, fault error) string {
	switch {
	case kept:
		return "arrive"
	case fault != nil:
		return "cannot be had: " + fault.Error()
	}
	return "are too much"
}

// try sees whether the server keeps up with a rate, and notes it if so. What
// else the machine does may spoil a try, so it has some. The fault is that of
// the parties if the server had no chance to fail.
func (m *match) try(ctx context.Context, rate float64) (kept bool, fault, err error) {
	lost := false
	for range tries {
		m.load.Pace(rate, m.scenario.Burst)
		wait(ctx, m.config.Warm/2)
		span, err := m.watch(ctx, m.config.Measure/2)
		if err != nil || ctx.Err() != nil {
			return false, nil, err
		}
		switch fault = span.fault(); {
		case fault == nil && span.loss() <= scenario.MaxLoss:
			m.note(span)
			m.result.Figures[report.PerSecond] = span.rate()
			return true, nil, nil
		case fault == nil:
			lost = true
		}
	}
	if lost {
		fault = nil
	}
	return false, fault, nil
}

// leave ends everything.
func (m *match) leave() error {
	var errs []error
	if m.load != nil {
		errs = append(errs, m.load.Close())
	}
	if m.server != nil {
		errs = append(errs, m.server.Stop())
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
