package contest

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/rival/plain"
	"meshfocus/bench/scenario"
)

// few is a scenario that any machine can do.
func few(rivals ...string) scenario.Scenario {
	return scenario.Scenario{Name: "few", Kind: scenario.Cost, Publishers: 1, Subscribers: 2, Rate: 100, Burst: 1, Cipher: scenario.GCM, Lanes: 1, Rivals: rivals}
}

// measured gives a round of each rival.
func measured(t *testing.T, stall time.Duration, rivals ...inside) map[string]report.Round {
	t.Helper()
	rounds := make(map[string]report.Round)
	c := Config{
		Rounds: 1, Warm: 50 * time.Millisecond, Measure: time.Second, Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Stall: stall,
		Took: func(r report.Round) error { rounds[r.Rival] = r; return nil },
		Now:  func(int, int, string) {}, Say: func(string, ...any) {},
	}
	var names []string
	for _, r := range rivals {
		c.Rivals, names = append(c.Rivals, rival.Rival(r)), append(names, r.name)
	}
	c.Scenarios = []scenario.Scenario{few(names...)}
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return rounds
}

// TestRun_SeesWhatIsMadeWorse looks for what even a machine that is too busy cannot
// hide: a delay, a loss and processor time are at least what was added.
func TestRun_SeesWhatIsMadeWorse(t *testing.T) {
	rounds := measured(t, 0,
		inside{"late", plain.Worse{Delay: 5 * time.Millisecond}},
		inside{"lossy", plain.Worse{Drop: 0.2}},
		inside{"busy", plain.Worse{Burn: 3 * time.Millisecond}},
	)
	for _, want := range []struct {
		rival  string
		metric report.Metric
		least  float64
	}{{"late", report.P50Micros, 4950}, {"lossy", report.Loss, 0.15}, {"busy", report.CPUMicros, 3000}} {
		if got, ok := rounds[want.rival].Has(want.metric); !ok || got < want.least {
			t.Errorf("%s: %s is %v, want %v at least (%s)", want.rival, want.metric, got, want.least, rounds[want.rival].Invalid)
		}
	}
}

func TestRun_FindsOutAGeneratorThatStandsStill(t *testing.T) {
	r := measured(t, 60*time.Millisecond, inside{name: "plain"})["plain"]
	if !strings.Contains(r.Invalid, "the generator") {
		t.Errorf("it counts: %+v", r)
	}
}
