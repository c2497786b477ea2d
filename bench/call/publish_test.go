package call

import (
	"context"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// apart has publishers and subscribers of a call by loops of their own, which stand still
// for so long ten times a second.
func apart(t *testing.T, publishers, subscribers time.Duration) report.Round {
	c := config(scenario.Scenario{Publishers: 1, Subscribers: 1}, inside("pion"))
	c.Stall = publishers
	return Publish(t.Context(), c, func(ctx context.Context, server rival.Server, happens func(Event)) (report.Round, error) {
		there := c
		there.Rival, there.Present, there.Tell, there.Stall = server.(rival.Reachable).Reach(nil), true, happens, subscribers
		return Run(ctx, there), nil
	})
}

// TestPublish_NamesTheGeneratorThatWasTheLimit, here or there.
func TestPublish_NamesTheGeneratorThatWasTheLimit(t *testing.T) {
	for want, stalls := range map[string][2]time.Duration{
		"the generator with the publishers ":  {40 * time.Millisecond, 0},
		"the generator with the subscribers ": {0, 40 * time.Millisecond},
	} {
		r := apart(t, stalls[0], stalls[1])
		if !strings.Contains(r.Invalid, want) || r.Figures[report.LateMicros] < 5000 {
			t.Errorf("%q, late by %v µs, want %q", r.Invalid, r.Figures[report.LateMicros], want)
		}
	}
	if r := apart(t, 0, 0); r.Invalid != "" && !machine(t, r) || r.Figures[report.Forwarded] <= 0 || r.Figures[report.CPUMicros] <= 0 || r.Figures[report.Sent] <= 0 {
		t.Errorf("%+v", r)
	}
}
