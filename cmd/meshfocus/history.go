package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/signalling/history"
)

// historyOptions are the flags of `calls history`.
type historyOptions struct {
	roomOptions
	since string
	csv   bool
	rule  string
}

func newCallsHistory(std streams) *cobra.Command {
	var o historyOptions
	c := &cobra.Command{
		Use:   "history [flags] ROOM",
		Short: "Tell which calls there were in a room, as well as its timeline knows (best effort)",
		Long: `history reads the room's timeline backwards and prints the calls that its events
tell of, newest first: when, how long, who took part, who was rung and did not
come or declined, and over what they met.

Best effort: Matrix has no history of calls. What is encrypted, redacted, or was
a sticky event that has run out, cannot be read; the last line says how much was
encrypted. A member who never said goodbye counts until their time was over, at
most 24 hours.

--since takes a time span (90m, 36h, 30d), a day (2026-03-01), an instant
(RFC 3339) or "all". --json prints one line for each call and one at the end,
--csv a header and one line for each call, in which an apostrophe stands before
what a spreadsheet would take for a formula, such as a user ID.

--rule seed reads by the first text of MSC4143 instead, which does not see a
change of application or call alone.` + signInHelp,
		Example: `  meshfocus calls history --homeserver https://matrix.example.org --token "$TOKEN" --since 7d '#club:example.org'
  meshfocus calls history --homeserver https://matrix.example.org --csv --since all '!id:example.org' > calls.csv`,
		Args: oneRoom("calls history", 0),
		RunE: func(c *cobra.Command, args []string) error { return tellHistory(c.Context(), std, o, args[0]) },
	}
	o.addFlags(c.Flags())
	c.Flags().StringVar(&o.since, "since", "30d", "how far to go back: a `SPAN`, day, instant or all")
	c.Flags().BoolVar(&o.csv, "csv", false, "print CSV for spreadsheets")
	c.Flags().StringVar(&o.rule, "rule", "slots", "what begins and ends a part: `RULE` slots or seed")
	return c
}

// tellHistory reads a room's timeline and prints its calls as they are found.
func tellHistory(ctx context.Context, std streams, o historyOptions, room string) error {
	now := time.Now()
	since, err := parseSince(o.since, now)
	if err != nil {
		return usage("--since: %w", err)
	}
	if o.json && o.csv {
		return usage("--json and --csv are both given: one of them is enough")
	}
	rules := map[string]history.Rule{"slots": history.RuleSlots, "seed": history.RuleSeed}
	rule, known := rules[o.rule]
	if !known {
		return usage("--rule %q is unknown: slots or seed", o.rule)
	}
	v, err := openVisit(ctx, std, o.roomOptions)
	if err != nil {
		return classify(err)
	}
	options := history.Options{Now: now, Self: v.account.Party().UserID, Rule: rule}
	err = v.tellHistory(ctx, room, since, options, newHistoryView(std.out, o))
	return classify(errors.Join(err, v.end(ctx)))
}

func (v *roomVisit) tellHistory(ctx context.Context, room string, since time.Time, options history.Options, view historyView) error {
	roomID, err := v.account.JoinRoom(ctx, room)
	if err != nil {
		return err
	}
	reader := history.NewReader(options)
	told := 0
	show := func(sessions []history.Session) (err error) {
		for _, s := range sessions {
			if s.End.Before(since) {
				continue
			}
			told++
			err = errors.Join(err, view.session(s))
		}
		return err
	}
	// Who was in a call at that time may have joined a day before.
	border, oldest := since.Add(-history.Horizon), options.Now
	for event, err := range v.account.Timeline(ctx, roomID, history.Types()) {
		if err != nil {
			return err
		}
		if !since.IsZero() && event.SentAt.Before(border) {
			break
		}
		oldest = event.SentAt
		if err := show(reader.Add(event)); err != nil {
			return err
		}
	}
	return errors.Join(show(reader.Finish()), view.end(historyEnd{
		Type: "end", BestEffort: true, Room: roomID, Calls: told, Events: reader.Events(), Unreadable: reader.Unreadable, Oldest: oldest.UTC(),
	}))
}

// parseSince reads how far to go back. The zero time means to the beginning.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if span, err := time.ParseDuration(text); err == nil && span >= 0 {
		return now.Add(-span), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want a span such as 36h or 30d, a day such as 2026-03-01, an instant such as 2026-03-01T12:00:00Z, or all", text)
}
