package mesh

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// rounds measures scenarios once each.
func rounds(t *testing.T, all ...scenario.Scenario) (taken []report.Round) {
	t.Helper()
	err := Run(t.Context(), Config{
		Scenarios: all, Rounds: 1, Warm: 10 * time.Millisecond, Measure: 300 * time.Millisecond, Version: "a test",
		Now:  func(int, int, string) {},
		Took: func(r report.Round) error { taken = append(taken, r); return nil },
	})
	if err != nil || len(taken) != len(all) {
		t.Fatalf("%d rounds, %v", len(taken), err)
	}
	for _, r := range taken {
		// What else the machine does may make a round one that does not count.
		if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the machine was the limit") {
			t.Fatalf("%s: %s", r.Scenario, r.Invalid)
		}
	}
	return taken
}

// TestRun_MeasuresAMesh of two, and of two who reach their homeserver late.
func TestRun_MeasuresAMesh(t *testing.T) {
	const delay = 100 * time.Millisecond
	taken := rounds(t, scenario.Scenario{Name: "two", Kind: scenario.Mesh, Parties: 2},
		scenario.Scenario{Name: "late", Kind: scenario.Mesh, Parties: 2, Delay: delay})
	for _, r := range taken {
		f := r.Figures
		for _, m := range []report.Metric{report.ConnectedMillis, report.PairMillis, report.FirstFrameMillis, report.PartyMB, report.PartyCPU, report.Seconds} {
			if f[m] <= 0 {
				t.Errorf("%s: %s is %v", r.Scenario, m, f[m])
			}
		}
		// Invite, answer and candidates, each with its content.
		if f[report.Messages] < 2 || f[report.MessageBytes] < 1000 {
			t.Errorf("%s: %v messages and %v bytes a pair", r.Scenario, f[report.Messages], f[report.MessageBytes])
		}
		if curve := r.Course["pairs connected"]; len(curve) != 2 || curve[1][0]*1000 > f[report.ConnectedMillis]+1 || curve[1][1] != 2 {
			t.Errorf("%s: the course is %v, all connected after %v ms", r.Scenario, curve, f[report.ConnectedMillis])
		}
	}
	// The offer and the answer each wait once on their way.
	if got := taken[1].Figures[report.PairMillis]; got < 2*millis(delay) {
		t.Errorf("with requests %v late a pair takes %v ms", delay, got)
	}
}

func TestRun_LetsOneGoAndAnotherCome(t *testing.T) {
	r := rounds(t, scenario.Scenario{Name: "churn", Kind: scenario.Mesh, Parties: 2, Leave: 100 * time.Millisecond})[0]
	if r.Figures[report.JoinMillis] <= 0 || r.Figures[report.Seconds] < 0.3 {
		t.Errorf("%+v", r.Figures)
	}
}

func TestRun_DropsARoundThatIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, Config{
		Scenarios: []scenario.Scenario{{Name: "two", Parties: 2}}, Rounds: 3, Measure: time.Hour,
		Now:  func(int, int, string) { cancel() },
		Took: func(r report.Round) error { t.Errorf("took %+v", r); return nil },
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFront_CountsMessagesAndHandsThemOn(t *testing.T) {
	f := &front{}
	var got string
	door := f.handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		got = string(body[:n])
	}))
	const body = `{"messages":{"@a:x":{"A":{},"B":{}},"@b:x":{"C":{}}}}`
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/_matrix/client/v3/sendToDevice/m.x/1", strings.NewReader(body)))
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/_matrix/client/v3/rooms/1", strings.NewReader(body)))
	if f.messages.Load() != 3 || f.bytes.Load() != uint64(len(body)) || got != body {
		t.Errorf("%d messages, %d bytes, handed on %q", f.messages.Load(), f.bytes.Load(), got)
	}
}

func TestFault_SeesAMachineThatIsTheLimit(t *testing.T) {
	if fault(4*time.Millisecond) != nil || fault(6*time.Millisecond) == nil {
		t.Error("the bound is not 5 ms")
	}
	before := waiting{[]uint64{10, 0, 0}, []float64{0, 0.001, 0.01, 0.1}}
	after := waiting{[]uint64{10, 98, 2}, before.bounds}
	if got := after.since(before).quantile(0.99); got != 100*time.Millisecond {
		t.Errorf("p99 is %v", got)
	}
	if got := after.since(before).quantile(0.5); got != 10*time.Millisecond {
		t.Errorf("p50 is %v", got)
	}
}
