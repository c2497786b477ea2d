package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

// TestRun_MeasuresACall starts ours as a process and has one see and hear another.
func TestRun_MeasuresACall(t *testing.T) {
	folder := t.TempDir()
	tiny, out := filepath.Join(folder, "tiny.yaml"), filepath.Join(folder, "rounds.jsonl")
	text := "name: tiny\nsays: 1 → 1\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\n"
	if err := os.WriteFile(tiny, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{
		"run", tiny, "--targets", "ours", "--rounds", "1", "--warm", "100ms", "--measure", "500ms", "--folder", folder, "--out", out, "--seed", "7",
	})
	if err != nil {
		t.Fatal(err)
	}
	machines, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 1 || machines[0].Seed != 7 {
		t.Fatalf("%v, %v", rounds, err)
	}
	r := rounds[0]
	if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") || r.Kind != "call" || r.Seed != 7 || r.Figures[report.FirstFrameMillis] <= 0 {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(tiny, []byte(text+"codec: theora\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"run", tiny, "--out", out}); err == nil || !strings.Contains(err.Error(), `codec: "theora" is none`) {
		t.Errorf("theora: %v", err)
	}
}

// openRounds reads a file of rounds.
func openRounds(name string) ([]report.Machine, []report.Round, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return report.Read(file)
}
