package table

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"meshfocus/bench/congestion"
)

// run is a run of 5.4, whose utilisation wants 0.97 and has its bar at 0.96.
func run(controller string, seed uint64, varied bool, used float64) Run {
	return Run{controller, congestion.Result{Case: "5.4", Seed: seed, Varied: varied, Figures: []congestion.Figure{
		{Metric: congestion.Utilisation, Value: used}, {Metric: congestion.Queue95, Value: 20},
	}}}
}

func verdictOf(t *testing.T, runs []Run, varied bool, metric congestion.Metric) []string {
	t.Helper()
	for _, r := range Rows(runs) {
		if r.Varied == varied && r.Metric == metric {
			var words []string
			for _, v := range r.Verdicts {
				words = append(words, v.Word())
			}
			return words
		}
	}
	t.Fatalf("there is no row for %s", metric)
	return nil
}

func TestRows_GiveTheVerdictInWords(t *testing.T) {
	for word, used := range map[string][]float64{
		"goal":        {0.965, 0.98, 0.99},
		"above worst": {0.961, 0.965, 0.99},
		"LOST":        {0.95, 0.98, 0.99},
	} {
		var runs []Run
		for seed, value := range used {
			runs = append(runs, run("theirs", uint64(seed), false, 0.5), run(Ours, uint64(seed), false, value))
		}
		got := verdictOf(t, runs, false, congestion.Utilisation)
		if len(got) != 2 || got[0] != word || got[1] != "LOST" {
			t.Errorf("%v is %v, want %s for ours, who come first", used, got, word)
		}
	}
	// What was not measured is not reached.
	if got := verdictOf(t, []Run{run(Ours, 1, false, 1)}, false, congestion.Fairness); got[0] != "LOST" {
		t.Errorf("fairness that nobody measured is %q", got[0])
	}
}

func TestRows_KeepVariedSchedulesApart(t *testing.T) {
	runs := []Run{run(Ours, 1, false, 1), run(Ours, 1, true, 0.5)}
	if got := verdictOf(t, runs, false, congestion.Utilisation)[0]; got != "goal" {
		t.Errorf("the plain one is %q", got)
	}
	if got := verdictOf(t, runs, true, congestion.Utilisation)[0]; got != "LOST" {
		t.Errorf("the varied one is %q", got)
	}
	rows := Rows(runs)
	if at := len(rows) / 2; rows[at-1].Varied || !rows[at].Varied {
		t.Error("varied rows do not follow the plain ones")
	}
	if count := Count(rows, 0); count.Goal+count.Above+count.Lost != len(rows) {
		t.Errorf("%+v of %d rows", count, len(rows))
	}
}

func TestPrint_SaysWhoPlayedAndWhatCameOfIt(t *testing.T) {
	var b bytes.Buffer
	if err := Print(&b, []Run{run(Ours, 1, false, 0.98), run(Ours, 2, false, 0.95), run("NADA", 1, false, 0.7)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^case +metric +goal +worst seed +ours +verdict +NADA$`,
		`(?m)^5\.4 +utilisation +≥ 0\.97 +≥ 0\.96 +0\.965 / 0\.95 +LOST +0\.7 / 0\.7$`,
		`(?m)^ours: \d+ goal, \d+ above worst, \d+ LOST$`,
	} {
		if !regexp.MustCompile(want).Match(b.Bytes()) {
			t.Errorf("nothing matches %s in\n%s", want, &b)
		}
	}
}

func TestWrite_KeepsFiguresAndNoCurves(t *testing.T) {
	r := run(Ours, 3, true, 0.9)
	r.Figures = append(r.Figures, congestion.Figure{Metric: congestion.Drain, Value: math.NaN()})
	r.Curves = []congestion.Curve{{Points: make([]congestion.Point, 10)}}
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	var got Run
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Controller != Ours || got.Seed != 3 || !got.Varied || len(got.Figures) != 2 || len(got.Curves) != 0 {
		t.Errorf("%+v", got)
	}
	if len(r.Figures) != 3 {
		t.Error("the run itself was changed")
	}
}

func TestPage_IsWholeByItself(t *testing.T) {
	r := run(Ours, 1, false, 0.98)
	points := make([]congestion.Point, 1200)
	for i := range points {
		points[i] = congestion.Point{T: float64(i) / 10, Capacity: 1000, Received: 900, Queue: float64(i % 7)}
	}
	r.Curves = []congestion.Curve{{Points: points}, {Flow: 1, Points: points}}
	var b bytes.Buffer
	if err := Page(&b, []Run{r, run("<NADA>", 1, false, 0.7)}, map[string]string{"5.4": "three"}, "Made up."); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<NADA>") {
		t.Error("a name is not escaped")
	}
	if loads := regexp.MustCompile(`(?i)src\s*=|href\s*=\s*"?[^"#\s]|@import|url\(`).FindString(page); loads != "" {
		t.Errorf("it loads something: %s", loads)
	}
	data := regexp.MustCompile(`(?s)id="curves">(.*?)</script>`).FindStringSubmatch(page)
	if data == nil {
		t.Fatal("there are no curves")
	}
	var charts map[string]chart
	if err := json.Unmarshal([]byte(data[1]), &charts); err != nil {
		t.Fatal(err)
	}
	c := charts["5.4"]
	if len(c.Lines) != 1 || len(c.Capacity) != 240 || c.Step != 0.5 {
		t.Fatalf("%d lines, %d points of %v s", len(c.Lines), len(c.Capacity), c.Step)
	}
	line := c.Lines[0]
	if line.Received[3] != 1800 || line.Queue[3] > 6 || len(line.Flows) != 2 || line.Flows[1][3] != 900 {
		t.Errorf("received %d of %v, queue %d", line.Received[3], line.Flows, line.Queue[3])
	}
}

func TestAgainst_IsWholeByItself(t *testing.T) {
	r := run("simulated", 1, false, 0.98)
	r.Curves = []congestion.Curve{{Points: make([]congestion.Point, 100)}}
	held := []Held{{
		Name: r.Case, About: "<made up>", Notes: []string{"nobody listened"}, Word: "OFF", Lost: true,
		Rows: []HeldRow{{Title: "utilisation", Cells: []string{"0.9", "0.1"}, Word: "OFF: -80 %", Lost: true}},
	}}
	var b bytes.Buffer
	if err := Against(&b, []string{"simulated", "real"}, held, []Run{r}, "Made up."); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"&lt;made up&gt;", "nobody listened", `<td class="lost">OFF: -80 %`, `data-controller="real"`, `data-case="` + r.Case, `"lines":[{"name":"simulated"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if loads := regexp.MustCompile(`(?i)(src|href)\s*=|@import|url\(`).FindString(page); loads != "" {
		t.Errorf("it loads something: %s", loads)
	}
}

// What stands beside another to be compared has figures by its metrics, and no verdict.
func TestRows_HaveNoVerdictWhereNothingIsDemanded(t *testing.T) {
	r := run(Ours, 1, false, 0.1)
	r.Case = "coupled blind"
	for _, row := range Rows([]Run{r}) {
		if v := row.Verdicts[0]; v.Word() != "" || v.Class() != "" || row.Wanted() != "–" || row.Bar() != "–" {
			t.Errorf("%s is %q, wanted %s, %s", row.Metric, v.Word(), row.Wanted(), row.Bar())
		}
	}
	if count := Count(Rows([]Run{r}), 0); count != (Tally{}) {
		t.Errorf("%+v of what is only shown", count)
	}
	var b bytes.Buffer
	if err := Page(&b, []Run{r}, nil, ""); err != nil || !strings.Contains(b.String(), "to compare") {
		t.Errorf("the page does not say that it is there to compare: %v", err)
	}
}

func TestBesides_AreCasesWithoutGoals(t *testing.T) {
	var runs []Run
	for _, used := range []float64{0.5, 0.9, 0.6} {
		r := run(Ours, 1, true, used)
		r.Case = "only to look at"
		runs = append(runs, r, run(Ours, 1, false, 1))
	}
	found := Besides(runs)
	if len(found) != 1 || found[0].Title() != "only to look at varied, ours" || !strings.HasPrefix(found[0].Text(), "utilisation 0.6 · ") {
		t.Errorf("%+v", found)
	}
	var b bytes.Buffer
	if err := Print(&b, runs); err != nil || !strings.Contains(b.String(), "no goals, median: only to look at varied") {
		t.Errorf("%v: %s", err, &b)
	}
}
