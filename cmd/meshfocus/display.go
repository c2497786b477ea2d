package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
	"meshfocus/web/stats"
)

// display shows how a participant does: JSON lines, a table that is redrawn
// on a terminal, or a line per change elsewhere.
type display struct {
	out      io.Writer
	json     bool
	terminal bool

	mu     sync.Mutex
	states map[string]string // peer → last state shown; guarded by mu
	begun  bool              // we were in the call; guarded by mu
	said   bool              // and said so; guarded by mu
}

func newDisplay(out io.Writer, asJSON bool) *display {
	return &display{out: out, json: asJSON, terminal: !asJSON && isTerminal(out), states: map[string]string{}}
}

// line is one line of `join --json`. docs/metrics.md describes it.
type line struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"` // "status", "left"
	stats.Party
	Recordings []string `json:"recordings,omitempty"`
}

// status shows one sample.
func (d *display) status(s headless.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = d.begun || s.State == "joined"
	switch {
	case d.json:
		d.write("status", s)
	case d.terminal:
		d.redraw(s)
	default:
		d.changes(s)
	}
}

// hasBegun reports whether a sample showed that we were in the call.
func (d *display) hasBegun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// finish shows how it ended.
func (d *display) finish(s headless.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.json {
		d.write("left", s)
		return
	}
	fmt.Fprintf(d.out, "left %s\n", s.RoomID)
	for _, file := range s.Recordings {
		fmt.Fprintf(d.out, "recorded %s\n", file)
	}
}

// tell shows something beside the samples: a value as a JSON line, or a line
// for people.
func (d *display) tell(value any, words string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.json {
		_ = json.NewEncoder(d.out).Encode(value) // every field can be written
		return
	}
	fmt.Fprintln(d.out, words)
}

func (d *display) write(event string, s headless.Status) {
	text, err := json.Marshal(line{Time: s.At, Event: event, Party: partyOf(s, "headless"), Recordings: s.Recordings})
	if err != nil {
		return // every field can be written
	}
	fmt.Fprintf(d.out, "%s\n", text)
}

// changes writes a line when the state of a link changed.
func (d *display) changes(s headless.Status) {
	if s.State != "joined" {
		return // that everybody is gone when we leave is no news
	}
	if !d.said {
		d.said = true
		fmt.Fprintf(d.out, "joined %s as %s\n", s.RoomID, s.Party)
	}
	seen := map[string]bool{}
	for _, link := range s.Links {
		peer, state := link.Peer.String(), link.State.String()
		if link.Behind != (message.Party{}) {
			state += " by " + link.Behind.String()
			if !link.Encrypted {
				state += ", which could see and hear it"
			}
		}
		seen[peer] = true
		if d.states[peer] == state {
			continue
		}
		d.states[peer] = state
		extra := ""
		if link.State == negotiate.Connected && link.Behind == (message.Party{}) {
			extra = fmt.Sprintf(" in %s over %s", link.ConnectTime().Round(time.Millisecond), link.Path())
		} else if link.Words != "" {
			extra = ": " + link.Words
		}
		fmt.Fprintf(d.out, "%s %s%s\n", peer, state, extra)
	}
	for peer := range d.states {
		if !seen[peer] {
			delete(d.states, peer)
			fmt.Fprintf(d.out, "%s gone\n", peer)
		}
	}
}

// redraw paints the whole table again, from the top of the screen.
func (d *display) redraw(s headless.Status) {
	var b strings.Builder
	b.WriteString("\x1b[H\x1b[2J")
	fmt.Fprintf(&b, "%s  %s  %s   (^C leaves)\n", s.Party, s.State, s.RoomID)
	if s.Trouble != "" {
		fmt.Fprintf(&b, "! %s\n", s.Trouble)
	}
	if s.Way != "" {
		fmt.Fprintf(&b, "%s\n", s.Way)
	}
	fmt.Fprintf(&b, "\n%-34s %-10s %10s %10s %8s %6s  %s\n", "peer", "state", "in", "out", "RTT", "loss", "receives")
	if len(s.Links) == 0 {
		b.WriteString("nobody else is in the call yet\n")
	}
	for _, link := range s.Links {
		fmt.Fprintf(&b, "%-34s %-10s %10s %10s %8s %5.1f%%  %s\n", cut(link.Peer.String(), 34), link.State,
			bitRate(link.InBitsPerSecond), bitRate(link.OutBitsPerSecond), link.RTT.Round(100*time.Microsecond),
			100*max(link.LossIn, link.LossOut), strings.Join(link.Media(), ", "))
		if what, because := link.Sends(); what != "" {
			s := &link.Stats.Sending
			fmt.Fprintf(&b, "    the way to it carries %s (%s); it gets %s: %s\n", bitRate(float64(s.Estimate)), s.Reason, what, because)
		}
		if link.Unread != "" {
			fmt.Fprintf(&b, "    %s\n", link.Unread)
		}
		if link.Distrust != "" && link.State != negotiate.Connected {
			fmt.Fprintf(&b, "    %s\n", link.Distrust)
		} else if link.Words != "" && link.State != negotiate.Connected {
			fmt.Fprintf(&b, "    last call: %s\n", link.Words)
		}
	}
	for _, file := range s.Recordings {
		fmt.Fprintf(&b, "recording %s\n", file)
	}
	_, _ = io.WriteString(d.out, b.String())
}

// cut shortens text to width characters.
func cut(text string, width int) string {
	letters := []rune(text)
	if len(letters) <= width {
		return text
	}
	return string(letters[:width-1]) + "…"
}

// bitRate writes bits per second for people.
func bitRate(bits float64) string {
	if bits >= 1e6 {
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}

// partyOf turns a participant's sample into what page and JSON lines show.
func partyOf(s headless.Status, role string) stats.Party {
	party := stats.Party{Party: s.Party.String(), Role: role, Room: s.RoomID, State: s.State, Trouble: s.Trouble, Way: s.Way, Links: []stats.Link{}}
	for _, link := range s.Links {
		shown := stats.Link{
			Peer: link.Peer.String(), State: link.State.String(), SinceMs: s.At.Sub(link.Since).Milliseconds(),
			ConnectMs: link.ConnectTime().Milliseconds(), RTTMs: float64(link.RTT.Microseconds()) / 1000,
			LossInPercent: 100 * link.LossIn, LossOutPercent: 100 * link.LossOut,
			InBitsPerSecond: link.InBitsPerSecond, OutBitsPerSecond: link.OutBitsPerSecond,
			BytesIn: link.BytesIn, BytesOut: link.BytesOut, Media: link.Media(), Layers: link.Layers(), Path: link.Path(),
			Encrypted: link.Encrypted, FramesOpened: link.Frames.Opened, Unread: link.Unread, MessagesSent: link.Sent, MessagesReceived: link.Received, Attempts: link.Attempts,
		}
		if link.Stats != nil {
			shown.Sends, shown.Because = link.Sends()
			shown.Carries = wayView(&link.Stats.Sending, lane.Now())
		}
		if link.Behind != (message.Party{}) {
			shown.Behind = link.Behind.String()
		}
		if link.State != negotiate.Connected {
			shown.Reason = cmp.Or(link.Distrust, link.Words)
		}
		party.Links = append(party.Links, shown)
	}
	return party
}
