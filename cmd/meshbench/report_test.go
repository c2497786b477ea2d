package main

import (
	"context"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

const measured = "../../docs/bench/forward.jsonl"

// told runs a verb and gives what it printed.
func told(ctx context.Context, arguments ...string) (string, error) {
	var out strings.Builder
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(doubled(arguments))
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func TestReport_WritesEveryForm(t *testing.T) {
	folder := t.TempDir()
	look, table, tests := filepath.Join(folder, "bench.html"), filepath.Join(folder, "bench.csv"), filepath.Join(folder, "bench.xml")
	if _, err := told(t.Context(), "report", measured, "--html", look, "--csv", table, "--junit", tests); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(look); err != nil || !strings.Contains(string(text), "uPlot") {
		t.Errorf("there is no page: %v", err)
	}
	if text, err := os.ReadFile(table); err != nil || !strings.Contains(string(text), ",cost,even,ours,") {
		t.Errorf("there is no table: %v", err)
	}
	if text, err := os.ReadFile(tests); err != nil || xml.Unmarshal(text, new(struct{})) != nil {
		t.Errorf("there are no test cases: %v", err)
	}
	if text, err := told(t.Context(), "report", measured, "--csv", "-"); err != nil || !strings.HasPrefix(text, "at,kind,") {
		t.Errorf("a form alone is not alone, %v: %.100s", err, text)
	}
}

// Whatever cannot be written or read is said in one line, and nothing is left of it.
func TestReport_SaysWhatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	kept := filepath.Join(folder, "kept.csv")
	if err := os.WriteFile(kept, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(folder, "broken.jsonl")
	if err := os.WriteFile(broken, []byte("{\"machine\":\"a\"}\n{\"scena\nrio\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{
		"no such file or directory": {"report", measured, "--csv", filepath.Join(folder, "none", "b.csv")},
		"broken.jsonl: line 2":      {"report", broken, "--csv", kept},
		"none could not be written": {"run", "smoke", "--junit", filepath.Join(folder, "none") + "/none"},
		"is a directory":            {"run", "smoke", "--out", folder},
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		cases["write /dev/full: no space left"] = []string{"report", measured, "--csv", "/dev/full"}
		cases["/dev/full: no space left on"] = []string{"run", "smoke", "--out", "/dev/full"}
	}
	for want, arguments := range cases {
		if _, err := told(t.Context(), arguments...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "before" {
		t.Errorf("what was there is %q, %v", text, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
}

func TestReport_ReadsWhatIsWholeOfARunThatWasKilled(t *testing.T) {
	text, err := os.ReadFile(measured)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.jsonl")
	if err := os.WriteFile(half, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := told(t.Context(), "report", half); err != nil || !strings.Contains(text, "cut off in the middle of a line") || !strings.Contains(text, "bursts") {
		t.Errorf("%v:\n%s", err, text)
	}
	if text, err := told(t.Context(), "compare", half, measured); err != nil || !strings.Contains(text, half+": the run was cut off") {
		t.Errorf("to be compared, %v:\n%s", err, text)
	}
}

// TestRun_GivesWhatWasMeasuredUntilCtrlC stops a run of many rounds after the first.
func TestRun_GivesWhatWasMeasuredUntilCtrlC(t *testing.T) {
	out := filepath.Join(t.TempDir(), "rounds.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	var text string
	var err error
	go func() {
		defer close(done)
		text, err = told(ctx, "run", "smoke", "--targets", "ours", "--rounds", "1000", "--warm", "50ms", "--measure", "200ms", "--out", out)
	}()
	for {
		so, _ := os.ReadFile(out) // not there yet, perhaps
		if strings.Count(string(so), "\n") > 1 {
			break
		}
		select {
		case <-done:
			t.Fatalf("it has ended: %v\n%s", err, text)
		default:
		}
	}
	cancel()
	<-done
	if err != nil || !strings.Contains(text, "stopped before everything was measured") || !strings.Contains(text, "rounds are in "+out) {
		t.Errorf("%v:\n%s", err, text)
	}
	machines, rounds, err := readRounds([]string{out})
	if err != nil || len(rounds) == 0 || len(machines) != 1 || machines[0].End == nil || !machines[0].End.Stopped || len(machines[0].Cases) != 1 {
		t.Fatalf("%+v, %d rounds, %v", machines, len(rounds), err)
	}
	m := machines[0]
	if m.Command == "" || m.Go == "" || m.Cores < 1 || m.Kernel == "" || m.Machine == "" || rounds[0].Kind != "cost" {
		t.Errorf("%+v, %+v", m, rounds[0])
	}
	if _, ok := rounds[0].Has(report.Load); !ok && load() != "" {
		t.Errorf("the noise of the machine is missing: %+v", rounds[0])
	}
}
