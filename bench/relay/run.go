package relay

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/bench/turns"
)

const (
	// entering is how long all allocations may take.
	entering = 30 * time.Second
	// unsent is how much of the traffic may be missing by the generator's fault, late how far behind it may be.
	unsent = 0.0001
	late   = 5 * time.Millisecond
	// Longest is how long a round may be: permissions last five minutes (RFC 8656
	// section 9), and nothing renews them.
	Longest = 4 * time.Minute
)

// Config is what to measure.
type Config struct {
	Scenarios []scenario.Scenario
	Targets   []Target
	Rounds    int
	Spare     int // as in turns.Config, as are Took and Now
	// Warm passes between the first packet and the measurement.
	Warm, Measure time.Duration
	// Address is that of clients and peer; PlaceOf is where a relay runs.
	Address netip.Addr
	PlaceOf func(scenario.Scenario) rival.Place

	// Say is given a line now and then.
	Took func(report.Round) error
	Now  func(done, all int, what string)
	Say  func(format string, arguments ...any)
}

// Run measures everything, targets by turns. What cannot be started is said so and
// left out. The error is that of Took, the context's, or why nothing can be started.
func Run(ctx context.Context, c Config) error {
	var targets []Target
	var missing error
	versions := make(map[string]string)
	for _, t := range c.Targets {
		version, err := t.Version(ctx)
		if err != nil {
			c.Say("without %s: %v", t.Name(), err)
			missing = err
			continue
		}
		c.Say("%s: %s", t.Name(), version)
		targets, versions[t.Name()] = append(targets, t), version
	}
	if len(targets) == 0 {
		return missing
	}
	of := func(scenario.Scenario) []Target { return targets }
	told := turns.Config{Rounds: c.Rounds, Spare: c.Spare, Now: c.Now, Took: c.Took}
	return turns.Take(ctx, told, c.Scenarios, of, func(s scenario.Scenario, t Target, _ int) report.Round {
		round := c.round(ctx, s, t)
		round.At, round.Version = time.Now().UTC().Format(time.RFC3339), versions[t.Name()]
		return round
	})
}

// round measures one relay once.
func (c Config) round(ctx context.Context, s scenario.Scenario, t Target) (round report.Round) {
	round = report.Round{Scenario: s.Name, Rival: t.Name(), Figures: report.Figures{}}
	server, listen, err := start(t, c.PlaceOf(s))
	if err == nil {
		err = errors.Join(c.measure(ctx, s, t.login(), listen, server.PID(), &round), server.Stop())
	}
	if err != nil {
		round.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return round
}

// measure brings everybody in, lets packets flow, and notes what became of them.
func (c Config) measure(ctx context.Context, s scenario.Scenario, as login, server netip.AddrPort, pid int, round *report.Round) error {
	peer, err := openSocket(c.Address)
	if err != nil {
		return err
	}
	defer peer.close()
	var clients []*client
	defer func() {
		for _, one := range clients {
			one.socket.close()
		}
	}()
	entered, cancel := context.WithTimeout(ctx, entering)
	defer cancel()
	var joins []float64
	for range s.Allocations {
		own, err := openSocket(c.Address)
		if err != nil {
			return err
		}
		asked := time.Now()
		one, err := allocate(entered, own, server, peer.local, as)
		if err != nil {
			own.close()
			return fmt.Errorf("allocation %d of %d: %w", len(clients)+1, s.Allocations, err)
		}
		clients, joins = append(clients, one), append(joins, micros(time.Since(asked))/1000)
	}
	slices.Sort(joins)
	round.Figures[report.JoinMillis] = joins[len(joins)/2]
	t := newTraffic(peer, clients, s.Rate, max(s.Burst, 1))
	t.run(ctx, c.Warm)
	dropped := t.dropped()
	before, err := rival.UsageOf(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	counted := t.run(ctx, c.Measure)
	took := time.Since(began)
	then, err := rival.UsageOf(pid)
	if err != nil {
		return err
	}
	counted.note(round, took, rival.Usage{User: then.User - before.User, System: then.System - before.System})
	dropped = t.dropped() - dropped
	round.Figures[report.Overflowed] = float64(dropped)
	return counted.fault(dropped)
}

// note writes down what became of packets, and what the relay used for them.
func (c counts) note(round *report.Round, took time.Duration, used rival.Usage) {
	f, forwarded := round.Figures, float64(max(c.received, 1))
	f[report.Seconds], f[report.Sent], f[report.Forwarded] = took.Seconds(), float64(c.sent), float64(c.received)
	f[report.Loss] = 1 - float64(c.received)/float64(max(c.sent, 1))
	f[report.UserMicros], f[report.SystemMicros] = micros(used.User)/forwarded, micros(used.System)/forwarded
	f[report.CPUMicros] = f[report.UserMicros] + f[report.SystemMicros]
	f[report.LateMicros], f[report.Skipped] = micros(c.lateness.Quantile(0.99)), float64(c.skipped)
	c.latency.Note(round)
}

// fault says why a round tells nothing of the relay, if so.
func (c counts) fault(dropped uint64) error {
	lateness := c.lateness.Quantile(0.99)
	switch {
	case c.sent == 0 || c.received == 0:
		return fmt.Errorf("%d packets were sent and %d arrived", c.sent, c.received)
	case float64(c.skipped) > unsent*float64(c.sent):
		return fmt.Errorf("the generator could not send %d of %d packets", c.skipped, c.sent+c.skipped)
	case float64(dropped) > unsent*float64(c.received):
		return fmt.Errorf("the generator had no room for %d datagrams", dropped)
	case lateness > late:
		return fmt.Errorf("the generator was late by %v", lateness)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
