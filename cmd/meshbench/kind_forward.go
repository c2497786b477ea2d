package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"meshfocus/bench/contest"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// forwarders are measured where nobody says which.
const forwarders = "ours,livekit,janus,pion"

// prepareForwarding is the way of servers that forward.
func prepareForwarding(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	config, err := q.contest()
	if err != nil {
		return nil, err
	}
	config.Scenarios = scenarios
	return func(ctx context.Context, l *ledger) error {
		// The loop of parties has a thread for itself; handshakes go on beside it,
		// also where there is one core.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
		// Collecting garbage takes the parties' core from the loop.
		defer debug.SetGCPercent(debug.SetGCPercent(800))
		config.Took, config.Now, config.Say = l.Took, l.Now, l.Say
		return contest.Run(ctx, config)
	}, nil
}

// contest puts together what was asked, but for scenarios.
func (q comparison) contest() (c contest.Config, err error) {
	if c.Rivals, err = q.choose(); err != nil {
		return c, err
	}
	if c.Address, err = netip.ParseAddr(q.own); err != nil {
		return c, err
	}
	if c.Place.Address, err = netip.ParseAddr(q.theirs); err != nil {
		return c, err
	}
	c.Place.Prefix = strings.Fields(q.prefix)
	if c.Place.Folder, err = filepath.Abs(q.folder); err != nil {
		return c, err
	}
	for text := range strings.FieldsFuncSeq(q.cores, func(r rune) bool { return r == ',' }) {
		core, err := strconv.Atoi(text)
		if err != nil {
			return c, fmt.Errorf("core %q: %w", text, err)
		}
		c.Cores = append(c.Cores, core)
	}
	c.Rounds, c.Warm, c.Measure = q.rounds, q.warm, q.measure
	return c, nil
}

// choose gives the rivals that were named.
func (q comparison) choose() (chosen []rival.Rival, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := []rival.Rival{
		rival.Forward{Title: report.Ours, Program: program, Verb: "forward"},
		rival.LiveKit{Program: q.liveKit},
		rival.Janus{Program: q.janus, Modules: q.modules, Libraries: q.library, Loops: q.loops},
		rival.Forward{Title: "pion", Program: program, Verb: "plain", Module: "github.com/pion/webrtc/v4"},
	}
	names := q.rivals
	if names == "" {
		names = forwarders
	}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, r := range all {
			if r.Name() == strings.TrimSpace(name) {
				chosen, found = append(chosen, r), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no target %q; there are ours, livekit, janus and pion", name)
		}
	}
	return chosen, nil
}
