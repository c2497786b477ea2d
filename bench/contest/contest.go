package contest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/bench/turns"
)

// Config is how to measure.
type Config struct {
	Scenarios []scenario.Scenario
	Rivals    []rival.Rival
	Rounds    int
	Spare     int // as in turns.Config, as are Took and Now
	// Warm and Measure are how long a round gets used to its rate, and a process to
	// what it holds in memory, and is measured.
	Warm, Measure time.Duration

	// Address is that of the parties, Place that of servers, without cores.
	Address netip.Addr
	Place   rival.Place
	// Cores are what servers are bound to, the first of them or all as a scenario
	// wants; nil binds them to none.
	Cores []int

	// Play measures a scenario of another kind than those of a match, of one server once;
	// nil plays a match.
	Play func(ctx context.Context, s scenario.Scenario, r rival.Rival) report.Round

	// Seed is that of the first round, of all targets; each further has the next. 0 is
	// another each time.
	Seed uint64
	// Stall is as in party.Config: for who looks whether such a generator is found out.
	Stall time.Duration

	// Say is given a line now and then.
	Took func(report.Round) error
	Now  func(done, all int, what string)
	Say  func(format string, arguments ...any)
}

// Run measures everything. A rival that cannot be started is said so once and
// left out; a round that fails does not count, and the next goes on. The error
// is that of Took, or the context's, or why the only rival cannot be started.
func Run(ctx context.Context, c Config) error {
	versions, err := c.versions(ctx)
	if err != nil {
		return err
	}
	of := func(s scenario.Scenario) []rival.Rival { return c.rivalsOf(s, versions) }
	told := turns.Config{Rounds: c.Rounds, Spare: c.Spare, Sure: report.Sure, Now: c.Now, Took: c.Took}
	return turns.Take(ctx, told, c.Scenarios, of, func(s scenario.Scenario, r rival.Rival, number int) report.Round {
		round := c.play(ctx, s, r, number)
		round.At, round.Version = time.Now().UTC().Format(time.RFC3339), versions[r.Name()]
		return round
	})
}

// rivalsOf gives ours and those that a scenario is to measure besides, as far as
// they can be started.
func (c Config) rivalsOf(s scenario.Scenario, versions map[string]string) (of []rival.Rival) {
	for _, r := range c.Rivals {
		if versions[r.Name()] != "" && Suits(s, r.Name()) {
			of = append(of, r)
		}
	}
	return of
}

// Suits reports whether a scenario can be measured of a target, or tells something of it.
func Suits(s scenario.Scenario, target string) bool {
	return target == report.Ours || target == report.Null && reflects(s) || slices.Contains(s.Rivals, target)
}

// reflects: a scenario tells something of what passes on datagrams as they came.
func reflects(s scenario.Scenario) bool { return s.Kind != scenario.Call && s.Layers <= 1 }

// versions asks all rivals which they are. The error is that of one that is alone.
func (c Config) versions(ctx context.Context) (map[string]string, error) {
	versions := make(map[string]string)
	for _, r := range c.Rivals {
		version, err := r.Version(ctx)
		if err != nil && len(c.Rivals) == 1 {
			return nil, fmt.Errorf("%s %w", r.Name(), err)
		}
		if err != nil {
			c.Say("without %s: %v", r.Name(), err)
			continue
		}
		versions[r.Name()] = version
		c.Say("%s: %s", r.Name(), version)
	}
	return versions, nil
}

func (c Config) play(ctx context.Context, s scenario.Scenario, r rival.Rival, number int) report.Round {
	if c.Play != nil {
		return c.Play(ctx, s, r)
	}
	return c.round(ctx, s, r, number)
}

// round measures one server once.
func (c Config) round(ctx context.Context, s scenario.Scenario, r rival.Rival, number int) (result report.Round) {
	result = report.Round{Scenario: s.Name, Rival: r.Name(), Figures: report.Figures{}}
	if c.Seed > 0 {
		c.Seed += uint64(number) - 1
	}
	if s.Lose > 0 {
		result.Seed = c.Seed
	}
	m := &match{config: c, scenario: s, result: &result, counted: counted}
	err := m.enter(ctx, r)
	if err == nil {
		switch s.Kind {
		case scenario.Capacity:
			err = m.search(ctx)
		default:
			err = m.cost(ctx)
		}
	}
	if err = errors.Join(err, m.leave()); err != nil {
		result.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return result
}

// PlaceOf is where a server of a scenario runs: on as many cores as it may.
func (c Config) PlaceOf(s scenario.Scenario) rival.Place {
	place := c.Place
	if cores := c.coresOf(s); len(cores) > 0 {
		list := make([]string, len(cores))
		for i, core := range cores {
			list[i] = strconv.Itoa(core)
		}
		place.Prefix = append(slices.Clone(place.Prefix), "taskset", "-c", strings.Join(list, ","))
	}
	return place
}

func (c Config) coresOf(s scenario.Scenario) []int {
	return c.Cores[:min(len(c.Cores), max(s.Lanes, 1))]
}
