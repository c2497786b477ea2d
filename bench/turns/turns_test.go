package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

type named string

func (n named) Name() string { return string(n) }

// record plays rounds of which some do not count, and gives what was measured in order:
// scenario, target and number of each.
func record(t *testing.T, c Config, invalid ...string) string {
	t.Helper()
	var played, told []string
	c.Now = func(done, all int, what string) { told = append(told, fmt.Sprintf("%d/%d", done, all)) }
	c.Took = func(r report.Round) error { return nil }
	of := func(s scenario.Scenario) []named {
		if s.Name == "y" {
			return []named{"a"}
		}
		return []named{"a", "b"}
	}
	err := Take(t.Context(), c, []scenario.Scenario{{Name: "x"}, {Name: "y"}}, of, func(s scenario.Scenario, target named, number int) (r report.Round) {
		what := fmt.Sprint(s.Name, target, number)
		played = append(played, what)
		if slices.Contains(invalid, what) {
			r.Invalid = "for a test"
		}
		return r
	})
	if err != nil {
		t.Fatal(err)
	}
	if last, want := told[len(told)-1], fmt.Sprintf("%d/%d", len(played)-1, len(played)); last != want {
		t.Errorf("before the last: %s, want %s", last, want)
	}
	return strings.Join(played, " ")
}

// from is sure of a scenario when it has seen so many turns of it.
func from(turns int) func([]report.Round) bool {
	return func(rounds []report.Round) bool { return rounds[len(rounds)-1].Number >= turns }
}

func TestTake(t *testing.T) {
	for _, c := range []struct {
		says    string
		config  Config
		invalid []string
		want    string
	}{
		{"by turns", Config{Rounds: 2}, nil, "xa1 xb1 xa2 xb2 ya1 ya2"},
		{"what does not count, without a spare turn", Config{Rounds: 1}, []string{"xb1"}, "xa1 xb1 ya1"},
		{"a whole turn again", Config{Rounds: 1, Spare: 2}, []string{"xb1"}, "xa1 xb1 xa2 xb2 ya1"},
		{"not more often than it may", Config{Rounds: 1, Spare: 2}, []string{"ya1", "ya2", "ya3"}, "xa1 xb1 ya1 ya2 ya3"},
		{"until there are enough whole ones", Config{Rounds: 2, Spare: 3}, []string{"xa1", "xb2"}, "xa1 xb1 xa2 xb2 xa3 xb3 xa4 xb4 ya1 ya2"},
		{"until it is sure", Config{Rounds: 1, Spare: 3, Sure: from(2)}, nil, "xa1 xb1 xa2 xb2 ya1 ya2"},
		{"never sure", Config{Rounds: 1, Spare: 1, Sure: from(9)}, nil, "xa1 xb1 xa2 xb2 ya1 ya2"},
	} {
		if got := record(t, c.config, c.invalid...); got != c.want {
			t.Errorf("%s: %s, want %s", c.says, got, c.want)
		}
	}
}

func TestTake_Ends(t *testing.T) {
	full := errors.New("no space left")
	scenarios := []scenario.Scenario{{Name: "x"}}
	of := func(scenario.Scenario) []named { return []named{"a"} }
	c := Config{Rounds: 2, Now: func(int, int, string) {}, Took: func(report.Round) error { return full }}
	if err := Take(t.Context(), c, scenarios, of, func(scenario.Scenario, named, int) report.Round { return report.Round{} }); !errors.Is(err, full) {
		t.Errorf("a full disk ends it with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Took = func(r report.Round) error { t.Errorf("took %+v", r); return nil }
	if err := Take(ctx, c, scenarios, of, func(scenario.Scenario, named, int) report.Round { cancel(); return report.Round{} }); !errors.Is(err, context.Canceled) {
		t.Errorf("who stops it has %v", err)
	}
}
