package report

import (
	"strings"
	"testing"
)

// TestSheet_SaysWhatElseIsToBeKnown of a round that counts.
func TestSheet_SaysWhatElseIsToBeKnown(t *testing.T) {
	r := Round{Scenario: "storm", Rival: "b", Kind: "storm", Number: 2, Note: "3 requests failed", Figures: Figures{Present: 0.51}}
	var out strings.Builder
	if err := (Sheet{Rounds: []Round{r}}).Print(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "storm, b, round 2: 3 requests failed") || strings.Contains(got, "does not count") {
		t.Errorf("%s", got)
	}
	if got := Tell(r); got != "came in % 51 · 3 requests failed" {
		t.Errorf("%q", got)
	}
}
