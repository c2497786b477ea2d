package home

import (
	"context"
	"errors"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// Config is what to measure, and how.
type Config struct {
	Scenarios []scenario.Scenario // of kinds messages and storm
	Targets   []Target
	Rounds    int
	// Warm is how long messages are sent before those that are measured for Measure.
	Warm, Measure time.Duration
	// Seed is that of the first round, of all targets; each further has the next.
	Seed uint64
	// Place is where targets run: the command before theirs, and the folder for
	// what they print.
	Place rival.Place
	// Now is told what is about to be measured, and how many of all rounds are done;
	// Took is given every round, Say a line now and then.
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
			if h != nil {
				err = errors.Join(err, h.leave())
			}
		}
	}()
	if len(houses) == 0 {
		return missing
	}
	done, all := 0, len(c.Scenarios)*c.Rounds*len(houses)
	for _, s := range c.Scenarios {
		for number := 1; number <= c.Rounds; number++ {
			for i, h := range houses {
				if h == nil {
					continue
				}
				c.Now(done, all, s.Name+", "+h.name)
				round := c.round(ctx, h, s, c.Seed+uint64(number)-1)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				round.Number = number
				if err := c.Took(round); err != nil {
					return err
				}
				done++
				if overloaded(round) && h.Stop != nil {
					houses[i] = c.again(ctx, h)
				}
			}
		}
	}
	return nil
}

// overloaded says whether a homeserver may still be busy with what came of a round:
// it lost something, or the round did not come to its end.
func overloaded(r report.Round) bool {
	_, ended := r.Has(report.Seconds)
	return !ended || r.Figures[report.Loss] > 0
}

// again ends a homeserver and starts it anew, so that what it still has to do does not
// meet the next round; nil if that cannot be done.
func (c Config) again(ctx context.Context, h *house) *house {
	if err := h.leave(); err != nil {
		c.Say("%s: %v", h.name, err)
	}
	fresh, err := enter(ctx, h.target, c.Place)
	if err != nil {
		c.Say("goes on without %s: %v", h.name, err)
		return nil
	}
	return fresh
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
	var err error
	if s.Kind == scenario.Storm {
		err = h.storm(ctx, s, &r)
	} else {
		err = h.messages(ctx, s, c.Warm, c.Measure, r.Seed, &r)
	}
	if err != nil {
		r.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return r
}
