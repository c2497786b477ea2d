package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"meshfocus/signalling/ghost"
	"meshfocus/signalling/message"
)

// writeJSON prints one value, indented.
func writeJSON(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// shownRoom is what `calls list --json` and `calls show --json` print. Instants
// are RFC 3339, times milliseconds.
type shownRoom struct {
	Room    string       `json:"room"`
	Self    string       `json:"self"`
	At      time.Time    `json:"at"`
	Entries []shownEntry `json:"entries"`
}

type shownEntry struct {
	UserID     string           `json:"user_id"`
	DeviceID   string           `json:"device_id,omitempty"`
	ConfID     string           `json:"conf_id,omitempty"`
	SessionID  string           `json:"session_id,omitempty"`
	Form       string           `json:"form"`
	Transport  string           `json:"transport,omitempty"`
	Mesh       bool             `json:"mesh"`
	Forwards   bool             `json:"forwards,omitempty"`
	Via        string           `json:"via,omitempty"` // the party by which it gets everything
	Counts     bool             `json:"counts"`
	Verdict    string           `json:"verdict"` // "alive", "doubtful", "ghost"
	AgeMs      int64            `json:"age_ms"`
	CreatedAt  *time.Time       `json:"created_at,omitempty"`
	ExpiresAt  *time.Time       `json:"expires_at,omitempty"`
	Type       string           `json:"type"`
	StateKey   *string          `json:"state_key,omitempty"` // absent for sticky events
	EventID    string           `json:"event_id"`
	Suspicions []shownSuspicion `json:"suspicions"`
	Refusals   []shownRefusal   `json:"refusals"`
}

type shownSuspicion struct {
	Kind  string `json:"kind"`
	Words string `json:"words"`
}

type shownRefusal struct {
	Rule   string `json:"rule"`
	Detail string `json:"detail,omitempty"`
}

func (v *roomVisit) listJSON(entries []ghost.Entry) shownRoom {
	shown := shownRoom{Room: v.facts.RoomID, Self: v.account.Party().String(), At: v.at, Entries: []shownEntry{}}
	for i := range entries {
		shown.Entries = append(shown.Entries, v.entryJSON(&entries[i]))
	}
	return shown
}

func (v *roomVisit) entryJSON(e *ghost.Entry) shownEntry {
	shown := shownEntry{
		UserID: e.UserID, DeviceID: e.DeviceID, ConfID: e.ConfID, SessionID: e.SessionID, Form: e.Form.String(),
		Transport: e.Transport, Mesh: e.Mesh, Counts: e.Counts, Verdict: e.Verdict().String(),
		AgeMs: v.at.Sub(begin(e)).Milliseconds(), CreatedAt: instant(e.CreatedAt), ExpiresAt: instant(e.ExpiresAt),
		Type: e.Type, EventID: e.EventID, Suspicions: []shownSuspicion{}, Refusals: []shownRefusal{},
	}
	if !e.Sticky {
		shown.StateKey = &e.StateKey
	}
	if shown.Forwards = e.Route.Forwards; e.Route.Via != (message.Party{}) {
		shown.Via = e.Route.Via.String()
	}
	for _, s := range e.Suspicions {
		shown.Suspicions = append(shown.Suspicions, shownSuspicion{s.Kind.String(), s.Words})
	}
	for _, r := range e.Refusals {
		shown.Refusals = append(shown.Refusals, shownRefusal{string(r.Rule), r.Detail})
	}
	return shown
}

// begin is since when a device is in the call, as far as its event tells.
func begin(e *ghost.Entry) time.Time {
	if e.CreatedAt.IsZero() {
		return e.SentAt
	}
	return e.CreatedAt
}

func instant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// writeTable prints one line for each entry.
func (v *roomVisit) writeTable(w io.Writer, entries []ghost.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintf(w, "nobody is in a call in %s\n", v.facts.RoomID)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SESSION\tPARTY\tFORM\tTRANSPORT\tAGE\tEXPIRES\tCOUNTS\tSTATE")
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			cmp.Or(e.ConfID, "?"), shownParty(e.Party), e.Form, wayTo(e), span(v.at.Sub(begin(e))),
			v.expires(e), yes(e.Counts), state(e))
	}
	return table.Flush()
}

func shownParty(p message.Party) string {
	if p.DeviceID == "" {
		return p.UserID
	}
	return p.String()
}

// wayTo is how others reach a member, and whether media go by one that forwards.
func wayTo(e *ghost.Entry) string {
	words := cmp.Or(e.Transport, "?")
	if e.Route.Forwards {
		words += ", forwards"
	}
	if e.Route.Via != (message.Party{}) {
		words += ", by way of " + e.Route.Via.String()
	}
	return words
}

func (v *roomVisit) expires(e *ghost.Entry) string {
	if e.ExpiresAt.IsZero() {
		return "?"
	}
	left := e.ExpiresAt.Sub(v.at)
	if left <= 0 {
		return span(-left) + " ago"
	}
	return "in " + span(left)
}

// state is the verdict with the first of its reasons.
func state(e *ghost.Entry) string {
	words := e.Verdict().String()
	if len(e.Suspicions) > 0 {
		words += ": " + e.Suspicions[0].Words
	} else if len(e.Refusals) > 0 {
		words = "refused: " + string(e.Refusals[0].Rule)
	}
	return words
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// span writes a time in its two largest units.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return d.String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// writeDetails prints all that is known, session by session.
func (v *roomVisit) writeDetails(w io.Writer, entries []ghost.Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "room %s, seen as %s\n", v.facts.RoomID, v.account.Party())
	if len(entries) == 0 {
		b.WriteString("nobody is in a call\n")
	}
	last := "\x00"
	for i := range entries {
		e := &entries[i]
		if e.ConfID != last {
			last = e.ConfID
			fmt.Fprintf(&b, "\n%s\n", cmp.Or(e.ConfID, "events that name no session"))
		}
		v.writeEntry(&b, e)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *roomVisit) writeEntry(b *strings.Builder, e *ghost.Entry) {
	fmt.Fprintf(b, "  %s  %s", shownParty(e.Party), e.Verdict())
	if !e.Counts {
		b.WriteString(", does not count")
	}
	fmt.Fprintf(b, "\n    form %s, transport %s, session %s\n", e.Form, wayTo(e), cmp.Or(e.SessionID, "unknown"))
	fmt.Fprintf(b, "    here for %s, event sent %s ago, expires %s\n", span(v.at.Sub(begin(e))), span(v.at.Sub(e.SentAt)), v.expires(e))
	fmt.Fprintf(b, "    event %s %s %s\n", e.Type, e.StateKey, e.EventID)
	for _, r := range e.Refusals {
		fmt.Fprintf(b, "    refused by %s", r.Rule)
		if r.Detail != "" {
			fmt.Fprintf(b, " (%s)", r.Detail)
		}
		b.WriteString("\n")
	}
	for _, s := range e.Suspicions {
		fmt.Fprintf(b, "    %s: %s\n", s.Kind, s.Words)
	}
}
