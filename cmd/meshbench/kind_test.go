package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// TestRun_MeasuresMeshAndHomeserver in scenarios as small as can be.
func TestRun_MeasuresMeshAndHomeserver(t *testing.T) {
	for _, c := range []struct {
		yaml, targets string
		want          report.Metric
	}{
		{"name: m\nstands-for: A test.\nkind: mesh\nparties: 2\n", "ours", report.ConnectedMillis},
		{"name: w\nstands-for: A test.\nkind: messages\ndevices: 3\nrate: 40\n", "embedded", report.P99Micros},
		{"name: s\nstands-for: A test.\nkind: storm\ndevices: 3\n", "embedded", report.JoinMillis},
	} {
		folder := t.TempDir()
		book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
		if err := os.WriteFile(book, []byte(c.yaml), 0o666); err != nil {
			t.Fatal(err)
		}
		err := run(t.Context(), []string{"run", book, "--targets", c.targets, "--rounds", "1", "--warm", "50ms", "--measure", "300ms", "--folder", folder, "--out", out})
		if err != nil {
			t.Fatal(err)
		}
		_, rounds, err := readRounds([]string{out})
		if err != nil || len(rounds) != 1 || rounds[0].Figures[c.want] <= 0 || rounds[0].Version == "" {
			t.Errorf("%v: %+v", err, rounds)
		}
	}
}

func TestRun_AsksTwiceBeforeItLoadsWhatIsFar(t *testing.T) {
	for want, arguments := range map[string][]string{
		"say --i-may-load example.org":  {"run", "todevice", "--homeserver", "https://example.org"},
		"and --homeserver URL":          {"run", "todevice", "--targets", "conduit"},
		"is no address":                 {"run", "todevice", "--homeserver", "example.org"},
		"name one of the two":           {"run", "todevice", "--homeserver", "https://example.org", "--targets", "embedded"},
		"there is ours alone":           {"run", "mesh-4", "--targets", "livekit"},
		"say --i-may-load example.com ": {"run", "storm-20", "--homeserver", "https://example.com", "--i-may-load", "example.org"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if err := run(t.Context(), append(arguments, "--out", out)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", arguments, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: something was written", arguments)
		}
	}
}

// TestSuits_NamesWhatIsLeftOut: a scenario that is for some of those who were named, or
// that nobody named.
func TestSuits_NamesWhatIsLeftOut(t *testing.T) {
	book, err := scenario.Find("core")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []comparison{{rivals: "ours,janus", cases: "core"}, {rivals: "janus"}, {}, {rivals: "ours,null,livekit", cases: "core"}} {
		want := ""
		if strings.Contains(q.rivals, "janus") {
			want = "core is not for janus\n"
		}
		var said strings.Builder
		if err := q.suits(&said, []scenario.Scenario{book.Scenario}); err != nil || said.String() != want {
			t.Errorf("%+v: %q, %v", q, said.String(), err)
		}
	}
}

// TestRun_LeavesOutWhatCannotBeStarted, and says that nothing is left.
func TestRun_LeavesOutWhatCannotBeStarted(t *testing.T) {
	folder := t.TempDir()
	err := run(t.Context(), []string{"run", "storm-20", "--targets", "synapse", "--scripts", folder, "--folder", folder, "--out", filepath.Join(folder, "out")})
	if err == nil || !strings.Contains(err.Error(), "a script of the source tree") {
		t.Error(err)
	}
}
