package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"meshfocus/signalling/inspect"
)

// doctorView shows findings as they come: lines for people, or JSON lines.
type doctorView struct {
	out    io.Writer
	json   bool
	all    bool // details of what is fine too
	colour bool
	status io.Writer // terminal for what is being tried, nil for none
	busy   bool      // something stands there

	pasted  map[string]string // commands whose text was shown, by the check that did
	skipped []string          // names of checks of one reason, not shown yet
	reason  string
}

func newDoctorView(std streams, o doctorOptions) *doctorView {
	colour := isTerminal(std.out) && std.variable("NO_COLOR") == "" && std.variable("TERM") != "dumb"
	v := &doctorView{out: std.out, json: o.json, all: o.all, colour: colour, pasted: map[string]string{}}
	if !o.json && isTerminal(std.err) && std.variable("TERM") != "dumb" {
		v.status = std.err
	}
	return v
}

// Of what is being tried one line is shown, in the place of the one before.
const (
	clearLine   = "\r\x1b[K"
	statusWidth = 78
)

// progress says what is being tried, to people who wait.
func (v *doctorView) progress(step string) {
	if v.status == nil {
		return
	}
	if letters := []rune(step); len(letters) > statusWidth {
		step = string(letters[:statusWidth])
	}
	v.busy = true
	fmt.Fprint(v.status, clearLine+step+"…")
}

// settle takes that line away.
func (v *doctorView) settle() {
	if v.busy {
		v.busy = false
		fmt.Fprint(v.status, clearLine)
	}
}

// doctorWords are how levels are shown, each with its colour.
var doctorWords = map[inspect.Level]struct{ word, colour string }{
	inspect.Fine:    {"fine", "\x1b[32m"},
	inspect.Note:    {"note", "\x1b[36m"},
	inspect.Warning: {"WARNING", "\x1b[33m"},
	inspect.Broken:  {"BROKEN", "\x1b[1;31m"},
	inspect.Skipped: {"not tried", "\x1b[2m"},
}

// begin says what is being looked at, before the first answer may take a while.
func (v *doctorView) begin(c inspect.Config) {
	if v.json {
		return
	}
	as := "as a stranger"
	switch {
	case c.User != "":
		as = "as " + c.User
	case c.Token != "":
		as = "with a token"
	}
	fmt.Fprintf(v.out, "Looking at %s %s.\n\n", c.Homeserver, as)
}

// finding shows one. Those that were skipped for one reason become one line.
func (v *doctorView) finding(f inspect.Finding) {
	v.settle()
	snippet, command := pasteOf(f)
	if v.json {
		v.write(doctorLine{Event: "finding", Check: f.Check, Level: f.Level, Tried: f.Tried, Found: f.Found, Cause: f.Cause, Fix: f.Fix, Snippet: snippet, Command: command, TookMs: f.Took.Milliseconds()})
		return
	}
	if f.Level == inspect.Skipped && f.Fix == "" {
		v.skip(f)
		return
	}
	v.flush()
	v.line(f.Level, f.Check, f.Found)
	switch f.Level {
	case inspect.Fine:
		if v.all {
			v.detail("tried", f.Tried)
		}
	case inspect.Skipped:
		v.detail("to do", f.Fix)
	default:
		v.detail("tried", f.Tried)
		v.detail("cause", f.Cause)
		v.detail("to do", f.Fix)
		v.paste(f.Check, snippet, command)
	}
}

// pasteOf gives what a finding would have somebody paste, and the command that
// prints the same. A command that the verb refuses is left out: a host name in
// it may be a server's word.
func pasteOf(f inspect.Finding) (snippet, command string) {
	if len(f.Command) == 0 {
		return f.Snippet, ""
	}
	var out strings.Builder
	verb := newSnippet(streams{out: &out})
	verb.SetArgs(f.Command)
	verb.SilenceErrors, verb.SilenceUsage = true, true
	if verb.Execute() != nil {
		return f.Snippet, ""
	}
	return out.String(), "meshfocus snippet " + strings.Join(f.Command, " ")
}

func (v *doctorView) skip(f inspect.Finding) {
	if len(v.skipped) > 0 && f.Found != v.reason {
		v.flush()
	}
	v.skipped, v.reason = append(v.skipped, f.Check), f.Found
}

// fewSkipped are listed by name; more would hide what matters.
const fewSkipped = 4

func (v *doctorView) flush() {
	if len(v.skipped) == 0 {
		return
	}
	check, reason := v.skipped[0], v.reason
	if len(v.skipped) > 1 {
		check = fmt.Sprintf("%d checks", len(v.skipped))
		if v.all || len(v.skipped) <= fewSkipped {
			reason += ": " + strings.Join(v.skipped, ", ")
		}
	}
	v.line(inspect.Skipped, check, reason)
	v.skipped = nil
}

// Columns: level, check, what was found.
const (
	levelColumn = 9
	checkColumn = 21
	textWidth   = 72
	detailsFrom = levelColumn + 2
)

func (v *doctorView) line(level inspect.Level, check, found string) {
	shown := doctorWords[level]
	word := fmt.Sprintf("%-*s", levelColumn, shown.word)
	if v.colour {
		word = shown.colour + word + "\x1b[0m"
	}
	for n, part := range wrapped(found, textWidth) {
		if n > 0 {
			word, check = strings.Repeat(" ", levelColumn), ""
		}
		fmt.Fprintf(v.out, "%s  %-*s  %s\n", word, checkColumn, check, part)
	}
}

func (v *doctorView) detail(name, text string) {
	if text == "" {
		return
	}
	for _, part := range wrapped(text, textWidth+checkColumn-7) {
		fmt.Fprintf(v.out, "%*s%-5s  %s\n", detailsFrom, "", name, part)
		name = ""
	}
}

// paste shows what to paste and where it is from; once is enough.
func (v *doctorView) paste(check, snippet, command string) {
	if snippet == "" {
		return
	}
	if before, shown := v.pasted[command]; shown {
		v.detail("paste", fmt.Sprintf("what stands under %q: %s", before, command))
		return
	}
	if command != "" {
		v.pasted[command] = check
	}
	name := "paste"
	for line := range strings.SplitSeq(strings.TrimRight(snippet, "\n"), "\n") {
		fmt.Fprintf(v.out, "%*s%-5s  │ %s\n", detailsFrom, "", name, line)
		name = ""
	}
	v.detail("from", command)
}

// verdict ends the output with where to begin.
func (v *doctorView) verdict(findings []inspect.Finding, code int) {
	v.settle()
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Level.String()]++
	}
	first, wrong := inspect.First(findings)
	if v.json {
		v.write(doctorLine{Event: "verdict", Check: first.Check, Level: first.Level, Found: first.Found, Counts: counts, ExitCode: &code})
		return
	}
	v.flush()
	fmt.Fprintf(v.out, "\n%s\n", summary(counts))
	switch {
	case code == exitDoctorUnable:
		fmt.Fprintln(v.out, "Stopped before the end.")
	case wrong:
		for _, part := range wrapped(fmt.Sprintf("Begin with %q: %s. Then run doctor again: what comes later may be well by then.", first.Check, first.Fix), textWidth+detailsFrom+checkColumn) {
			fmt.Fprintln(v.out, part)
		}
	case counts["skipped"] > 0:
		fmt.Fprintln(v.out, "Nothing is wrong with what was tried.")
	default:
		fmt.Fprintln(v.out, "Nothing is wrong.")
	}
}

func summary(counts map[string]int) string {
	var words []string
	for _, c := range []struct{ level, one, many string }{
		{"broken", "broken", "broken"}, {"warning", "warning", "warnings"}, {"note", "note", "notes"}, {"fine", "fine", "fine"}, {"skipped", "not tried", "not tried"},
	} {
		switch n := counts[c.level]; {
		case n == 1:
			words = append(words, "1 "+c.one)
		case n > 1:
			words = append(words, fmt.Sprintf("%d %s", n, c.many))
		}
	}
	return strings.Join(words, ", ")
}

// doctorLine is one line of `doctor --json`; docs/doctor.md describes it.
type doctorLine struct {
	Event    string         `json:"event"` // "finding", "verdict"
	Check    string         `json:"check,omitempty"`
	Level    inspect.Level  `json:"level"`
	Tried    string         `json:"tried,omitempty"`
	Found    string         `json:"found,omitempty"`
	Cause    string         `json:"cause,omitempty"`
	Fix      string         `json:"fix,omitempty"`
	Snippet  string         `json:"snippet,omitempty"`
	Command  string         `json:"command,omitempty"` // prints the snippet
	TookMs   int64          `json:"took_ms,omitempty"`
	Counts   map[string]int `json:"counts,omitempty"` // by level
	ExitCode *int           `json:"exit_code,omitempty"`
}

func (v *doctorView) write(line doctorLine) {
	encoder := json.NewEncoder(v.out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(line) // every field can be written
}

// wrapped gives the lines of a wrapped text; one at least.
func wrapped(text string, width int) []string { return strings.Split(wrap(text, width), "\n") }
