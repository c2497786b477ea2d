package mesh

import (
	"context"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// Config is what to measure, and how.
type Config struct {
	Scenarios []scenario.Scenario // of kind mesh
	Rounds    int
	// Warm is how long all flows before Measure begins, during which processor time
	// is counted; with Scenario.Leave that lasts until three have come at least.
	Warm, Measure time.Duration
	Version       string // of ourselves
	// Now is told what is about to be measured, and how many of all rounds are done;
	// Took is given every round.
	Now  func(done, all int, what string)
	Took func(report.Round) error
}

// Run measures everything. A round that fails says why and does not count, and the
// next goes on; one that the context ends is dropped. The error is that of Took, or
// the context's.
func Run(ctx context.Context, c Config) error {
	done, all := 0, len(c.Scenarios)*c.Rounds
	for _, s := range c.Scenarios {
		for number := 1; number <= c.Rounds; number++ {
			c.Now(done, all, s.Name+", "+report.Ours)
			g := &gathering{config: c, scenario: s, links: make(map[pair]observed)}
			round := g.measure(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			round.At, round.Scenario, round.Rival = time.Now().UTC().Format(time.RFC3339), s.Name, report.Ours
			round.Version, round.Number = c.Version, number
			if err := c.Took(round); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}
