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

// TestRun_SendsFiles has a publisher send what a scenario names, and says what flags
// cannot mean.
func TestRun_SendsFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, from string) string {
		t.Helper()
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(folder, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	film := write("film.ivf", "../../bench/clip/av1-640x360.ivf")
	write("talk.ogg", "../../internal/testcard/card.ogg")
	tiny, out := filepath.Join(folder, "tiny.yaml"), filepath.Join(folder, "rounds.jsonl")
	text := "name: tiny\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\nsource: film.ivf\nsound: talk.ogg\n"
	if err := os.WriteFile(tiny, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"run", tiny, "--targets", "ours", "--rounds", "1", "--warm", "100ms", "--measure", "500ms", "--folder", folder, "--out", out})
	if err != nil {
		t.Fatal(err)
	}
	_, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 1 || rounds[0].Figures[report.FirstFrameMillis] <= 0 || rounds[0].Figures[report.P50Micros] <= 0 {
		t.Errorf("%+v, %v", rounds, err)
	}
	for want, arguments := range map[string][]string{
		"--source: call-layers is of 3 layers": {"call-layers", "--source", film},
		"none of these scenarios is of kind":   {"even", "--sound", film},
		"tiny: cannot be sent: stat none.ivf":  {tiny, "--source", "none.ivf"},
		"film.ivf is av1; wanted is Ogg Opus":  {tiny, "--sound", film},
	} {
		if err := run(t.Context(), append([]string{"run", "--out", out}, arguments...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
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
