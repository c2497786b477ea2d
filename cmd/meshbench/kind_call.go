package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"meshfocus/bench/call"
	"meshfocus/bench/contest"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// prepareCalls is the way of calls: the same servers, with parties that see and hear.
func prepareCalls(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	scenarios, films, err := q.sources(scenarios)
	if err != nil {
		return nil, err
	}
	config, fault, err := q.contest(scenarios)
	if err != nil {
		return nil, err
	}
	play := call.Run
	if q.second.given() {
		machine, err := q.elsewhere(config.Rivals, config.Place.Address, config.Scenarios)
		if err != nil {
			return nil, err
		}
		play = machine.Round
	}
	seeds := make(map[[2]string]uint64) // the same for all targets of a round
	config.Play = func(ctx context.Context, s scenario.Scenario, r rival.Rival) report.Round {
		key := [2]string{s.Name, r.Name()}
		seeds[key]++
		return play(ctx, call.Config{
			Scenario: s, Rival: r, Place: config.PlaceOf(s), Address: config.Address, Warm: config.Warm, Measure: config.Measure, Seed: q.seed + seeds[key] - 1,
			Film: films.pictures[s.Source], Sound: films.sounds[s.Sound], Clocks: q.clocks,
		})
	}
	return func(ctx context.Context, l *ledger) error {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // the loop has a thread for itself, paths have others
		defer debug.SetGCPercent(debug.SetGCPercent(400))
		config.Took, config.Now, config.Say = l.until(fault), l.Now, l.Say
		return contest.Run(ctx, config)
	}, nil
}
