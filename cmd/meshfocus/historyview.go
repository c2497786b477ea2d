package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"meshfocus/signalling/history"
)

// historyView prints calls one by one: a long history is never held.
type historyView interface {
	session(history.Session) error
	end(historyEnd) error
}

func newHistoryView(w io.Writer, o historyOptions) historyView {
	switch {
	case o.json:
		return &historyJSON{json.NewEncoder(w)}
	case o.csv:
		return &historyCSV{w: csv.NewWriter(w)}
	}
	return &historyText{w: w}
}

// historyEnd is the last line of `calls history --json`.
type historyEnd struct {
	Type       string    `json:"type"` // "end"
	BestEffort bool      `json:"best_effort"`
	Room       string    `json:"room"`
	Calls      int       `json:"calls"`
	Events     int       `json:"events"`
	Unreadable int       `json:"unreadable"`
	Oldest     time.Time `json:"oldest"`
}

// shownCall is a line of `calls history --json`. Instants are RFC 3339, times
// milliseconds.
type shownCall struct {
	Type         string        `json:"type"` // "call"
	Slot         string        `json:"slot"`
	Start        time.Time     `json:"start"`
	End          *time.Time    `json:"end,omitempty"` // absent while it runs
	DurationMs   int64         `json:"duration_ms"`
	Running      bool          `json:"running"`
	Initiator    string        `json:"initiator"`
	Intent       string        `json:"intent,omitempty"`
	Topology     string        `json:"topology,omitempty"`
	Rung         bool          `json:"rung"`
	Missed       []string      `json:"missed"`
	Declined     []string      `json:"declined"`
	Anchor       bool          `json:"notification_only"`
	Participants []shownMember `json:"participants"`
}

type shownMember struct {
	UserID string      `json:"user_id"`
	Parts  []shownPart `json:"parts"`
}

type shownPart struct {
	DeviceID string     `json:"device_id"`
	Start    time.Time  `json:"start"`
	End      *time.Time `json:"end,omitempty"`
}

type historyJSON struct{ encoder *json.Encoder }

func (v *historyJSON) session(s history.Session) error {
	shown := shownCall{
		Type: "call", Slot: s.Slot, Start: s.Start.UTC(), End: ended(s.End, s.Running), DurationMs: s.Duration().Milliseconds(), Running: s.Running,
		Initiator: s.Initiator, Intent: s.Intent, Topology: s.Topology, Rung: s.Rung,
		Missed: append([]string{}, s.Missed...), Declined: append([]string{}, s.Declined...), Anchor: s.Anchor, Participants: []shownMember{},
	}
	for _, p := range s.Participants {
		member := shownMember{UserID: p.UserID}
		for _, part := range p.Parts {
			member.Parts = append(member.Parts, shownPart{part.DeviceID, part.Start.UTC(), ended(part.End, part.Running)})
		}
		shown.Participants = append(shown.Participants, member)
	}
	return v.encoder.Encode(shown)
}

func (v *historyJSON) end(e historyEnd) error { return v.encoder.Encode(e) }

func ended(end time.Time, running bool) *time.Time {
	if running {
		return nil
	}
	return instant(end)
}

// historyCSV prints lists with spaces between their entries (RFC 4180).
type historyCSV struct {
	w     *csv.Writer
	begun bool
}

func (v *historyCSV) session(s history.Session) error {
	v.header()
	end, devices := s.End.UTC().Format(time.RFC3339), 0
	if s.Running {
		end = ""
	}
	for _, p := range s.Participants {
		devices += len(devicesOf(p))
	}
	_ = v.w.Write([]string{
		harmless(s.Slot), s.Start.UTC().Format(time.RFC3339), end, strconv.FormatInt(int64(s.Duration()/time.Second), 10),
		harmless(s.Initiator), harmless(usersOf(s)), strconv.Itoa(devices), s.Intent, harmless(strings.Join(s.Missed, " ")),
		harmless(strings.Join(s.Declined, " ")), harmless(s.Topology), strconv.FormatBool(s.Anchor),
	})
	v.w.Flush()
	return v.w.Error()
}

func (v *historyCSV) header() {
	if !v.begun {
		v.begun = true
		_ = v.w.Write([]string{"slot", "start", "end", "seconds", "initiator", "participants", "devices", "intent", "missed", "declined", "topology", "notification_only"})
	}
}

func (v *historyCSV) end(historyEnd) error {
	v.header()
	v.w.Flush()
	return v.w.Error()
}

// harmless keeps a spreadsheet from taking for a formula what others wrote. A
// user ID begins with @, which the old ones take for one too.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// historyText is for people.
type historyText struct{ w io.Writer }

func (v *historyText) session(s history.Session) error {
	length := span(s.Duration())
	switch {
	case s.Running:
		length += ", running"
	case s.Anchor:
		length = "a ring alone"
	}
	_, err := fmt.Fprintf(v.w, "%s  %s  %s\n", s.Start.Local().Format("2006-01-02 15:04"), length, visible(s.Slot))
	for _, p := range s.Participants {
		var total time.Duration
		for _, part := range p.Parts {
			total += part.End.Sub(part.Start)
		}
		fmt.Fprintf(v.w, "    %s  %s on %s\n", visible(p.UserID), span(total), visible(strings.Join(devicesOf(p), ", ")))
	}
	for _, line := range []struct{ name, text string }{
		{"begun by", s.Initiator}, {"missed by", strings.Join(s.Missed, ", ")}, {"declined by", strings.Join(s.Declined, ", ")},
		{"intent", s.Intent}, {"over", s.Topology},
	} {
		if line.text != "" {
			fmt.Fprintf(v.w, "    %s %s\n", line.name, visible(line.text))
		}
	}
	return err
}

func (v *historyText) end(e historyEnd) error {
	words := fmt.Sprintf("best effort: %s told by %s back to %s", plural(e.Calls, "call"), plural(e.Events, "event"), e.Oldest.Local().Format("2006-01-02 15:04"))
	switch {
	case e.Unreadable == 1:
		words += "; 1 is encrypted and cannot be read"
	case e.Unreadable > 1:
		words += fmt.Sprintf("; %d are encrypted and cannot be read", e.Unreadable)
	}
	_, err := fmt.Fprintln(v.w, words)
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// usersOf lists who took part.
func usersOf(s history.Session) string {
	var users []string
	for _, p := range s.Participants {
		users = append(users, p.UserID)
	}
	return strings.Join(users, " ")
}

// devicesOf lists the devices of a participant, each once, as they came.
func devicesOf(p history.Participant) (devices []string) {
	seen := map[string]bool{}
	for _, part := range p.Parts {
		if !seen[part.DeviceID] {
			seen[part.DeviceID] = true
			devices = append(devices, part.DeviceID)
		}
	}
	return devices
}

// visible makes a text of others harmless on a terminal.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
