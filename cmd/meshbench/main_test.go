package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

// TestMain lets the test be the program: compare starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "forward" || os.Args[1] == "plain" || os.Args[1] == "homeserver" || os.Args[1] == "relay" || os.Args[1] == "relay-ours") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun_MeasuresOursAndPion starts both as processes and measures them at
// next to no load.
func TestRun_MeasuresOursAndPion(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "rounds.jsonl")
	err := run(t.Context(), []string{
		"run", "smoke", "-targets", "ours,pion,janus", "-janus", filepath.Join(folder, "none"), "-rounds", "1",
		"-warm", "100ms", "-measure", "500ms", "-folder", folder, "-out", out, "-machine", "a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	machines, rounds, err := report.Read(file)
	if err != nil || len(machines) != 1 || machines[0].Machine != "a test" || len(rounds) != 2 {
		t.Fatalf("%v, %v, %v", machines, rounds, err)
	}
	for _, r := range rounds {
		// A busy machine may make a round one that does not count, for that reason
		// and no other.
		if strings.HasPrefix(r.Invalid, "the generator") {
			t.Logf("%s: %s", r.Rival, r.Invalid)
			continue
		}
		if _, told := r.Has(report.Allocations); r.Invalid != "" || r.Figures[report.Forwarded] == 0 || r.Figures[report.P99Micros] == 0 || !told || r.Version == "" {
			t.Errorf("%s: %+v", r.Rival, r)
		}
	}
	if err := run(t.Context(), []string{"report", out}); err != nil {
		t.Error(err)
	}
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	for want, arguments := range map[string][]string{
		"no verb \"measure\"":  {"measure"},
		"no scenario \"odd\"":  {"run", "odd"},
		"no target \"theirs\"": {"run", "--targets", "theirs"},
		"core \"first\"":       {"run", "-cores", "first"},
		"core is not for janus, pion: it is for ours, null, livekit": {"run", "core", "--targets", "janus,pion"},
		"no such file":                   {"report", filepath.Join(t.TempDir(), "none")},
		"say which files":                {"report"},
		"is no rate":                     {"plan", "--up", "fast"},
		"say two files":                  {"compare", "one"},
		"no file with the ending .jsonl": {"compare", t.TempDir(), t.TempDir()},
		"say which scenario":             {"show"},
		"unknown flag":                   {"run", "--fast"},
		"ParseAddr":                      {"run", "-address", "here"},
		"no case \"5.9\"":                {"bwe", "-case", "5.9"},
		"no controller \"cc\"":           {"bwe", "-with", "ours, cc"},
		"nothing to play":                {"bwe", "-seeds", "0", "-varied", "0"},
		"\"5.1\" is no verb":             {"bwe", "5.1"},
		"--workers has to be":            {"bwe", "-workers", "0"},
		"say which file;":                {"bwe", "replay"},
		"open":                           {"bwe", "replay", filepath.Join(t.TempDir(), "none")},
	} {
		if err := run(t.Context(), arguments); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
	}
}

// TestBWE_WritesWhatItPlayed plays one short case, judged and in all the forms
// there are.
func TestBWE_WritesWhatItPlayed(t *testing.T) {
	folder := t.TempDir()
	page, lines := filepath.Join(folder, "bwe.html"), filepath.Join(folder, "bwe.jsonl")
	err := run(t.Context(), []string{
		"bwe", "-case", "outage", "-with", "ours,nada", "-seeds", "2", "-varied", "1", "-html", page, "-json", lines,
		"-curve", filepath.Join(folder, "curves"),
	})
	if err != nil && !errors.Is(err, errLost) { // which it is, is for make bwe to say
		t.Fatal(err)
	}
	text, err := os.ReadFile(lines)
	if err != nil || strings.Count(string(text), "\n") != 6 || !strings.Contains(string(text), `"controller":"NADA"`) {
		t.Errorf("%v: %s", err, text)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "uPlot") {
		t.Errorf("there is no page: %v", err)
	}
	if curves, err := os.ReadDir(filepath.Join(folder, "curves")); err != nil || len(curves) != 6 {
		t.Errorf("%d curves: %v", len(curves), err)
	}
}

// TestReplay_DecidesAsItWasRecorded records a run, replays it, and replays it with
// another beginning.
func TestReplay_DecidesAsItWasRecorded(t *testing.T) {
	folder := t.TempDir()
	err := run(t.Context(), []string{"bwe", "-case", "outage", "-with", "ours", "-seeds", "1", "-varied", "0", "-record", folder})
	if err != nil && !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	name := filepath.Join(folder, "ours-outage-1-0.trace")
	trace, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	each := asked{reports: true}
	if differs, err := each.retell(&told, bytes.NewReader(trace), name); err != nil || differs > 0 {
		t.Fatalf("%d differ: %v", differs, err)
	}
	if lines := strings.Count(told.String(), "report of "); lines < 500 {
		t.Errorf("%d reports are told", lines)
	}
	tellsStory(t, trace, name)
	other := bytes.ReplaceAll(trace, []byte(`,"rate":1`), []byte(`,"rate":2`)) // as if another had decided
	if err := os.WriteFile(name, other, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"bwe", "replay", "-quiet", name}); !errors.Is(err, errDiffers) {
		t.Errorf("other decisions: %v", err)
	}
	if err := os.WriteFile(name, trace[:len(trace)-5], 0o666); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"bwe", "replay", "-quiet", name}); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("a trace that was cut off: %v", err)
	}
}

// tellsStory has a trace told in short, packed, with its curves, and again.
func tellsStory(t *testing.T, trace []byte, name string) {
	t.Helper()
	page := name + ".html"
	short := asked{page: page}
	var told strings.Builder
	if differs, err := short.retell(&told, bytes.NewReader(trace), name); err != nil || differs > 0 {
		t.Fatalf("%d differ: %v", differs, err)
	}
	lines := strings.Count(told.String(), "\n")
	if lines < 10 || lines > 400 || !strings.Contains(told.String(), "silent") || !strings.Contains(told.String(), "· probe 1: ") {
		t.Errorf("the story has %d lines:\n%s", lines, told.String())
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "uPlot") || !strings.Contains(string(text), "Everything is decided as it was recorded") {
		t.Errorf("there is no page: %v", err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(trace)
	if err := errors.Join(z.Close(), os.WriteFile(name+".gz", packed.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-quiet", "-again", "-all"} {
		if err := run(t.Context(), []string{"bwe", "replay", flag, name + ".gz"}); err != nil {
			t.Errorf("%s of a packed trace: %v", flag, err)
		}
	}
}

func TestRoot_TellsWhatThereIs(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"list"}, "Eight people who all see each other"},
		{[]string{"show", "meeting"}, "publishers: 8\n"},
		{[]string{"run", "-h"}, "--targets"},
		{[]string{"plan", "--people", "6"}, "A focus wins"},
		{nil, "meshbench list"},
		{[]string{"completion", "bash"}, "__start_meshbench"},
		{[]string{"__complete", "run", "mee"}, "meeting\t8 × 8"},
		{[]string{"__complete", "run", "even", "--targets", "ours,li"}, "ours,livekit\n"},
		{[]string{"compare", "../../docs/bench/forward.jsonl", "../../docs/bench/forward.jsonl"}, "0 better, 0 worse"},
		{[]string{"compare", "../../docs/bench/first", "../../docs/bench/second"}, "targets"},
		{[]string{"report", "../../docs/bench/forward.jsonl", "../../docs/bench/forward-later.jsonl"}, "memory per subscriber"},
	} {
		var out strings.Builder
		root := newRoot()
		root.SetOut(&out)
		root.SetArgs(doubled(c.arguments))
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: %v\n%s", c.arguments, err, out.String())
		}
	}
}

func TestManual_HasAPageForEachVerb(t *testing.T) {
	folder := t.TempDir()
	if err := run(t.Context(), []string{"manual", folder}); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"", "-run", "-list", "-bwe", "-bwe-replay", "-compare"} {
		if text, err := os.ReadFile(filepath.Join(folder, "meshbench"+verb+".1")); err != nil || !strings.Contains(string(text), ".SH SYNOPSIS") {
			t.Errorf("meshbench%s.1: %v", verb, err)
		}
	}
}

func TestDoubled_TakesFlagsOfOneDash(t *testing.T) {
	got := strings.Join(doubled([]string{"bwe", "-case", "5.1", "-h", "-", "-1", "--html", "x", "--", "-y"}), " ")
	if want := "bwe --case 5.1 -h - -1 --html x -- -y"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestComplain_SaysEachOnceInALine(t *testing.T) {
	full := errors.New("no room")
	if got, want := inOneLine(errors.Join(full, errors.Join(full, errors.New("nor there")))), "no room; nor there"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCompleteTargets_LeavesOutThoseThatAreNamed and does not name pion twice, which
// forwards and relays.
func TestCompleteTargets_LeavesOutThoseThatAreNamed(t *testing.T) {
	lists, _ := completeTargets(nil, nil, "ours,p")
	text := "\n" + strings.Join(lists, "\n") + "\n"
	if strings.Contains(text, "ours,ours\n") || strings.Count(text, "\nours,pion\n") != 1 || !strings.Contains(text, "\nours,synapse\n") {
		t.Error(text)
	}
}

// disk has room for so many bytes.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n, _ := d.Buffer.Write(p[:min(len(p), d.room-d.Len())])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (d *disk) Truncate(size int64) error { d.Buffer.Truncate(int(size)); return nil }

func TestLines_AreWholeOnAFullDisk(t *testing.T) {
	d := &disk{room: 10}
	l := &lines{file: d}
	for _, line := range []string{"first\n", "second\n"} {
		_, _ = l.Write([]byte(line))
	}
	if d.String() != "first\n" || !l.torn {
		t.Errorf("%q", d.String())
	}
}

// TestPad_LeavesWhatIsThereUntilARound measures nothing, then a round.
func TestPad_LeavesWhatIsThereUntilARound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bench.jsonl")
	if err := os.WriteFile(name, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before", "now"} {
		p, err := openPad(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.WriteString("now")
		if want == "now" {
			if err := errors.Join(p.take(), p.take()); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		all, err := os.ReadDir(filepath.Dir(name))
		if text, _ := os.ReadFile(name); string(text) != want || len(all) != 1 || err != nil {
			t.Errorf("%q, want %q; %v, %v", text, want, all, err)
		}
	}
	if _, err := openPad(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Error(err)
	}
}
