package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/bench/contest"
	"meshfocus/bench/relay"
	"meshfocus/bench/relay/plain"
	"meshfocus/bench/scenario"
	"meshfocus/focus/turn"
)

// relays are measured where nobody says which.
const relays = "ours,coturn,pion"

// prepareRelays is the way of TURN servers.
func prepareRelays(q comparison, scenarios []scenario.Scenario) (measuring, error) {
	targets, err := q.relayTargets()
	if err != nil {
		return nil, err
	}
	if q.warm+q.measure > relay.Longest {
		return nil, fmt.Errorf("--warm and --measure: a relay is measured for %v at most, since permissions end after five minutes", relay.Longest)
	}
	var places contest.Config
	if err := q.places(&places); err != nil {
		return nil, err
	}
	return func(ctx context.Context, l *ledger) error {
		return relay.Run(ctx, relay.Config{
			Scenarios: scenarios, Targets: targets, Rounds: q.rounds, Spare: q.spare, Warm: q.warm, Measure: q.measure,
			Address: places.Address, PlaceOf: places.PlaceOf, Took: l.Took, Now: l.Now, Say: l.Say,
		})
	}, nil
}

// relayTargets gives the relays that were named.
func (q comparison) relayTargets() (chosen []relay.Target, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := map[string]relay.Target{
		"ours":   relay.Ours{Program: program},
		"coturn": relay.Coturn{Program: q.coturn},
		"pion":   relay.Verb{Title: "pion", Program: program, Verb: "relay", Module: "github.com/pion/turn/v5"},
	}
	names := q.targets()
	if len(names) == 0 {
		names = strings.Split(relays, ",")
	}
	for _, name := range names {
		if all[name] == nil {
			return nil, fmt.Errorf("there is no relay %q; there are %s", name, relays)
		}
		chosen = append(chosen, all[name])
	}
	return chosen, nil
}

// newOurRelay is what run starts to measure ours.
func newOurRelay() *cobra.Command {
	var listen, secret string
	var config turn.Config
	c := &cobra.Command{
		Use: "relay-ours", Short: "Relay with our own: what run starts", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if config.Listen, err = netip.ParseAddrPort(listen); err != nil {
				return err
			}
			config.Secret, config.Allow = turn.Secret(secret), []netip.Prefix{netip.PrefixFrom(config.Listen.Addr(), 0).Masked()}
			config.PerUser, config.InAll = math.MaxInt, math.MaxInt
			r, err := turn.Open(config)
			if err != nil {
				return err
			}
			return r.Run(c.Context())
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:3478", "address to listen at, over UDP")
	c.Flags().StringVar(&config.Realm, "realm", "bench", "realm of the credentials")
	c.Flags().StringVar(&secret, "secret", "", "what credentials are made with")
	c.Flags().IntVar(&config.Datagrams, "datagrams", 0, "how many are read in one call; 0: as always")
	return c
}

// newRelay is what run starts to measure pion/turn.
func newRelay() *cobra.Command {
	var config plain.Config
	c := &cobra.Command{
		Use: "relay", Short: "Relay with pion/turn alone: what run starts", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return plain.Serve(c.Context(), config) },
	}
	c.Flags().StringVar(&config.Listen, "listen", "127.0.0.1:3478", "address to listen at, over UDP")
	c.Flags().StringVar(&config.Realm, "realm", "bench", "realm of the credentials")
	c.Flags().StringVar(&config.User, "user", "bench", "name of the only user")
	c.Flags().StringVar(&config.Password, "password", "", "password of that user")
	return c
}
