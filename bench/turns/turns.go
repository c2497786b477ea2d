// Package turns has targets take turns in rounds, so that whatever else the machine does
// meets all of them alike. What does not count may be measured again, as a whole turn.
package turns

import (
	"context"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// Config is how many rounds there are, and who is told of them.
type Config struct {
	// Rounds are those of each target in each scenario.
	Rounds int
	// Spare are as many turns more of a scenario at most, as long as there are fewer than
	// Rounds turns in which the rounds of all targets count, as ratios are taken of those,
	// or Sure says no.
	Spare int
	// Sure reports whether the rounds of a scenario tell what is asked of it; nil is yes.
	Sure func(rounds []report.Round) bool
	// Now is told what is about to be measured, when so many of all rounds are done;
	// Took is given every round.
	Now  func(done, all int, what string)
	Took func(report.Round) error
}

// Target is what is measured.
type Target interface{ Name() string }

// Take measures targets in scenarios, scenario by scenario; of gives those that one is
// for. play measures a target once; numbers begin with 1 and are written into its round.
// A round that the context ends is dropped. The error is the context's, or that of Took.
func Take[T Target](ctx context.Context, c Config, scenarios []scenario.Scenario, of func(scenario.Scenario) []T,
	play func(s scenario.Scenario, target T, number int) report.Round,
) error {
	done, all := 0, 0
	for _, s := range scenarios {
		all += c.Rounds * len(of(s))
	}
	for _, s := range scenarios {
		targets, whole := of(s), 0
		var rounds []report.Round
		again := func() bool { return whole < c.Rounds || c.Sure != nil && !c.Sure(rounds) }
		for number := 1; number <= c.Rounds || number <= c.Rounds+c.Spare && again(); number++ {
			if number > c.Rounds {
				all += len(targets)
			}
			counts := true
			for _, target := range targets {
				c.Now(done, all, s.Name+", "+target.Name())
				round := play(s, target, number)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				round.Number = number
				done++
				if err := c.Took(round); err != nil {
					return err
				}
				counts = counts && round.Invalid == ""
				rounds = append(rounds, round)
			}
			if counts {
				whole++
			}
		}
	}
	return nil
}
