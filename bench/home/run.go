package home

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/bench/turns"
)

// Config is what to measure, and how.
type Config struct {
	Scenarios []scenario.Scenario // of kinds messages and storm
	Targets   []Target
	Rounds    int
	Spare     int // as in turns.Config, as are Took and Now
	// Warm is how long messages are sent before those that are measured for Measure.
	Warm, Measure time.Duration
	// Seed is that of the first round, of all targets; each further has the next.
	Seed uint64
	// Place is where targets run: the command before theirs, and the folder for
	// what they print.
	Place rival.Place
	// Say is given a line now and then.
	Now  func(done, all int, what string)
	Took func(report.Round) error
	Say  func(format string, arguments ...any)
}

// Run measures everything. A target that cannot be started is said so once and left
// out; a round that fails says why and does not count, and the next goes on; one
// that the context ends is dropped. The error is that of Took, the context's, that
// there was nothing to measure, or that something could not be ended.
func Run(ctx context.Context, c Config) (err error) {
	houses, missing := c.enter(ctx)
	defer func() {
		for _, h := range houses {
			err = errors.Join(err, h.leave())
		}
	}()
	if len(houses) == 0 {
		return missing
	}
	told := turns.Config{Rounds: c.Rounds, Spare: c.Spare, Now: c.Now, Took: func(r report.Round) error {
		err := c.Took(r)
		for _, h := range houses {
			if h.name == r.Rival && h.Stop != nil && overloaded(r) {
				c.again(ctx, h)
			}
		}
		return err
	}}
	of := func(scenario.Scenario) []*house {
		return slices.DeleteFunc(slices.Clone(houses), func(h *house) bool { return h.gone != nil })
	}
	return turns.Take(ctx, told, c.Scenarios, of, func(s scenario.Scenario, h *house, number int) report.Round {
		return c.round(ctx, h, s, c.Seed+uint64(number)-1)
	})
}

// overloaded says whether a homeserver may still be busy with what came of a round:
// it lost something or somebody, or the round did not come to its end.
func overloaded(r report.Round) bool {
	_, ended := r.Has(report.Seconds)
	present, storm := r.Has(report.Present)
	return !ended || r.Figures[report.Loss] > 0 || storm && present < 1
}

// again ends a homeserver and starts it anew, so that what it still has to do does not
// meet the next round. If that cannot be done it is gone.
func (c Config) again(ctx context.Context, h *house) {
	if err := h.leave(); err != nil {
		c.Say("%s: %v", h.name, err)
	}
	fresh, err := enter(ctx, h.target, c.Place)
	if err != nil {
		c.Say("goes on without %s: %v", h.name, err)
		h.gone = fmt.Errorf("it could not be started anew: %w", err)
		return
	}
	*h = *fresh
}

// enter starts all targets that can be. The error says why none could.
func (c Config) enter(ctx context.Context) (houses []*house, err error) {
	for _, t := range c.Targets {
		c.Say("starting %s", t.Name())
		h, missing := enter(ctx, t, c.Place)
		if missing != nil {
			c.Say("without %s: %v", t.Name(), missing)
			err = errors.Join(err, missing)
			continue
		}
		c.Say("%s: %s at %s", h.name, h.Version, h.URL)
		houses = append(houses, h)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return houses, err
}

// round measures one homeserver once.
func (c Config) round(ctx context.Context, h *house, s scenario.Scenario, seed uint64) report.Round {
	r := report.Round{
		At: time.Now().UTC().Format(time.RFC3339), Scenario: s.Name, Rival: h.name, Version: h.Version,
		Seed: seed, Figures: report.Figures{},
	}
	err := h.gone
	switch {
	case err != nil:
	case s.Kind == scenario.Storm:
		err = h.storm(ctx, s, &r)
	default:
		err = h.messages(ctx, s, c.Warm, c.Measure, r.Seed, &r)
	}
	if err != nil {
		r.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return r
}
