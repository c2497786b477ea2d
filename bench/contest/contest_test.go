package contest

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/plain"
	"meshfocus/bench/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inside is the plain forwarder in this process, so that the test needs no
// program: what it "uses" is ours.
type inside struct {
	name  string
	worse plain.Worse
}

func (i inside) Name() string { return i.name }

func (i inside) Version(context.Context) (string, error) {
	if i.name == "missing" {
		return "", rival.ErrMissing
	}
	return "inside", nil
}

func (i inside) Start(context.Context, rival.Place, rival.Options) (rival.Server, error) {
	if i.name == "broken" {
		return nil, errors.New("it fell over")
	}
	forwarder, err := plain.NewWorse(i.worse)
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(door.Handler(forwarder))
	return &rival.Served{Client: door.Client{URL: server.URL}, Process: os.Getpid(), End: func() error {
		server.Close()
		return forwarder.Close()
	}}, nil
}

// TestRun_MeasuresByTurns runs every kind of scenario, tiny, twice.
func TestRun_MeasuresByTurns(t *testing.T) {
	small := scenario.Scenario{
		Name: "even", Kind: scenario.Cost, Publishers: 1, Subscribers: 2, Rate: 60, Burst: 1, Cipher: scenario.GCM, Lanes: 1,
		Rivals: []string{"pion", "missing", "broken"},
	}
	memory := small
	memory.Name, memory.Kind, memory.Rivals = "memory", scenario.Memory, nil
	var said sync.Map
	var rounds []report.Round
	var begun []string
	err := Run(t.Context(), Config{
		Scenarios: []scenario.Scenario{small, memory},
		Rivals:    []rival.Rival{inside{name: report.Ours}, inside{name: "pion"}, inside{name: "missing"}, inside{name: "broken"}},
		Rounds:    2, Warm: 50 * time.Millisecond, Measure: 300 * time.Millisecond, Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		Took: func(r report.Round) error { rounds = append(rounds, r); return nil },
		Now:  func(done, _ int, what string) { begun = append(begun, fmt.Sprint(done, " ", what)) },
		Say:  func(format string, _ ...any) { said.Store(format, true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range rounds {
		order = append(order, r.Scenario+"/"+r.Rival)
		switch {
		case r.Rival == "broken":
			if !strings.Contains(r.Invalid, "fell over") {
				t.Errorf("broken counts: %+v", r)
			}
		case r.Invalid != "":
			// The machine may be too busy for it; that is what it is to say.
			t.Logf("%s, %s: %s", r.Scenario, r.Rival, r.Invalid)
		case r.Figures[report.Forwarded] == 0 || r.Figures[report.P99Micros] == 0 || r.Figures[report.RoundTrip] <= 0 || len(r.Spread) == 0 || r.Version != "inside":
			t.Errorf("%+v", r)
		default:
			if _, told := r.Has(report.Allocations); !told {
				t.Errorf("nothing is told of allocations: %+v", r)
			}
		}
	}
	if got, want := strings.Join(order, " "), "even/ours even/pion even/broken even/ours even/pion even/broken memory/ours memory/ours"; got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
	if len(begun) != len(rounds) || begun[0] != "0 even, ours" || begun[len(begun)-1] != "7 memory, ours" {
		t.Errorf("it said that it measures %q", begun)
	}
}

func TestRun_EndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(ctx, Config{
		Scenarios: scenario.Comparison(), Rivals: []rival.Rival{inside{name: report.Ours}}, Rounds: 1,
		Took: func(report.Round) error { return nil }, Now: func(int, int, string) {}, Say: func(string, ...any) {},
		Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestSpan_KnowsWhoWasTheLimit(t *testing.T) {
	fine := func() span {
		return span{
			seconds: 2, copies: 50, sample: 1,
			counts: party.Counts{Sent: 1000, Received: 50_000, Opened: 3000, Latency: &report.Histogram{}, Lateness: &report.Histogram{}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*span)
		want   string
	}{
		{"nobody", func(*span) {}, ""},
		{"nothing arrived", func(s *span) { s.counts.Received = 0 }, "0 arrived"},
		{"unsent", func(s *span) { s.counts.Skipped = 10 }, "could not send 10 of 1010"},
		{"no room", func(s *span) { s.counts.Dropped = 100 }, "no room for 100"},
		{"no room for a sample", func(s *span) { s.sample, s.then.overflows = 2, 100 }, "no room for 100"},
		{"a sample drops the rest", func(s *span) { s.sample, s.counts.Dropped = 2, 100 }, ""},
		{"late", func(s *span) { s.counts.Lateness.Add(time.Second) }, "late by"},
		{"late by much of what lies between bursts", func(s *span) { s.interval = time.Second; s.counts.Lateness.Add(time.Second) }, "late by"},
		{"late by little of it", func(s *span) { s.interval = time.Second; s.counts.Lateness.Add(50 * time.Millisecond) }, ""},
		{"lost, alone on a core", func(s *span) { s.cores, s.counts.Received, s.then.usage.User = 1, 40_000, 2*time.Second }, ""},
		{"lost beside others", func(s *span) { s.cores, s.counts.Received, s.then.usage.User = 1, 40_000, time.Second }, "others had 50 % of the servers' cores, and 20.0 % was lost"},
		{"lost nothing beside others", func(s *span) { s.cores, s.then.usage.User = 1, time.Second }, ""},
		{"unreadable", func(s *span) { s.counts.Broken = 100 }, "could not be read"},
	} {
		s := fine()
		c.change(&s)
		err := s.fault()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	s := fine()
	if s.loss() != 0 || s.rate() != 25_000 {
		t.Errorf("loss %v at %v/s", s.loss(), s.rate())
	}
	s.sample, s.counts.Received = 16, 50_000*15/16/16
	if got := s.loss(); got < 0.06 || got > 0.065 {
		t.Errorf("of a sample a loss of %v, want a sixteenth", got)
	}
}
