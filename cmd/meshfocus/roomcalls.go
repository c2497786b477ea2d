package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"meshfocus/signalling/ghost"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// newCalls is the group of verbs about the calls of a room.
func newCalls(std streams) *cobra.Command {
	group := &cobra.Command{
		Use: "calls", Short: "Show what is in a room's calls, and take out what should not be",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	group.AddCommand(newCallsList(std), newCallsShow(std), newCallsHistory(std), newCallsLeave(std), newCallsUnstick(std))
	return group
}

// roomOptions are the flags of every verb that looks at one room.
type roomOptions struct {
	signIn
	json     bool
	logLevel string
}

func (o *roomOptions) addFlags(f *pflag.FlagSet) {
	o.signIn.addFlags(f)
	f.BoolVar(&o.json, "json", false, "print JSON for programs")
	f.StringVar(&o.logLevel, "log-level", "error", "lowest `LEVEL` that is logged: debug, info, warn, error")
}

// oneRoom wants a ROOM, and at most some arguments behind it.
func oneRoom(verb string, more int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < 1 || len(args) > 1+more {
			return usage("%s wants a ROOM, such as '#lobby:localhost' or '!id:localhost', and got %d arguments; quote it, # starts a comment in a shell", verb, len(args))
		}
		return nil
	}
}

// signInHelp ends the help of every verb that looks at a room.
const signInHelp = `

Sign in as for join: --token (or MESHFOCUS_TOKEN) of any client works, its keys
are not touched; or --user with a password. The room is joined if the account is
not in it.`

func newCallsList(std streams) *cobra.Command {
	var o roomOptions
	c := &cobra.Command{
		Use:   "list [flags] ROOM",
		Short: "List who is in a room's calls, in all forms, and who only seems to be",
		Long: `list prints one line for each device that the room's events say to be in a call,
whatever form they have: how old it is, when it expires, over which transport it
is met, whether it counts, and whether it is probably a ghost.` + signInHelp,
		Example: `  meshfocus calls list --homeserver https://matrix.example.org --token "$TOKEN" '#club:example.org'`,
		Args:    oneRoom("calls list", 0),
		RunE: func(c *cobra.Command, args []string) error {
			return look(c.Context(), std, o, args[0], func(v *roomVisit, entries []ghost.Entry) error {
				if o.json {
					return writeJSON(std.out, v.listJSON(entries))
				}
				return v.writeTable(std.out, entries)
			})
		},
	}
	o.addFlags(c.Flags())
	return c
}

func newCallsShow(std streams) *cobra.Command {
	var o roomOptions
	c := &cobra.Command{
		Use:   "show [flags] ROOM [SESSION]",
		Short: "Show all that is known of a room's calls, or of one session",
		Long: `show prints each session with its members, the events they stand in, by which
rule of which document something does not count, and what speaks against
somebody being there. SESSION is a slot or conference as list names it.` + signInHelp,
		Example: `  meshfocus calls show --homeserver https://matrix.example.org '!id:example.org' 'm.call#ROOM'`,
		Args:    oneRoom("calls show", 1),
		RunE: func(c *cobra.Command, args []string) error {
			return look(c.Context(), std, o, args[0], func(v *roomVisit, entries []ghost.Entry) error {
				if len(args) == 2 {
					if entries = inSession(entries, args[1]); len(entries) == 0 {
						return failure{exitFailed, fmt.Errorf("nobody is in %s; `meshfocus calls list` names the sessions", args[1])}
					}
				}
				if o.json {
					return writeJSON(std.out, v.listJSON(entries))
				}
				return v.writeDetails(std.out, entries)
			})
		},
	}
	o.addFlags(c.Flags())
	return c
}

func inSession(entries []ghost.Entry, name string) (in []ghost.Entry) {
	for _, e := range entries {
		if e.ConfID == name || e.ConfID != "" && message.SameSlot(e.ConfID, name) {
			in = append(in, e)
		}
	}
	return in
}

// look visits a room, lists what is there and hands it on.
func look(ctx context.Context, std streams, o roomOptions, room string, show func(*roomVisit, []ghost.Entry) error) error {
	v, err := visitRoom(ctx, std, o, room)
	if err != nil {
		return classify(err)
	}
	err = show(v, ghost.List(v.facts, v.know, v.at))
	return errors.Join(err, v.end(ctx))
}

// factsLimit is how long the first look at a room may take.
const factsLimit = time.Minute

// roomVisit is a room as it was when it was looked at, and the account that did.
type roomVisit struct {
	account *matrix.Account
	made    bool // the device was made for this visit
	facts   membership.Facts
	know    ghost.Knowledge
	at      time.Time
}

// visitRoom signs in and looks at a room.
func visitRoom(ctx context.Context, std streams, o roomOptions, room string) (*roomVisit, error) {
	v, err := openVisit(ctx, std, o)
	if err != nil {
		return nil, err
	}
	if err := v.look(ctx, room); err != nil {
		return nil, errors.Join(err, v.end(ctx))
	}
	return v, nil
}

// openVisit signs in, without keys of its own.
func openVisit(ctx context.Context, std streams, o roomOptions) (*roomVisit, error) {
	config, err := o.account(std)
	if err != nil {
		return nil, err
	}
	config.DeviceName, config.Encrypt = "meshfocus calls", matrix.EncryptOff
	config.Log = newLogger(LogConfig{Level: o.logLevel}, std.err)
	if err := config.Validate(); err != nil {
		return nil, usage("%w", err)
	}
	v := &roomVisit{made: config.Token == "" && config.StateDir == ""}
	v.account, err = matrix.Open(ctx, config)
	return v, err
}

// look follows the room until its first facts, sticky events among them, and
// asks what else is known of the devices.
func (v *roomVisit) look(ctx context.Context, room string) error {
	roomID, err := v.account.JoinRoom(ctx, room)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, factsLimit)
	defer stop()
	first := &firstFacts{facts: make(chan membership.Facts, 1)}
	v.account.Subscribe(roomID, first)
	ended := make(chan error, 1)
	var sync sync.WaitGroup
	sync.Go(func() { ended <- v.account.Run(ctx) })
	select {
	case v.facts = <-first.facts:
	case err = <-ended:
	}
	v.know = v.ask(ctx)
	stop()
	sync.Wait()
	v.at = time.Now()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("look at %s: the homeserver did not tell what is in the room within %s", roomID, factsLimit)
	}
	return err
}

// ask finds out what a homeserver may know of the devices in the calls. What
// it does not tell stays unknown.
func (v *roomVisit) ask(ctx context.Context) ghost.Knowledge {
	know := ghost.Knowledge{Self: v.account.Party()}
	if devices, err := v.account.OwnDevices(ctx); err == nil {
		know.OwnDevices = map[string]time.Time{}
		for _, d := range devices {
			know.OwnDevices[d.DeviceID] = d.LastSeen
		}
	}
	users := map[string]bool{}
	for _, e := range ghost.List(v.facts, know, time.Now()) {
		users[e.UserID] = true
	}
	var names []string
	for user := range users {
		names = append(names, user)
	}
	if len(names) > 0 {
		know.Keyed, _ = v.account.KeyedDevices(ctx, names)
	}
	if !v.account.DelaysEvents() {
		return know
	}
	if delayed, err := v.account.DelayedEvents(ctx); err == nil {
		know.Leaves = []ghost.Leave{}
		for _, d := range delayed {
			know.Leaves = append(know.Leaves, ghost.Leave{RoomID: d.RoomID, Type: d.Type, StateKey: d.StateKey})
		}
	}
	return know
}

// end signs a device out that was made for the visit.
func (v *roomVisit) end(ctx context.Context) error {
	var err error
	if v.made {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
		defer cancel()
		err = v.account.Logout(ctx)
	}
	return errors.Join(err, v.account.Close())
}

// firstFacts takes the first facts of a room. Those later do not matter.
type firstFacts struct{ facts chan membership.Facts }

func (f *firstFacts) SetFacts(facts membership.Facts) {
	select {
	case f.facts <- facts:
	default:
	}
}

func (f *firstFacts) Receive([]matrix.Received) {}
