package foreign

import (
	"fmt"
	"strings"
	"testing"
)

// witness keeps the words of a test that fails, for the grid.
type witness struct {
	testing.TB
	words []string
}

func (w *witness) Error(args ...any) { w.Helper(); w.note(fmt.Sprintln(args...)); w.TB.Error(args...) }
func (w *witness) Fatal(args ...any) { w.Helper(); w.note(fmt.Sprintln(args...)); w.TB.Fatal(args...) }
func (w *witness) Errorf(format string, args ...any) {
	w.Helper()
	w.note(fmt.Sprintf(format, args...))
	w.TB.Errorf(format, args...)
}
func (w *witness) Fatalf(format string, args ...any) {
	w.Helper()
	w.note(fmt.Sprintf(format, args...))
	w.TB.Fatalf(format, args...)
}

func (w *witness) note(words string) { w.words = append(w.words, strings.TrimSpace(words)) }

// reason is the first complaint, the cause of those that may follow, behind what the
// machine is short of.
func (w *witness) reason(short string) string {
	if len(w.words) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(w.words[0], "\nconsole:")
	if short != "" {
		first = short + "\n" + first
	}
	return strings.ReplaceAll(first, "\n", " · ")
}
