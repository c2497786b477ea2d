package home

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/signalling/homeserver"
)

// inside is a homeserver in this process, behind a handler of a test.
type inside struct {
	around func(http.Handler) http.Handler
	token  string
	rates  map[homeserver.Class]homeserver.Limit
}

func (inside) Name() string { return "inside" }

func (i inside) Start(context.Context, rival.Place) (Place, error) {
	config := homeserver.Config{ServerName: "test.local", Registration: homeserver.RegistrationOpen, RateLimits: i.rates}
	if i.token != "" {
		config.Registration, config.RegistrationTokens = homeserver.RegistrationToken, []string{i.token}
	}
	server, err := homeserver.New(config)
	if err != nil {
		return Place{}, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Run(ctx) }()
	handler := server.Handler()
	if i.around != nil {
		handler = i.around(handler)
	}
	web := httptest.NewServer(handler)
	return Place{URL: web.URL, Version: "a test", Token: i.token, Stop: func() error {
		stop()
		<-ended
		web.CloseClientConnections()
		web.Close()
		return nil
	}}, nil
}

// measured is one round of a scenario with a target.
func measured(t *testing.T, target Target, s scenario.Scenario) (taken report.Round) {
	t.Helper()
	err := Run(t.Context(), Config{
		Scenarios: []scenario.Scenario{s}, Targets: []Target{target}, Rounds: 1, Seed: 7, Warm: 50 * time.Millisecond, Measure: 400 * time.Millisecond,
		Now: func(int, int, string) {}, Say: t.Logf, Took: func(r report.Round) error { taken = r; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// counts fails the test if a round does not count for another reason than the
// generator, which a busy machine keeps from its work.
func counts(t *testing.T, r report.Round) {
	t.Helper()
	if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") {
		t.Fatalf("does not count: %s", r.Invalid)
	}
}

var few = scenario.Scenario{Name: "few", Kind: scenario.Messages, Devices: 4, Rate: 100}

func TestMessages_CountsWhatArrives(t *testing.T) {
	r := measured(t, inside{token: "club"}, few)
	counts(t, r)
	f := r.Figures
	if f[report.Sent] < 1 || f[report.Forwarded] != f[report.Sent] || f[report.Loss] != 0 || f[report.P50Micros] <= 0 || f[report.P999Micros] < f[report.P50Micros] || f[report.RoundTrip] <= 0 {
		t.Errorf("%+v", f)
	}
	if len(r.Spread) == 0 || len(r.Course["latency p99 ms"]) == 0 || r.Seed != 7 {
		t.Errorf("%+v", r)
	}
}

// TestMessages_SeesLateness of a homeserver that takes 50 ms longer for each.
func TestMessages_SeesLateness(t *testing.T) {
	const late = 50 * time.Millisecond
	r := measured(t, inside{around: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/sendToDevice/") {
				time.Sleep(late)
			}
			h.ServeHTTP(w, r)
		})
	}}, few)
	counts(t, r)
	if got := min(r.Figures[report.P50Micros], r.Figures[report.RoundTrip]); got < micros(late) {
		t.Errorf("half take %v µs at most", got)
	}
}

// TestMessages_SeesLoss of a homeserver that swallows each second message of those
// that count.
func TestMessages_SeesLoss(t *testing.T) {
	var passed atomic.Uint64
	r := measured(t, inside{around: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/sendToDevice/") && !strings.Contains(r.URL.Path, "-hello-") && passed.Add(1)%2 == 0 {
				fmt.Fprint(w, "{}")
				return
			}
			h.ServeHTTP(w, r)
		})
	}}, few)
	counts(t, r)
	if got := r.Figures[report.Loss]; got < 0.3 || got > 0.7 {
		t.Errorf("loss is %v", got)
	}
}

// TestMessages_CountsRefusals of a homeserver that lets each do little.
func TestMessages_CountsRefusals(t *testing.T) {
	r := measured(t, inside{rates: map[homeserver.Class]homeserver.Limit{homeserver.ClassToDevice: {PerSecond: 5, Burst: 2}}}, few)
	if f := r.Figures; f[report.Limited] <= 0 || f[report.Loss] < f[report.Limited]-0.01 {
		t.Errorf("%+v, %s", f, r.Invalid)
	}
}

// TestMessages_TellsOverloadFromFailure: a homeserver that answers
// nothing in time loses all, one that answers with errors says nothing of messages.
func TestMessages_TellsOverloadFromFailure(t *testing.T) {
	crowd := func(answer func(w http.ResponseWriter, r *http.Request)) report.Round {
		return measured(t, inside{around: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/sendToDevice/") && !strings.Contains(r.URL.Path, "-hello-") {
					answer(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
		}}, few)
	}
	slow := crowd(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that nobody waits any more
		<-r.Context().Done()
	})
	counts(t, slow)
	if slow.Figures[report.Loss] != 1 || !overloaded(slow) {
		t.Errorf("%+v", slow)
	}
	broken := crowd(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) })
	if !strings.Contains(broken.Invalid, "requests failed") {
		t.Errorf("%+v", broken)
	}
}

func TestScript_SaysWhichVersionItRuns(t *testing.T) {
	script := filepath.Join(t.TempDir(), "home")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nset -eu\n  version=v1.2\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := writtenIn(script); got != "v1.2" {
		t.Errorf("%q", got)
	}
}

func TestStorm_EndsWhenAllSeeAll(t *testing.T) {
	r := measured(t, inside{}, scenario.Scenario{Name: "storm", Kind: scenario.Storm, Devices: 5, Delay: 20 * time.Millisecond})
	counts(t, r)
	f := r.Figures
	// To join and to say so wait once each.
	if f[report.JoinMillis] < 40 || f[report.ConnectedMillis] < f[report.JoinMillis] || f[report.Delivered] <= 0 {
		t.Errorf("%+v", f)
	}
	if course := r.Course["devices that see all"]; len(course) != 5 || course[4][1] != 5 {
		t.Errorf("the course is %v", course)
	}
}

// TestPacer_CatchesAGeneratorThatIsHeldUp: one whose sleep lasts 20 ms longer.
func TestPacer_CatchesAGeneratorThatIsHeldUp(t *testing.T) {
	p := newPacer(time.Now(), 100)
	p.sleep = func(d time.Duration) { time.Sleep(d + 20*time.Millisecond) }
	end := time.Now().Add(200 * time.Millisecond)
	late := &audit{}
	for {
		_, due, more := p.wait(t.Context(), end)
		if !more {
			break
		}
		p.left.add(time.Since(due))
	}
	if err := late.fault(p.left.quantile(0.99), &report.Round{}); err == nil || !strings.Contains(err.Error(), "late") {
		t.Error(err)
	}
	asleep := newPacer(time.Now().Add(-10*time.Second), 100)
	asleep.sleep = func(time.Duration) {}
	for more := true; more; {
		_, _, more = asleep.wait(t.Context(), time.Now())
	}
	if err := asleep.fault(); err == nil || !strings.Contains(err.Error(), "could not send") {
		t.Error(err)
	}
	fine := newPacer(time.Now(), 100)
	fine.next = 1
	if err := fine.fault(); err != nil {
		t.Error(err)
	}
}

func TestRegister_SaysWhatIsWanted(t *testing.T) {
	server, err := inside{token: "club"}.Start(t.Context(), rival.Place{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	w := newWire(server.URL)
	defer w.close()
	if _, err := w.register(t.Context(), "a", "secret word", "other"); err == nil || !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong token: %v", err)
	}
	if _, err := w.register(t.Context(), "b", "secret word", ""); err == nil || !strings.Contains(err.Error(), stageToken) {
		t.Errorf("no token: %v", err)
	}
	a, err := w.register(t.Context(), "c", "secret word", "club")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.deactivate(t.Context(), a, "secret word"); err != nil {
		t.Error(err)
	}
	d := &device{account: a, wire: w}
	if _, err := d.sync(t.Context(), 0); !errors.Is(err, ErrRefused) {
		t.Errorf("a device of an account that has ended: %v", err)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, Config{
		Scenarios: []scenario.Scenario{few}, Targets: []Target{inside{}}, Rounds: 2, Measure: time.Hour,
		Now: func(int, int, string) { time.AfterFunc(300*time.Millisecond, cancel) }, Say: t.Logf,
		Took: func(r report.Round) error { t.Errorf("took %+v", r); return nil },
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRun_SaysWhyNothingCanBeMeasured(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	defer nobody.Close()
	err := Run(t.Context(), Config{
		Scenarios: []scenario.Scenario{few}, Rounds: 1, Say: t.Logf,
		Targets: []Target{Remote{URL: nobody.URL}, Script{Title: "none", Path: "./none"}},
	})
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "does not answer") || !strings.Contains(err.Error(), "source tree") {
		t.Error(err)
	}
}
