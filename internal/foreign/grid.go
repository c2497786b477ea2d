package foreign

import (
	"fmt"
	"time"
)

// Result is what became of one situation with one kind of peer on one
// homeserver. A cell of a Grid.
type Result struct {
	Home      string
	Peer      Kind
	Situation string
	Took      time.Duration
	// Reason says why it failed; empty if it passed.
	Reason string
}

// Passed tells whether nothing went wrong.
func (r Result) Passed() bool { return r.Reason == "" }

// String is a line of progress.
func (r Result) String() string {
	if r.Passed() {
		return fmt.Sprintf("pass %5.1f s  %s · %s · %s", r.Took.Seconds(), r.Home, r.Peer, r.Situation)
	}
	return fmt.Sprintf("FAIL %5.1f s  %s · %s · %s: %s", r.Took.Seconds(), r.Home, r.Peer, r.Situation, r.Reason)
}

// Row is a situation of a Grid.
type Row struct {
	Name string
	// About says what the situation stands for.
	About string
}

// Grid is everything that was tried, in the order of Rows. What a kind of peer
// is not tried with has no Result.
type Grid struct {
	Began   time.Time
	Took    time.Duration
	Rows    []Row
	Results []Result
}

// Failures gives the results that did not pass.
func (g Grid) Failures() (failed []Result) {
	for _, r := range g.Results {
		if !r.Passed() {
			failed = append(failed, r)
		}
	}
	return failed
}

// homes and peers are in the order of their first result.
func (g Grid) homes() []string {
	return distinct(g.Results, func(r Result) string { return r.Home })
}

func (g Grid) peers() []Kind {
	return distinct(g.Results, func(r Result) Kind { return r.Peer })
}

func (g Grid) at(home string, peer Kind, situation string) (Result, bool) {
	for _, r := range g.Results {
		if r.Home == home && r.Peer == peer && r.Situation == situation {
			return r, true
		}
	}
	return Result{}, false
}

func distinct[T comparable](results []Result, of func(Result) T) (values []T) {
	seen := map[T]bool{}
	for _, r := range results {
		if v := of(r); !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}
