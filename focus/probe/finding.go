package probe

import (
	"fmt"
	"time"
)

// Level says how bad a finding is.
type Level int

// Levels, from good to bad; Skipped was not tried, and Cause says why.
const (
	Fine Level = iota
	Note
	Warning
	Broken
	Skipped
)

// String gives "fine", "note", "warning", "broken" or "skipped".
func (l Level) String() string {
	names := [...]string{"fine", "note", "warning", "broken", "skipped"}
	if l < 0 || int(l) >= len(names) {
		return fmt.Sprintf("level %d", int(l))
	}
	return names[l]
}

// Finding is what one check says.
type Finding struct {
	Check string // "stun", "turn.udp", "turn.tcp", "turn.tls", "turn.quota", "nat", "mtu", "external", "port", "port.tcp"
	Level Level
	Tried string // what was done, with which server
	Found string // what came back
	Cause string // the likely cause, "" if all is well
	Fix   string // what to change, "" if nothing
	// Snippet is for pasting into a configuration: coturn's turnserver.conf,
	// or our own settings as YAML. A comment in its first line says which.
	Snippet string
	// Command are the arguments of `meshfocus snippet` that print what to
	// paste, instead of Snippet.
	Command []string
	Took    time.Duration
}

// remedy is the half of a finding that helps.
type remedy struct{ cause, fix, snippet string }

// worse makes the finding as bad as a level, with the reason and the way out.
func (f *Finding) worse(level Level, r remedy) {
	f.Level, f.Cause, f.Fix, f.Snippet = level, r.cause, r.fix, r.snippet
}

// failed records an error that leaves nothing to try.
func (f *Finding) failed(err error, r remedy) {
	f.Found = err.Error()
	f.worse(Broken, r)
}

// begin starts a finding, which is Fine until something is found.
func begin(check, tried string) Finding { return Finding{Check: check, Tried: tried} }

// took is deferred by a check, on the finding that it returns.
func (f *Finding) took(start time.Time) { f.Took = time.Since(start) }
