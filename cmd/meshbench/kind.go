package main

import (
	"context"
	"fmt"
	"slices"

	"meshfocus/bench/scenario"
)

// way is how scenarios of some kinds are measured. prepare says what is wrong with
// what was asked, before anything is started; what it gives measures all of
// the scenarios, tells the ledger of each round, and ends with the context.
type way struct {
	kinds   []scenario.Kind
	prepare func(comparison, []scenario.Scenario) (measuring, error)
}

// measuring is a way with all that was asked of it.
type measuring func(context.Context, *ledger) error

// ways gives all there are, in the order in which a run takes them.
func ways() []way {
	return []way{
		{[]scenario.Kind{scenario.Cost, scenario.Capacity, scenario.Memory}, prepareForwarding},
		{[]scenario.Kind{scenario.Call}, prepareCalls},
		{[]scenario.Kind{scenario.Mesh}, prepareMesh},
		{[]scenario.Kind{scenario.Messages, scenario.Storm}, prepareHomes},
		{[]scenario.Kind{scenario.Relay}, prepareRelays},
	}
}

// prepare gives each scenario to the way of its kind.
func (q comparison) prepare(scenarios []scenario.Scenario) (all []measuring, err error) {
	if err := q.second.suits(scenarios); err != nil {
		return nil, err
	}
	left := slices.Clone(scenarios)
	for _, w := range ways() {
		var mine, others []scenario.Scenario
		for _, s := range left {
			if slices.Contains(w.kinds, s.Kind) {
				mine = append(mine, s)
			} else {
				others = append(others, s)
			}
		}
		left = others
		if len(mine) == 0 {
			continue
		}
		measure, err := w.prepare(q, mine)
		if err != nil {
			return nil, err
		}
		all = append(all, measure)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("%s: scenarios of kind %s cannot be measured yet", left[0].Name, left[0].Kind)
	}
	return all, nil
}
