package table

import (
	"bytes"
	"strings"
	"testing"

	"meshfocus/bench/congestion"
)

// A bar that is known to be lost is accepted, any other is not.
func TestNew_CountsTheBarsThatNobodyKnewToBeLost(t *testing.T) {
	for _, k := range congestion.KnownLost() {
		lost := []Row{{
			Goal: congestion.Goal{Case: k.Case, Metric: k.Metric, Least: k.Least}, Varied: k.Varied,
			Verdicts: []Verdict{{congestion.Verdict{Seeds: 5}}},
		}}
		var said bytes.Buffer
		if fresh, err := New(&said, lost); err != nil || fresh != 0 || !strings.Contains(said.String(), k.Why) {
			t.Errorf("%s %s: %d new, %v, %q", k.Case, k.Metric, fresh, err, said.String())
		}
		lost[0].Case = "another"
		if fresh, err := New(&said, lost); err != nil || fresh != 1 || !strings.Contains(said.String(), "newly lost: another") {
			t.Errorf("another %s: %d new, %v, %q", k.Metric, fresh, err, said.String())
		}
		lost[0].Case = k.Case
		lost[0].Verdicts[0].Reached, lost[0].Verdicts[0].Held = true, true
		if fresh, err := New(&said, lost); err != nil || fresh != 0 || !strings.Contains(said.String(), "to be taken off") {
			t.Errorf("%s %s, held: %d new, %v, %q", k.Case, k.Metric, fresh, err, said.String())
		}
	}
}
