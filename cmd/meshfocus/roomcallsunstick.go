package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/signalling/ghost"
	"meshfocus/signalling/message"
)

// removeOptions are the flags of the verbs that take memberships out.
type removeOptions struct {
	roomOptions
	allDevices             bool // leave
	ofUser, ofDevice       string
	doubtful, dryRun, sure bool
}

func newCallsLeave(std streams) *cobra.Command {
	var o removeOptions
	c := &cobra.Command{
		Use:   "leave [flags] ROOM",
		Short: "Take this account's own memberships out of a room's calls",
		Long: `leave takes the memberships of the account's device out of the calls of ROOM, in
whatever form they stand there, or with --all-devices those of all devices of the
user. Other devices in an event that they share stay as they are. It does not
end the client: one that is running will write its membership again.` + signInHelp,
		Example: `  meshfocus calls leave --homeserver https://matrix.example.org --token "$TOKEN" '#club:example.org'
  meshfocus calls leave --homeserver https://matrix.example.org --user @me:example.org \
      --password-file pw --all-devices '#club:example.org'`,
		Args: oneRoom("calls leave", 0),
		RunE: func(c *cobra.Command, args []string) error {
			return remove(c.Context(), std, o, args[0], func(v *roomVisit, e *ghost.Entry) bool {
				own := v.account.Party()
				return e.UserID == own.UserID && (o.allDevices || e.DeviceID == own.DeviceID)
			})
		},
	}
	o.addFlags(c.Flags())
	c.Flags().BoolVar(&o.allDevices, "all-devices", false, "those of all devices of the user, not only of this one")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be written, and write nothing")
	return c
}

func newCallsUnstick(std streams) *cobra.Command {
	var o removeOptions
	c := &cobra.Command{
		Use:   "unstick [flags] ROOM",
		Short: "Take memberships that were left over out of a room's calls",
		Long: `unstick takes out of the calls of ROOM whom ` + "`calls list`" + ` calls a ghost; with
--doubtful those too that may be one; with --of-device that device, whatever list
says of it. The account's own are taken out at once. Those of others need the
power in the room for it, and a yes: unstick says what it would write and asks,
unless --yes says so already. Nothing else is changed.` + signInHelp,
		Example: `  meshfocus calls unstick --homeserver https://matrix.example.org --token "$TOKEN" --dry-run '#club:example.org'
  meshfocus calls unstick --homeserver https://matrix.example.org --token "$TOKEN" \
      --of-user @gone:example.org --of-device OLDPHONE --yes '#club:example.org'`,
		Args: func(c *cobra.Command, args []string) error {
			if o.ofDevice != "" && o.ofUser == "" {
				return usage("--of-device needs --of-user: device IDs of different users may be the same")
			}
			return oneRoom("calls unstick", 0)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			return remove(c.Context(), std, o, args[0], func(_ *roomVisit, e *ghost.Entry) bool { return o.stale(e) })
		},
	}
	o.addFlags(c.Flags())
	c.Flags().StringVar(&o.ofUser, "of-user", "", "only memberships of this user `ID`")
	c.Flags().StringVar(&o.ofDevice, "of-device", "", "that `DEVICE` of the user, whether it is a ghost or not")
	c.Flags().BoolVar(&o.doubtful, "doubtful", false, "those too that may be ghosts")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be written, and write nothing")
	c.Flags().BoolVar(&o.sure, "yes", false, "do not ask before others' memberships are taken out")
	return c
}

// stale reports whether an entry is one to take out.
func (o removeOptions) stale(e *ghost.Entry) bool {
	switch {
	case o.ofUser != "" && e.UserID != o.ofUser:
		return false
	case o.ofDevice != "":
		return e.DeviceID == o.ofDevice
	}
	return e.Verdict() == ghost.Ghost || o.doubtful && e.Verdict() == ghost.Doubtful
}

// removed is one removal and what became of it.
type removed struct {
	ghost.Removal
	done bool
	err  error
}

// remove takes the chosen entries out of a room and tells about it.
func remove(ctx context.Context, std streams, o removeOptions, room string, choose func(*roomVisit, *ghost.Entry) bool) error {
	return look(ctx, std, o.roomOptions, room, func(v *roomVisit, entries []ghost.Entry) error {
		var chosen []ghost.Entry
		for i := range entries {
			if choose(v, &entries[i]) {
				chosen = append(chosen, entries[i])
			}
		}
		plan, err := v.plan(ctx, chosen)
		if err != nil {
			return classify(err)
		}
		all := make([]removed, len(plan))
		for i := range plan {
			all[i].Removal = plan[i]
		}
		if !o.json {
			v.writePlan(std.out, all)
		}
		if !o.dryRun {
			if err := v.carryOut(ctx, std, o, all); err != nil {
				return err
			}
		}
		if o.json {
			if err := writeJSON(std.out, v.removalsJSON(all, o.dryRun)); err != nil {
				return err
			}
		}
		return outcome(all)
	})
}

// plan says what to write.
func (v *roomVisit) plan(ctx context.Context, chosen []ghost.Entry) ([]ghost.Removal, error) {
	levels, err := v.account.ReadState(ctx, v.facts.RoomID, "m.room.power_levels", "")
	if err != nil {
		return nil, err
	}
	powers := ghost.ParsePowers(levels, v.facts.RoomVersion)
	return ghost.Plan(v.facts, chosen, powers, v.account.Party().UserID), nil
}

// carryOut does what may be done: our own at once, others' after a yes.
func (v *roomVisit) carryOut(ctx context.Context, std streams, o removeOptions, all []removed) error {
	agreed := o.sure
	for i := range all {
		r := &all[i]
		if r.Obstacle != "" {
			continue
		}
		if !r.Own && !agreed {
			if err := confirm(std, all); err != nil {
				return err
			}
			agreed = true
		}
		r.err = v.take(ctx, r)
		r.done = r.err == nil
		if !o.json && r.done {
			fmt.Fprintf(std.out, "done: %s\n", names(r))
		}
	}
	return nil
}

// confirm asks about memberships of others.
func confirm(std streams, all []removed) error {
	count := 0
	for i := range all {
		if !all[i].Own && all[i].Obstacle == "" {
			count += len(all[i].Entries)
		}
	}
	fmt.Fprintf(std.err, "take %d membership(s) of others out? [y/N] ", count)
	line, err := bufio.NewReader(std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return failure{exitFailed, errors.New("nothing of others was changed: it needs a yes, or --yes")}
	}
	return nil
}

// take does one removal. What was to be written is planned again when the
// event has changed since it was looked at, because devices share events.
func (v *roomVisit) take(ctx context.Context, r *removed) error {
	const reason = "left over in the call"
	switch r.Deed {
	case ghost.Redact:
		var errs []error
		for _, eventID := range r.EventIDs {
			errs = append(errs, v.account.Redact(ctx, v.facts.RoomID, eventID, reason))
		}
		return errors.Join(errs...)
	case ghost.SendSticky:
		return v.account.SendSticky(ctx, v.facts.RoomID, r.Type, r.Content, message.StickyDuration)
	}
	content, err := v.account.ReadState(ctx, v.facts.RoomID, r.Type, r.StateKey)
	if err != nil {
		return err
	}
	if !v.takeOver(r, content) {
		return fmt.Errorf("%s was written anew meanwhile: look again", names(r))
	}
	return v.account.WriteState(ctx, v.facts.RoomID, r.Type, r.StateKey, r.Content)
}

// takeOver plans a removal for the event as it stands now. It fails when the
// event is about one device alone and not the same any more.
func (v *roomVisit) takeOver(r *removed, content json.RawMessage) bool {
	for i := range v.facts.State {
		event := &v.facts.State[i]
		if event.EventID != r.EventID {
			continue
		}
		var was, is bytes.Buffer
		if json.Compact(&was, event.Content) == nil && json.Compact(&is, content) == nil && bytes.Equal(was.Bytes(), is.Bytes()) {
			return true
		}
		if !bytes.Contains(content, []byte(`"m.calls"`)) && !bytes.Contains(content, []byte(`"memberships"`)) {
			return false
		}
		facts := v.facts
		facts.State = append(facts.State[:0:0], facts.State...)
		facts.State[i].Content = content
		again := ghost.Plan(facts, r.Entries, ghost.Powers{}, v.account.Party().UserID)
		r.Content = again[0].Content
		return true
	}
	return false
}

// outcome says whether all that was asked for was done, or could be.
func outcome(all []removed) error {
	var errs []error
	for i := range all {
		switch {
		case all[i].err != nil:
			errs = append(errs, classify(all[i].err))
		case all[i].Obstacle != "":
			errs = append(errs, failure{exitRefused, fmt.Errorf("may not take out %s: %s", names(&all[i]), all[i].Obstacle)})
		}
	}
	return errors.Join(errs...)
}

// names lists whom a removal is about.
func names(r *removed) string {
	var parties []string
	for i := range r.Entries {
		parties = append(parties, shownParty(r.Entries[i].Party))
	}
	return strings.Join(parties, ", ")
}

// writePlan says exactly what would be written, and why it may not be.
func (v *roomVisit) writePlan(w io.Writer, all []removed) {
	if len(all) == 0 {
		fmt.Fprintf(w, "there is nothing to take out in %s\n", v.facts.RoomID)
	}
	for i := range all {
		r := &all[i]
		for j := range r.Entries {
			e := &r.Entries[j]
			fmt.Fprintf(w, "%s in %s (%s)\n", shownParty(e.Party), e.ConfID, state(e))
		}
		switch r.Deed {
		case ghost.WriteState:
			fmt.Fprintf(w, "  write %s %q %s\n", r.Type, r.StateKey, r.Content)
		case ghost.Redact:
			fmt.Fprintf(w, "  redact %s (%s %q)\n", strings.Join(r.EventIDs, ", "), r.Type, r.StateKey)
		case ghost.SendSticky:
			fmt.Fprintf(w, "  send %s %s\n", r.Type, r.Content)
		}
		if r.Obstacle != "" {
			fmt.Fprintf(w, "  may not: %s\n", r.Obstacle)
		}
	}
}

// shownRemovals is what `calls leave --json` and `calls unstick --json` print.
type shownRemovals struct {
	Room     string         `json:"room"`
	Self     string         `json:"self"`
	DryRun   bool           `json:"dry_run"`
	Removals []shownRemoval `json:"removals"`
}

type shownRemoval struct {
	Deed     string          `json:"deed"` // "write", "redact", "send"
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	EventID  string          `json:"event_id"`
	EventIDs []string        `json:"redacts,omitempty"`
	Content  json.RawMessage `json:"content,omitempty"`
	Own      bool            `json:"own"`
	Entries  []shownEntry    `json:"entries"`
	Obstacle string          `json:"obstacle,omitempty"`
	Done     bool            `json:"done"`
	Error    string          `json:"error,omitempty"`
}

func (v *roomVisit) removalsJSON(all []removed, dryRun bool) shownRemovals {
	shown := shownRemovals{Room: v.facts.RoomID, Self: v.account.Party().String(), DryRun: dryRun, Removals: []shownRemoval{}}
	for i := range all {
		r := &all[i]
		one := shownRemoval{
			Deed: r.Deed.String(), Type: r.Type, StateKey: r.StateKey, EventID: r.EventID, EventIDs: r.EventIDs, Content: r.Content,
			Own: r.Own, Entries: []shownEntry{}, Obstacle: r.Obstacle, Done: r.done,
		}
		for j := range r.Entries {
			one.Entries = append(one.Entries, v.entryJSON(&r.Entries[j]))
		}
		if r.err != nil {
			one.Error = r.err.Error()
		}
		shown.Removals = append(shown.Removals, one)
	}
	return shown
}
