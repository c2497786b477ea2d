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
)

// Config is how to measure.
type Config struct {
	Scenarios []scenario.Scenario
	Rivals    []rival.Rival
	Rounds    int
	// Warm and Measure are how long a round gets used to its rate, and a process to
	// what it holds in memory, and is measured.
	Warm, Measure time.Duration

	// Address is that of the parties, Place that of servers, without cores.
	Address netip.Addr
	Place   rival.Place
	// Cores are what servers are bound to, the first of them or all as a scenario
	// wants; nil binds them to none.
	Cores []int

	// Took is given every round, Say a line now and then.
	Took func(report.Round) error
	Say  func(format string, arguments ...any)
}

// Run measures everything. A rival that cannot be started is said so once and
// left out; a round that fails does not count, and the next goes on. The error
// is that of Took, or the context's.
func Run(ctx context.Context, c Config) error {
	versions := c.versions(ctx)
	began, done, all := time.Now(), 0, 0
	for _, s := range c.Scenarios {
		all += c.Rounds * len(c.rivalsOf(s, versions))
	}
	for _, s := range c.Scenarios {
		of := c.rivalsOf(s, versions)
		for number := 1; number <= c.Rounds; number++ {
			for _, r := range of {
				round := c.round(ctx, s, r)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				done++
				round.At, round.Number, round.Version = time.Now().UTC().Format(time.RFC3339), number, versions[r.Name()]
				c.Say("%d of %d%s: %s, %s: %s", done, all, left(time.Since(began), done, all), s.Says, r.Name(), tell(round))
				if err := c.Took(round); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rivalsOf gives ours and those that a scenario is to measure besides, as far as
// they can be started.
func (c Config) rivalsOf(s scenario.Scenario, versions map[string]string) (of []rival.Rival) {
	for _, r := range c.Rivals {
		if versions[r.Name()] != "" && (r.Name() == report.Ours || slices.Contains(s.Rivals, r.Name())) {
			of = append(of, r)
		}
	}
	return of
}

// left guesses how long the rest takes, by what was done; "" in the end. Searches
// take longer than other rounds.
func left(passed time.Duration, done, all int) string {
	if done == all {
		return ""
	}
	rest := passed / time.Duration(done) * time.Duration(all-done)
	return fmt.Sprintf(", about %v left", rest.Round(10*time.Second))
}

// versions asks all rivals which they are.
func (c Config) versions(ctx context.Context) map[string]string {
	versions := make(map[string]string)
	for _, r := range c.Rivals {
		version, err := r.Version(ctx)
		if err != nil {
			c.Say("without %s: %v", r.Name(), err)
			continue
		}
		versions[r.Name()] = version
		c.Say("%s: %s", r.Name(), version)
	}
	return versions
}

// tell says in a line what a round came to.
func tell(r report.Round) string {
	var parts []string
	part := func(is bool, format string, arguments ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, arguments...))
		}
	}
	has := func(m report.Metric) bool { return r.Figures[m] > 0 }
	part(has(report.CPUMicros), "%.2f µs/packet (%.2f user, %.2f system)", r.Figures[report.CPUMicros], r.Figures[report.UserMicros], r.Figures[report.SystemMicros])
	part(has(report.PerSecond), "%.0f packets/s", r.Figures[report.PerSecond])
	part(has(report.P99Micros), "p50 %.0f µs, p99 %.0f µs", r.Figures[report.P50Micros], r.Figures[report.P99Micros])
	part(has(report.MemoryKB), "%.0f kB a subscriber", r.Figures[report.MemoryKB])
	if count, told := r.Has(report.Allocations); told {
		part(true, "%.4f allocations a packet", count)
	}
	part(true, "loss %.3f %%", 100*r.Figures[report.Loss])
	part(has(report.Repaired), "%.0f %% of what was asked for came again", 100*r.Figures[report.Repaired])
	part(r.Figures[report.Others] > 0.02, "others had %.0f %% of its core", 100*r.Figures[report.Others])
	part(r.Invalid != "", "does not count: %s", r.Invalid)
	return strings.Join(parts, ", ")
}

// round measures one server once.
func (c Config) round(ctx context.Context, s scenario.Scenario, r rival.Rival) (result report.Round) {
	result = report.Round{Scenario: s.Name, Rival: r.Name(), Figures: report.Figures{}}
	m := &match{config: c, scenario: s, result: &result}
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

// place is where a server of a scenario runs: on as many cores as it may.
func (c Config) place(s scenario.Scenario) rival.Place {
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
