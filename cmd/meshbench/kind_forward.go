package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"meshfocus/bench/contest"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// given are targets that run already, there if their address is said.
var given = []string{"whip", "livekit-at"}

// forwarders are measured where nobody says which.
const forwarders = "ours,livekit,janus,pion"

// prepareForwarding is the way of servers that forward.
func prepareForwarding(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	if err := descriptors(scenarios); err != nil {
		return nil, err
	}
	config, fault, err := q.contest(scenarios)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, l *ledger) error {
		// The loop of parties has a thread for itself; handshakes go on beside it,
		// also where there is one core.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
		// Collecting garbage takes the parties' core from the loop.
		defer debug.SetGCPercent(debug.SetGCPercent(800))
		config.Took, config.Now, config.Say = l.until(fault), l.Now, l.Say
		return contest.Run(ctx, config)
	}, nil
}

// contest puts together what was asked. fault says after a round why there is no use
// in another.
func (q comparison) contest(scenarios []scenario.Scenario) (c contest.Config, fault func() error, err error) {
	fault = func() error { return nil }
	if q.whip.given() {
		w, err := q.whip.rival(q.mayLoad, scenarios)
		if err != nil {
			return c, nil, err
		}
		c.Rivals, fault = append(c.Rivals, w), w.Fault
		if q.own == loopback {
			if q.own, err = q.whip.own(); err != nil {
				return c, nil, err
			}
		}
	}
	if q.farLiveKit.given() {
		k, err := q.farLiveKit.rival(q.mayLoad, scenarios)
		if err != nil {
			return c, nil, err
		}
		c.Rivals = append(c.Rivals, k)
		if q.own == loopback {
			if q.own, err = q.farLiveKit.own(); err != nil {
				return c, nil, err
			}
		}
	}
	for _, s := range scenarios {
		s.Rivals = append(slices.Clone(s.Rivals), given...) // for all of them
		c.Scenarios = append(c.Scenarios, s)
	}
	if c.Rivals, err = q.choose(c.Rivals); err != nil {
		return c, nil, err
	}
	if err = q.suits(os.Stderr, c.Scenarios); err != nil {
		return c, nil, err
	}
	err = q.places(&c)
	return c, fault, err
}

// suits says in a line for each scenario which of the targets that were named it is not
// for. That it is for none of them is an error, unless nobody named the scenario.
func (q comparison) suits(w io.Writer, scenarios []scenario.Scenario) error {
	named := q.targets()
	for _, s := range scenarios {
		not := slices.DeleteFunc(slices.Clone(named), func(target string) bool { return contest.Suits(s, target) })
		if len(not) == 0 {
			continue
		}
		if len(not) == len(named) && q.cases != "" {
			return fmt.Errorf("%s is not for %s: it is for %s", s.Name, strings.Join(not, ", "), strings.Join(audience(s), ", "))
		}
		if _, err := fmt.Fprintf(w, "%s is not for %s\n", s.Name, strings.Join(not, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// audience is whom a scenario is for.
func audience(s scenario.Scenario) (targets []string) {
	for _, target := range append([]string{report.Ours, report.Null}, s.Rivals...) {
		if !slices.Contains(given, target) && contest.Suits(s, target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// places fills in where things run and for how long.
func (q comparison) places(c *contest.Config) (err error) {
	if c.Address, err = netip.ParseAddr(q.own); err != nil {
		return err
	}
	if c.Place.Address, err = netip.ParseAddr(q.theirs); err != nil {
		return err
	}
	c.Place.Prefix = strings.Fields(q.prefix)
	if c.Place.Folder, err = filepath.Abs(q.folder); err != nil {
		return err
	}
	for text := range strings.FieldsFuncSeq(q.cores, func(r rune) bool { return r == ',' }) {
		core, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("core %q: %w", text, err)
		}
		c.Cores = append(c.Cores, core)
	}
	c.Rounds, c.Spare, c.Warm, c.Measure, c.Seed, c.Stall = q.rounds, q.spare, q.warm, q.measure, q.seed, q.stall
	return nil
}

// choose gives the rivals that were named; where none was, those that were given by
// their address, or else all.
func (q comparison) choose(given []rival.Rival) (chosen []rival.Rival, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	names := q.targets()
	if len(names) == 0 && len(given) > 0 {
		return given, nil
	}
	if len(names) == 0 {
		names = strings.Split(forwarders, ",")
	}
	all := append([]rival.Rival{
		rival.Forward{Title: report.Ours, Program: program, Verb: "forward"},
		rival.LiveKit{Program: q.liveKit},
		rival.Janus{Program: q.janus, Modules: q.modules, Libraries: q.library, Loops: q.loops},
		plainForward(program, unworsened),
		rival.MediaMTX{Program: q.mediaMTX},
		rival.Null{Forward: rival.Forward{Title: report.Null, Program: program, Verb: "null"}},
	}, given...)
	for _, w := range worsened {
		all = append(all, plainForward(program, w.target, w.arguments...))
	}
	for _, name := range names {
		at := slices.IndexFunc(all, func(r rival.Rival) bool { return r.Name() == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no target %q; there are ours, livekit, janus, pion, mediamtx and null, whip with --whip URL and --whep URL, and livekit-at with --livekit-at URL", name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}
