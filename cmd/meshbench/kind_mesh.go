package main

import (
	"context"
	"fmt"
	"os"

	"meshfocus/bench/mesh"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// prepareMesh is the way of our own mesh, which is its only target.
func prepareMesh(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	for _, name := range q.targets() {
		if name != report.Ours {
			return nil, fmt.Errorf("there is no target %q for %s; a mesh has no server, so there is %s alone", name, scenarios[0].Name, report.Ours)
		}
	}
	return func(ctx context.Context, l *ledger) error {
		version, err := ownVersion(ctx)
		if err != nil {
			return err
		}
		return mesh.Run(ctx, mesh.Config{
			Scenarios: scenarios, Rounds: q.rounds, Spare: q.spare, Warm: q.warm, Measure: q.measure, Version: version, Now: l.Now, Took: l.Took,
		})
	}, nil
}

// ownVersion says what we are built from.
func ownVersion(ctx context.Context) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return rival.Forward{Title: report.Ours, Program: program}.Version(ctx)
}
