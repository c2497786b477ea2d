package page

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

// sheetOf has five rounds of two scenarios of servers, in which ours takes a third of
// what the other does, and a call with curves.
func sheetOf() report.Sheet {
	s := report.Sheet{
		Machines: []report.Machine{{Machine: "two <cores>", Place: "loopback", Began: "2026-11-22T10:00:00Z", Command: "meshbench run even slow call"}},
		Chapters: []report.Chapter{{Kind: "cost", Title: "Servers"}, {Kind: "call", Title: "Calls"}},
		Cases: []report.Case{
			{Name: "even", Kind: "cost", Says: "1 → 50", StandsFor: "A speaker & fifty", Rate: 100_000, Many: 50},
			{Name: "slow", Kind: "cost", Rate: 12_500, Many: 50}, {Name: "call", Kind: "call", Many: 3},
		},
		Targets: report.Targets(),
	}
	for number := 1; number <= 5; number++ {
		jitter := 1 + float64(number)/100
		for at, name := range []string{"livekit", "ours"} {
			times := []float64{3, 1}[at]
			for which, scenario := range []string{"even", "slow"} {
				cost := []float64{3, 9}[which]
				s.Rounds = append(s.Rounds, report.Round{
					Scenario: scenario, Kind: "cost", Rival: name, Version: "1", Number: number,
					Figures: report.Figures{report.CPUMicros: cost * times * jitter, report.Loss: (times - 1) / 10, report.Sent: 5},
					Spread:  []report.Point{{0, 100 * times}, {0.99, 1000 * times}, {1, 9000 * times}},
				})
			}
		}
		s.Rounds = append(s.Rounds, report.Round{
			Scenario: "call", Kind: "call", Rival: "ours", Number: number, Figures: report.Figures{report.FirstFrameMillis: 100},
			Course: map[string][]report.Point{"loss %": {{0.01, 1}, {1.02, 2 * float64(number)}}},
		})
	}
	s.Rounds = append(s.Rounds, report.Round{Scenario: "even", Kind: "cost", Rival: "livekit", Number: 6, Invalid: "it <fell> over"})
	return s
}

func TestPage_TellsOfThePlaceWhatIsTrueOfAll(t *testing.T) {
	s := sheetOf()
	for want, place := range map[bool]string{true: "loopback", false: "two namespaces"} {
		s.Machines = []report.Machine{s.Machines[0], {Place: place}}
		var out strings.Builder
		if err := Write(&out, s); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "machine (loopback)") != want {
			t.Errorf("beside %q, loopback is everybody's place: %v", place, !want)
		}
	}
}

func TestPage_TellsWhatWasMeasured(t *testing.T) {
	var out strings.Builder
	if err := Write(&out, sheetOf()); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{
		"<h1>ours and livekit, side by side</h1>", `class="notice" role="note">the run did not come to its end`, "two &lt;cores&gt;", "command: meshbench run even slow call",
		"Processor time that each forwarded packet takes", "<b>3.09</b>", "3 × ours", "loses 20 %", `<td class="goal"><b>goal</b>`, "A speaker &amp; fifty",
		"1 round does not count", "it &lt;fell&gt; over", "5 of 6", `data-chart="chapter cost"`, `data-chart="call"`, "From asking to the first picture", "MIT",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if loads := regexp.MustCompile(`(?i)src\s*=|href\s*=\s*"?[^#"]|@import|url\(|ZgotmplZ`).FindString(page); loads != "" {
		t.Errorf("it loads something, or something was taken out: %s", loads)
	}
}

func TestPage_DrawsCurves(t *testing.T) {
	p := pageOf(sheetOf())
	along := p.charts["chapter cost"][0]
	if along.Axis != "rate" || along.Apart || along.X[0] != 12_500 || along.Notes[0] != "slow" || len(along.Lines) != 2 || *along.Lines[0].Values[1] < 3 || *along.Lines[0].Values[1] > 3.2 {
		t.Errorf("cost against the rate: %+v", along)
	}
	spread := p.charts["even"][0]
	if spread.Axis != "nines" || len(spread.X) != 3 || spread.X[0] != 0 || spread.X[2] != most || *spread.Lines[1].Values[2] != 27 {
		t.Errorf("how latency spreads: %+v", spread)
	}
	course := p.charts["call"]
	if len(course) != 1 || course[0].Title != "loss %" || len(course[0].X) != 2 || *course[0].Lines[0].Values[1] != 6 {
		t.Errorf("loss over time is to be the median of five rounds: %+v", course)
	}
	if _, err := json.Marshal(p.charts); err != nil {
		t.Error(err)
	}
	if _, ok := p.charts["chapter call"]; ok {
		t.Error("one scenario is drawn against how many take part")
	}
}

func TestPage_SaysNoRatioThatIsNotSure(t *testing.T) {
	s := sheetOf()
	for i := range s.Rounds {
		if r := &s.Rounds[i]; r.Rival == "livekit" && r.Figures != nil {
			r.Figures[report.CPUMicros] = 3 * []float64{0.5, 0.8, 1, 1.3, 2}[r.Number-1]
		}
	}
	p := pageOf(s)
	for _, bar := range p.chapters[0].Glances[0].Groups[0].Bars {
		if bar.Name == "livekit" && !strings.Contains(bar.Ratio, "not told apart") {
			t.Errorf("%+v", bar)
		}
	}
	s.Rounds = s.Rounds[:6] // one round and a bit
	for _, group := range pageOf(s).chapters[0].Glances[0].Groups {
		for _, bar := range group.Bars {
			if bar.Ratio != "" {
				t.Errorf("a ratio of too few rounds: %+v", bar)
			}
		}
	}
}

func TestPage_OfNothingIsAPage(t *testing.T) {
	var out strings.Builder
	if err := Write(&out, report.Sheet{}); err != nil || !strings.Contains(out.String(), "Nothing was measured") {
		t.Errorf("%v", err)
	}
	if err := Write(full{}, sheetOf()); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

// full fails as a full disk does.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestPage_NamesAllVersions of a target that files have of several.
func TestPage_NamesAllVersions(t *testing.T) {
	s := sheetOf()
	s.Rounds[0].Version = "1, built otherwise" // of livekit
	for _, one := range pageOf(s).targets {
		if want := map[string]string{"livekit": "1, built otherwise; 1", "ours": "1"}[one.Name]; one.Version != want {
			t.Errorf("%s: %q", one.Name, one.Version)
		}
	}
}
