package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

// TestRun_MeasuresRelays starts ours, coturn and a plain one on pion/turn, and has each relay a little.
func TestRun_MeasuresRelays(t *testing.T) {
	folder := t.TempDir()
	book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\nkind: relay\nallocations: 2\nrate: 50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"run", book, "--rounds", "1", "--warm", "100ms", "--measure", "500ms", "--folder", folder, "--out", out})
	if err != nil {
		t.Fatal(err)
	}
	_, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 3 || rounds[0].Rival != "ours" || rounds[1].Rival != "coturn" || rounds[2].Rival != "pion" {
		t.Fatalf("%v, %+v", err, rounds)
	}
	for _, r := range rounds {
		_, told := r.Has(report.CPUMicros)
		if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") || !told || r.Figures[report.Forwarded] <= 0 || r.Figures[report.P50Micros] <= 0 || r.Version == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestRun_SaysWhatRelaysCannot(t *testing.T) {
	for want, arguments := range map[string][]string{
		"there is no relay \"mine\"; there are ours,coturn,pion": {"run", "relay", "--targets", "mine"},
		"measured for 4m0s at most":                              {"run", "relay", "--measure", "5m"},
		"cannot be started: coturn":                              {"run", "relay", "--targets", "coturn", "--coturn", "/no/turnserver"},
		"cannot be started: mediamtx":                            {"run", "join-storm", "--targets", "mediamtx", "--mediamtx", "/no/mediamtx"},
		"even is not for mediamtx":                               {"run", "even", "--targets", "mediamtx"},
		"ParseAddr":                                              {"run", "relay", "--address", "here"},
	} {
		err := run(t.Context(), append(arguments, "--out", filepath.Join(t.TempDir(), "out")))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
	}
}
