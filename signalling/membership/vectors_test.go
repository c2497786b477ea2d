package membership_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
	"meshfocus/signalling/message"
)

// written is a vector with its room as the recording has it.
type written struct {
	Name  string          `json:"name"`
	Needs []string        `json:"needs"`
	Room  json.RawMessage `json:"room"`
	vector.Answer
}

// needs are the forms that a reader has to know for the answer of a room: of
// its members, of those that another form hides, slots, and what a membership
// says of itself when it stands behind the others.
func needs(facts membership.Facts, result membership.Result) []string {
	need := map[string]bool{}
	for _, s := range result.Sessions {
		for _, m := range s.Members {
			need[m.Form.String()] = true
			need["behind"] = need["behind"] || m.Behind
			need["route"] = need["route"] || m.Route != (message.Route{})
		}
	}
	for _, r := range result.Refusals {
		need[message.FormLegacy.String()] = need[message.FormLegacy.String()] || r.Rule == membership.RuleForm
	}
	for _, e := range facts.State {
		need["slot"] = need["slot"] || e.Type == message.TypeSlot || e.Type == message.TypeSlotStable
	}
	need[message.FormSticky.String()] = len(facts.Sticky) > 0
	maps.DeleteFunc(need, func(_ string, is bool) bool { return !is })
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(need))))
}

// The JavaScript library of the call page reads the same file.
func TestCompute_AgreesWithTheVectorsForOtherReaders(t *testing.T) {
	var vectors []written
	for _, name := range roomNames(t) {
		raw, err := os.ReadFile(filepath.Join("testdata", "rooms", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		facts, now := readRoom(t, name).Facts()
		result := membership.Compute(facts, now)
		vectors = append(vectors, written{Name: name, Needs: needs(facts, result), Room: raw, Answer: vector.AnswerOf(result)})
	}
	is, err := json.MarshalIndent(vectors, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	is = append(is, '\n')
	const file = "vector/vectors.json"
	if *update {
		if err := os.WriteFile(file, is, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, want) {
		t.Errorf("%s is not what Compute answers; -update writes it anew", file)
	}
}
