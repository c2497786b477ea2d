package inspect

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Level says how bad a finding is. Levels rise with what they cost; Skipped
// stands apart.
type Level uint8

const (
	// Fine needs nothing done.
	Fine Level = iota
	// Note is worth knowing and harms no call.
	Note
	// Warning makes calls worse, or fail for some.
	Warning
	// Broken keeps calls from working.
	Broken
	// Skipped was not tried; Found says why.
	Skipped
)

var levelNames = [...]string{Fine: "fine", Note: "note", Warning: "warning", Broken: "broken", Skipped: "skipped"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// MarshalText writes the level by name, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is what one check has to say. A fine one has neither Cause nor Fix.
// All texts are for people; none holds a token, a password or a key.
type Finding struct {
	Check   string // name, words with dots: "transports.stable"
	Level   Level
	Tried   string        // what was asked of whom
	Found   string        // what came back
	Cause   string        // what that usually means
	Fix     string        // what to do
	Snippet string        // what to paste, with a first line that says where; may be empty
	Took    time.Duration // how long the check took
	// Command are the arguments of `meshfocus snippet` that print what to
	// paste, which is where its text is kept; Snippet is empty then. Whether
	// they are good, the verb says: a host name in them may be a server's word.
	Command []string
}

// First gives the finding to look at first: the first broken one, else the
// first warning. False means that nothing is wrong.
func First(findings []Finding) (Finding, bool) {
	for _, level := range []Level{Broken, Warning} {
		for _, f := range findings {
			if f.Level == level {
				return f, true
			}
		}
	}
	return Finding{}, false
}

func fine(format string, args ...any) Finding {
	return Finding{Level: Fine, Found: fmt.Sprintf(format, args...)}
}

func note(format string, args ...any) Finding {
	return Finding{Level: Note, Found: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) Finding {
	return Finding{Level: Skipped, Found: fmt.Sprintf(format, args...)}
}

// masked is what stands in the place of a secret.
const masked = "•••"

// without hides secrets that an answer may have repeated, and what a terminal
// would obey.
func (f Finding) without(secrets []string) Finding {
	f.Snippet = hide(f.Snippet, secrets)
	for _, text := range []*string{&f.Tried, &f.Found, &f.Cause, &f.Fix} { // what a server sent may be in them
		*text = printable(hide(*text, secrets))
	}
	return f
}

// hide puts a mark in the place of each secret, also where it is escaped as in
// JSON or in an address.
func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		quoted, _ := json.Marshal(secret) // text
		for _, form := range []string{secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret)} {
			text = strings.ReplaceAll(text, form, masked)
		}
	}
	return text
}
