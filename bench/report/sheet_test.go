package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
)

// sheet has rounds of three kinds: a call of two targets, one of which fell over
// once, a scenario nobody knows, and the one that targets are about.
func sheet() Sheet {
	s := Sheet{
		Machines: []Machine{{Machine: "two cores", Began: "2026-11-22T10:00:00Z", Command: "meshbench run call", Load: "0.50", End: &End{Stopped: true, Load: "1.50", Steal: 0.02}}},
		Chapters: []Chapter{{"cost", "Servers"}, {"call", "Calls"}},
		Cases:    []Case{{Name: "call", Kind: "call", Says: "three people"}, {Name: "even", Kind: "cost", Says: "1 → 50"}},
		Targets:  Targets(),
		Rounds:   rounds([]float64{2, 2.1, 1.9}, []float64{4, 4, 4}),
	}
	for i, join := range []float64{100, 120, 110} {
		s.Rounds = append(s.Rounds,
			Round{Scenario: "call", Rival: "livekit", Kind: "call", Number: i + 1, Figures: Figures{JoinMillis: 2 * join}},
			Round{Scenario: "call", Rival: Ours, Kind: "call", Number: i + 1, Figures: Figures{JoinMillis: join, Freezes: 0, Sent: 10, "moons": 3}})
	}
	s.Rounds[len(s.Rounds)-2].Invalid = "it fell \"over\" <twice>"
	s.Rounds = append(s.Rounds, Round{Scenario: "odd", Rival: Ours, Kind: "strange", Number: 1, Figures: Figures{P99Micros: 1500}}, Round{Scenario: "odd", Rival: Ours, Number: 2, Invalid: "nothing came"})
	return s
}

func TestSheet_PrintsWhatThereIsOfEachKind(t *testing.T) {
	var out strings.Builder
	if err := sheet().Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"command: meshbench run call\n", "load 0.50 before, 1.50 at the end, 2.0 % of the cores stolen\n", "stopped before everything was measured",
		"\nCalls\n\ncall: three people\n  median (90 %)      ours              livekit\n  join ms            110 (100 to 120)  220 (200 to 240)\n",
		"  freezes/min        0.00              –\n", "  rounds that count  3                 2 of 3\n", "\nOthers\n", "  p99 ms             1.50\n",
		"CPU per packet, 1 → 50", "does not count: call, livekit, round 3: it fell",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
	if strings.Count(out.String(), "median (90 %)") != 2 {
		t.Errorf("servers have a second table:\n%s", out.String())
	}
	if strings.Contains(out.String(), "at-once") || !strings.Contains(out.String(), "11 more targets are of scenarios that were not measured\n") {
		t.Errorf("targets that nobody asked for are listed:\n%s", out.String())
	}
	if strings.Contains(out.String(), "join µs") || strings.Contains(out.String(), "sent") {
		t.Errorf("there is more than what can be better:\n%s", out.String())
	}
	mesh := Sheet{Targets: Targets(), Rounds: []Round{{Scenario: "mesh", Kind: "mesh", Rival: Ours, Number: 1, Figures: Figures{PairMillis: 1}}}, Chapters: []Chapter{{"mesh", "Meshes"}}}
	out.Reset()
	if err := mesh.Print(&out); err != nil || strings.Contains(out.String(), "not measured") || strings.Contains(out.String(), "µs/packet") {
		t.Errorf("of a mesh alone, servers are told, %v:\n%s", err, out.String())
	}
}

func TestSheet_HasEachFigureOnce(t *testing.T) {
	var says []string
	for _, row := range sheet().Rows("call", true) {
		says = append(says, row.Meaning.Says)
	}
	if got, want := strings.Join(says, ", "), "join ms, freezes/min, sent, moons"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSheet_CSVHasEveryFigure(t *testing.T) {
	var out bytes.Buffer
	s := sheet()
	if err := s.CSV(&out); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := 1
	for _, r := range s.Rounds {
		want += max(len(r.Figures), 1)
	}
	if len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	text := ""
	for _, line := range lines {
		text += strings.Join(line, "|") + "\n"
	}
	for _, want := range []string{"at|kind|scenario|target|version|round|invalid|metric|value\n", "|cost|even|ours||1||cpu_us|2\n", "|call|call|ours||1||moons|3\n", "|strange|odd|ours||2|nothing came||\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

func TestSheet_JUnitHasTargetsAndWhatDoesNotCount(t *testing.T) {
	var out bytes.Buffer
	if err := sheet().JUnit(&out); err != nil {
		t.Fatal(err)
	}
	var read junitSuites
	if err := xml.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	targets, invalid := read.Suites[0], read.Suites[1]
	if targets.Tests != len(Targets()) || targets.Failures != 1 || targets.Failures+targets.Skipped >= targets.Tests+1 || len(targets.Cases) != targets.Tests {
		t.Errorf("targets: %+v", targets)
	}
	if first := targets.Cases[0]; first.Failure == nil || !strings.Contains(first.Failure.Message, "missed: goal ≤ 0.36 × livekit") || !strings.Contains(first.Out, "in 3 rounds") {
		t.Errorf("half of what LiveKit takes: %+v", first)
	}
	if invalid.Errors != 2 || invalid.Cases[0].Error.Message != "it fell \"over\" <twice>" {
		t.Errorf("rounds that do not count: %+v", invalid)
	}
}

// full fails as a full disk does.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestSheet_SaysThatItCannotBeWritten(t *testing.T) {
	s := sheet()
	if err := s.Print(full{}); !errors.Is(err, errFull) {
		t.Errorf("the table: %v", err)
	}
	if err := s.CSV(full{}); !errors.Is(err, errFull) {
		t.Errorf("CSV: %v", err)
	}
	if err := s.JUnit(full{}); !errors.Is(err, errFull) {
		t.Errorf("JUnit: %v", err)
	}
}

func TestTell_HasWhatARoundHas(t *testing.T) {
	got := Tell(Round{Figures: Figures{CPUMicros: 3.344, P99Micros: 4000, Loss: 0.001, Others: 0.3, Sent: 5}, Invalid: "late"})
	if want := "CPU µs/packet 3.34 · p99 ms 4.00 · loss % 0.100 · others on the core % 30.0 · does not count: late"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
