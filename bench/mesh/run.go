package mesh

import (
	"context"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
	"meshfocus/bench/turns"
)

// Config is what to measure, and how.
type Config struct {
	Scenarios []scenario.Scenario // of kind mesh
	Rounds    int
	Spare     int // as in turns.Config, as are Took and Now
	// Warm is how long all flows before Measure begins, during which processor time
	// is counted; with Scenario.Leave that lasts until three have come at least.
	Warm, Measure time.Duration
	Version       string // of ourselves
	Now           func(done, all int, what string)
	Took          func(report.Round) error
}

// Run measures everything. A round that fails says why and does not count, and the
// next goes on; one that the context ends is dropped. The error is that of Took, or
// the context's.
func Run(ctx context.Context, c Config) error {
	of := func(scenario.Scenario) []alone { return []alone{{}} }
	told := turns.Config{Rounds: c.Rounds, Spare: c.Spare, Now: c.Now, Took: c.Took}
	return turns.Take(ctx, told, c.Scenarios, of, func(s scenario.Scenario, _ alone, _ int) report.Round {
		g := &gathering{config: c, scenario: s, links: make(map[pair]observed)}
		round := g.measure(ctx)
		round.At, round.Scenario, round.Rival, round.Version = time.Now().UTC().Format(time.RFC3339), s.Name, report.Ours, c.Version
		return round
	})
}

// alone is the only target.
type alone struct{}

func (alone) Name() string { return report.Ours }
