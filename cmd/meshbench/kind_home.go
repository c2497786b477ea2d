package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"meshfocus/bench/home"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// homes is what is asked of run about homeservers.
type homes struct {
	url, token    string
	scripts, keep string
}

// homeservers are measured where nobody says which.
const homeservers = "embedded,dendrite,synapse"

// gentleDevices and gentleRate are a load that no homeserver minds: that of a few
// people who talk. What is far gets more only if it is named twice.
const (
	gentleDevices = 10
	gentleRate    = 10 // messages a second
)

func (h *homes) flags(flags *pflag.FlagSet) {
	flags.StringVar(&h.url, "homeserver", "", "URL of a homeserver that runs already, to measure instead of those that are started here")
	flags.StringVar(&h.token, "registration-token", "", "what that homeserver wants of those who register")
	flags.StringVar(&h.scripts, "scripts", "internal/scripts", "folder of the scripts that start Dendrite and Synapse")
	flags.StringVar(&h.keep, "homeservers", cached("interop"), "folder where Dendrite and Synapse are kept once they are built")
}

// cached is a folder of ours for what takes long to make.
func cached(name string) string {
	folder, err := os.UserCacheDir()
	if err != nil {
		folder = os.TempDir()
	}
	return filepath.Join(folder, "meshfocus", name)
}

// targets are those that were named.
func (q comparison) targets() []string {
	return strings.FieldsFunc(q.rivals, func(r rune) bool { return r == ',' || r == ' ' })
}

// prepareHomes is the way of homeservers.
func prepareHomes(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	targets, err := q.homeTargets()
	if err == nil {
		err = q.homes.permitted(q.mayLoad, scenarios)
	}
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(q.folder)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, l *ledger) error {
		// Collecting garbage takes the core that answers are read on.
		defer debug.SetGCPercent(debug.SetGCPercent(800))
		var apart []string
		if q.homes.url == "" { // what is far has cores of its own
			prefix, back, err := home.Apart()
			if err != nil {
				return err
			}
			defer back()
			apart = prefix
		}
		return home.Run(ctx, home.Config{
			Scenarios: scenarios, Targets: targets, Rounds: q.rounds, Spare: q.spare, Warm: q.warm, Measure: q.measure, Seed: q.seed,
			Place: rival.Place{Prefix: append(strings.Fields(q.prefix), apart...), Folder: folder},
			Now:   l.Now, Took: l.Took, Say: l.Say,
		})
	}, nil
}

// homeTargets gives the homeservers that were named, or the one whose address was.
func (q comparison) homeTargets() (chosen []home.Target, err error) {
	if q.homes.url != "" {
		if len(q.targets()) > 0 {
			return nil, fmt.Errorf("--homeserver and --targets: name one of the two")
		}
		return []home.Target{home.Remote{URL: strings.TrimSuffix(q.homes.url, "/"), Token: q.homes.token}}, nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	version, err := ownVersion(context.Background())
	if err != nil {
		return nil, err
	}
	script := func(name string) home.Target {
		return home.Script{Title: name, Path: filepath.Join(q.homes.scripts, name), Keep: q.homes.keep}
	}
	all := map[string]home.Target{
		"embedded": home.Embedded{Program: program, Verb: "homeserver", Version: version}, "dendrite": script("dendrite"), "synapse": script("synapse"),
	}
	names := q.targets()
	if len(names) == 0 {
		names = strings.Split(homeservers, ",")
	}
	for _, name := range names {
		if all[name] == nil {
			return nil, fmt.Errorf("there is no homeserver %q; there are %s, and --homeserver URL", name, homeservers)
		}
		chosen = append(chosen, all[name])
	}
	return chosen, nil
}

// permitted says whether a homeserver that is far may get what scenarios send.
func (h homes) permitted(mayLoad string, scenarios []scenario.Scenario) error {
	if h.url == "" {
		return nil
	}
	host, err := hostOf("--homeserver", h.url)
	if err != nil {
		return err
	}
	for _, s := range scenarios {
		if s.Devices > gentleDevices || s.Rate > gentleRate {
			load := fmt.Sprintf("%s is %d devices and %v messages a second", s.Name, s.Devices, s.Rate)
			bound := fmt.Sprintf("%d devices and %d messages a second", gentleDevices, gentleRate)
			if err := permitted(host, mayLoad, load, bound); err != nil {
				return err
			}
		}
	}
	return nil
}

// newHomeserver is what run starts to measure our own.
func newHomeserver() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "homeserver", Short: "Be our homeserver, in memory and open to everybody: what run starts", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return home.Serve(c.Context(), listen) },
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8008", "address to listen at")
	return c
}
