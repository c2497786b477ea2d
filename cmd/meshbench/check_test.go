package main

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// rehearsed gives rounds in which each target is worse by a part of what it is to be.
func rehearsed(part float64) (rounds []report.Round) {
	for number := 1; number <= 5; number++ {
		noise := 1 + 0.01*float64(number)
		plain := report.Figures{report.P50Micros: 300 * noise, report.Loss: 0, report.CPUMicros: 60 * noise}
		rounds = append(rounds, report.Round{Scenario: scenario.Check, Rival: unworsened, Number: number, Figures: plain})
		for _, w := range worsened {
			figures := report.Figures{w.metric: plain[w.metric] + part*w.truth*(1+0.02*math.Cos(float64(number)))}
			rounds = append(rounds, report.Round{Scenario: scenario.Check, Rival: w.target, Number: number, Figures: figures})
		}
	}
	return rounds
}

func TestJudge_SeesWhatIsWorseAndByHowMuch(t *testing.T) {
	found := []report.Round{{Invalid: "the generator was late by 30ms"}}
	astray := []report.Round{{Invalid: offset.Offset{Bound: known}.Check(-wrong).Error()}}
	for _, c := range []struct {
		name string
		seen seen
		want string
	}{
		{"all", seen{rehearsed(1), found, astray, nil}, ""},
		{"nothing is worse", seen{rehearsed(0), found, astray, nil}, "3 of 5"},
		{"a tenth too much", seen{rehearsed(1.1), found, astray, nil}, "3 of 5"},
		{"no rounds", seen{nil, found, astray, nil}, "3 of 5"},
		{"a starved generator counts", seen{rehearsed(1), []report.Round{{}}, astray, nil}, "1 of 5"},
		{"the server was the limit", seen{rehearsed(1), []report.Round{{Invalid: "it ended"}}, astray, nil}, "1 of 5"},
		{"a wrong clock counts", seen{rehearsed(1), found, []report.Round{{}}, nil}, "1 of 5"},
		{"nothing else was measured", seen{rounds: rehearsed(1)}, "2 of 5"},
	} {
		var out strings.Builder
		err := c.seen.judge(&out)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q\n%s", c.name, err, c.want, out.String())
		}
		if lines := strings.Count(out.String(), "\n"); lines != 6 {
			t.Errorf("%s: %d lines:\n%s", c.name, lines, out.String())
		}
	}
}

// TestJudge_KnowsHowManyPacketsThereWere: of 600 each hundredth is six, of which a round that
// begins after one and ends before one sees five.
func TestJudge_KnowsHowManyPacketsThereWere(t *testing.T) {
	for _, c := range []struct {
		part float64
		sent float64
		seen bool
	}{{5. / 6, 600, true}, {5. / 6, 6000, false}, {4. / 6, 600, false}, {7. / 6, 600, true}, {5. / 6, 0, false}} {
		rounds := rehearsed(c.part)
		for _, r := range rounds {
			if c.sent > 0 {
				r.Figures[report.Sent] = c.sent
			}
		}
		var out strings.Builder
		_ = seen{rounds: rounds}.judge(&out)
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "one packet of 100") && strings.Contains(line, "not seen") == c.seen {
				t.Errorf("%.2f %% of %.0f packets: %s", c.part, c.sent, line)
			}
		}
	}
}

func TestTogether_CountsTurnsInWhichAllCount(t *testing.T) {
	rounds := []report.Round{{Number: 1}, {Number: 1}, {Number: 2}, {Number: 2, Invalid: "late"}, {Number: 3}}
	if got := together(rounds, []string{"a", "b"}); got != 1 {
		t.Errorf("%d", got)
	}
}

// TestCheck_MeasuresAWrongClock does the part that hangs on nobody's speed.
func TestCheck_MeasuresAWrongClock(t *testing.T) {
	q := comparison{own: "127.0.0.1", theirs: "127.0.0.1", folder: t.TempDir(), rounds: 1, warm: 50 * time.Millisecond, measure: 300 * time.Millisecond}
	q.clocks = offset.Offset{Ahead: -time.Hour, Bound: known}
	display := newDisplay(io.Discard)
	defer display.end()
	rounds, err := q.rehearse(t.Context(), display, scenario.CheckClock, []string{unworsened})
	if err != nil || len(rounds) != 1 {
		t.Fatalf("%v, %v", rounds, err)
	}
	if why := rounds[0].Invalid; !strings.Contains(why, offset.ErrWrong.Error()) && !strings.HasPrefix(why, "the generator") {
		t.Errorf("%q", why)
	}
}

func TestDescriptors_AreCountedBeforeAnythingStarts(t *testing.T) {
	crowd := scenario.Scenario{Name: "crowd", Publishers: 1, Subscribers: 1 << 40}
	if err := descriptors([]scenario.Scenario{crowd}); err == nil || !strings.Contains(err.Error(), "crowd wants") {
		t.Errorf("a crowd that no machine has room for: %v", err)
	}
	if err := descriptors([]scenario.Scenario{{Name: "pair", Publishers: 1, Subscribers: 1}}); err != nil {
		t.Error(err)
	}
}
