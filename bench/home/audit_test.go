package home

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// TestDelays_AreTheGenerators: a request that leaves late is late, one of a homeserver
// that takes its time to answer, or to take a connection, is not.
func TestDelays_AreTheGenerators(t *testing.T) {
	const slow = time.Second
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(slow)
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	w := newWire(server.URL)
	defer w.close()
	w.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(slow)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	var left delays
	began := time.Now()
	ask := func(due time.Time) {
		t.Helper()
		if err := w.call(left.leaving(t.Context(), due), "", http.MethodGet, "v3/sync", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	ask(time.Now())
	if got, most := left.quantile(1), time.Since(began)-2*slow; got > most+most/10+time.Millisecond { // a histogram knows 3 %
		t.Errorf("a request that left at once was late by %v of %v", got, most)
	}
	ask(time.Now().Add(-time.Minute))
	if got := left.quantile(1); got < time.Minute {
		t.Errorf("one that left after a minute was late by %v", got)
	}
}

// TestAudit_SaysWhatTheLimitWas in one line each.
func TestAudit_SaysWhatTheLimitWas(t *testing.T) {
	for name, c := range map[string]struct {
		audit        *audit
		left, median time.Duration
		fault        string
	}{
		"in time":                   {&audit{late: time.Millisecond, share: 0.5, known: true}, time.Millisecond, 0, ""},
		"left late":                 {&audit{}, 6 * time.Millisecond, 0, "late by 6ms"},
		"left late, of a long time": {&audit{}, 6 * time.Millisecond, 200 * time.Millisecond, ""},
		"woke late":                 {&audit{late: 7 * time.Millisecond}, 0, 0, "woke late by 7ms"},
		"busy":                      {&audit{share: 0.93, known: true}, 0, time.Hour, "took 93 % of its cores"},
	} {
		err := c.audit.fault(c.left, &report.Round{Figures: report.Figures{report.P50Micros: micros(c.median)}})
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStorm_DoesNotCountIfTheGeneratorWasTheLimit: one whose process seems to have
// had twice the time of its cores.
func TestStorm_DoesNotCountIfTheGeneratorWasTheLimit(t *testing.T) {
	h, err := enter(t.Context(), inside{}, rival.Place{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.leave() }()
	began := time.Now()
	h.spent = func() (time.Duration, bool) { return 2 * time.Since(began) * time.Duration(ownCores()), true }
	r := report.Round{Figures: report.Figures{}}
	err = h.storm(t.Context(), scenario.Scenario{Name: "storm", Kind: scenario.Storm, Devices: 3}, &r)
	if err == nil || !strings.HasPrefix(err.Error(), "the generator") {
		t.Errorf("counts: %v", err)
	}
	if f := r.Figures; f[report.GeneratorCPU] < 1 || f[report.LateMicros] <= 0 || f[report.JoinMillis] <= 0 {
		t.Errorf("%+v", f)
	}
}

// TestAudit_SeesAProcessThatIsBusy or is given no core: it spins on all it has.
func TestAudit_SeesAProcessThatIsBusy(t *testing.T) {
	a := watch(t.Context(), spent)
	if !a.known {
		t.Skip("this system does not tell processor time")
	}
	end := time.Now().Add(200 * time.Millisecond)
	spinning := make(chan struct{})
	many := 4 * ownCores()
	for range many {
		go func() {
			for time.Now().Before(end) {
			}
			spinning <- struct{}{}
		}()
	}
	for range many {
		<-spinning
	}
	a.end()
	a.end() // changes nothing
	if a.fault(0, &report.Round{}) == nil {
		t.Errorf("woke late by %v, took %.2f of its cores", a.late, a.share)
	}
}
