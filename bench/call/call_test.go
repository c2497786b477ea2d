package call

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/clip"
	"meshfocus/bench/offset"
	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
	"meshfocus/bench/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inside is a forwarder in this process, so that the test needs no program.
type inside string

// closer is one that can be closed.
type closer interface {
	door.Forwarder
	Close() error
}

func (i inside) Name() string                            { return string(i) }
func (i inside) Version(context.Context) (string, error) { return "inside", nil }

func (i inside) Start(context.Context, rival.Place, rival.Options) (rival.Server, error) {
	var forwarder closer
	var err error
	if i == "pion" {
		forwarder, err = plain.New()
	} else {
		forwarder, err = ours.New(ours.Config{Loopback: true, Adaptive: true})
	}
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(door.Handler(forwarder))
	return &rival.Served{Client: door.Client{URL: server.URL}, Process: os.Getpid(), End: func() error {
		server.Close()
		return forwarder.Close()
	}}, nil
}

func config(s scenario.Scenario, r rival.Rival) Config {
	s.Name, s.Kind, s.Cipher, s.Lanes = "tiny", scenario.Call, scenario.GCM, 1
	return Config{
		Scenario: s, Rival: r, Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		Warm: 100 * time.Millisecond, Measure: 1200 * time.Millisecond, Seed: 1,
	}
}

// machine reports whether a round does not count for a reason that a busy machine gives.
func machine(t *testing.T, r report.Round) bool {
	if strings.HasPrefix(r.Invalid, "the generator") {
		t.Logf("%s: %s", r.Rival, r.Invalid)
		return true
	}
	return false
}

// filmed has publishers send a file whose key frames are of more packets than leave
// together.
func filmed(c Config) Config {
	c.Film = &clip.Film{Codec: clip.VP8, Width: 640, Height: 360}
	for i, made := range clip.Frames(clip.VP8, 640) {
		if i == 0 {
			made = append(slices.Clone(made), make([]byte, 100_000)...)
		}
		c.Film.Frames = append(c.Film.Frames, clip.Frame{Data: made, Lasts: 20 * time.Millisecond, Key: i == 0})
	}
	return c
}

// patient waits until a forwarder that begins carefully has all layers under way.
func patient(c Config) Config {
	c.Warm = 3 * time.Second
	return c
}

// TestRun_SaysWhatPeopleSee measures tiny calls of each sort.
func TestRun_SaysWhatPeopleSee(t *testing.T) {
	for name, c := range map[string]Config{
		"pion, they come and go": config(scenario.Scenario{Publishers: 2, Subscribers: 2, Leave: 300 * time.Millisecond}, inside("pion")),
		"ours, layers change":    config(scenario.Scenario{Publishers: 1, Subscribers: 2, Layers: 3, Change: 300 * time.Millisecond}, inside("ours")),
		"ours, speakers":         config(scenario.Scenario{Publishers: 3, Subscribers: 1, Layers: 3, Speak: 600 * time.Millisecond}, inside("ours")),
		"ours, scalable":         patient(config(scenario.Scenario{Publishers: 1, Subscribers: 3, Layers: 3, Change: time.Hour, Codec: "vp9", Scalable: true}, inside("ours"))),
		"pion, scalable":         config(scenario.Scenario{Publishers: 2, Subscribers: 1, Layers: 3, Codec: "vp9", Scalable: true}, inside("pion")),
		"ours, a file":           filmed(config(scenario.Scenario{Publishers: 2, Subscribers: 2}, inside("ours"))),
		"ours, a path": config(scenario.Scenario{Publishers: 1, Subscribers: 2, Path: []scenario.Stretch{
			{Delay: 30 * time.Millisecond, Bandwidth: 20e6, Queue: 100 * time.Millisecond, Loss: 0.02},
		}}, inside("ours")),
	} {
		t.Run(name, func(t *testing.T) {
			r := Run(t.Context(), c)
			starved := machine(t, r)
			if r.Invalid != "" && !starved {
				t.Fatalf("it does not count: %s", r.Invalid)
			}
			if layer, ok := r.Has(report.Layer); c.Scenario.Change == time.Hour && !machine(t, r) && (!ok || layer < 0.9 || layer > 1.1) {
				t.Errorf("each of three wants another of three layers, and they see layer %.2f", layer)
			}
			for _, m := range []report.Metric{
				report.JoinMillis, report.FirstFrameMillis, report.P50Micros, report.P999Micros, report.RoundTrip, report.CPUMicros, report.Forwarded, report.Seconds,
			} {
				if value, ok := r.Has(m); !ok || value <= 0 {
					t.Errorf("%s is %v", m, value)
				}
			}
			for _, m := range []report.Metric{report.Loss, report.Freezes, report.Frozen, report.Concealed} {
				if value, ok := r.Has(m); !ok || value < 0 || m != report.Freezes && value > 1 {
					t.Errorf("%s is %v, %v", m, value, ok)
				}
			}
			if r.Figures[report.FirstFrameMillis] < r.Figures[report.JoinMillis] {
				t.Errorf("a frame came before anything could: %v", r.Figures)
			}
			if len(r.Course["loss %"]) < 2 || len(r.Course["latency p99 ms"]) == 0 || len(r.Spread) == 0 || r.Negotiated == "" {
				t.Errorf("%+v", r)
			}
			if layer, ok := r.Has(report.Layer); ok != (c.Scenario.Layers > 1) || layer < 0 || layer > 2 {
				t.Errorf("of %d layers, %v was shown", c.Scenario.Layers, layer)
			}
			// Who was starved may not have come to ask for anybody's.
			if value, ok := r.Has(report.SwitchMillis); ok != (c.Scenario.Speak > 0) && (ok || !starved) || ok && value < 0 {
				t.Errorf("the large picture of who speaks takes %v ms, %v", value, ok)
			}
			if least := 1000 * float64(30); c.Scenario.Path != nil && r.Figures[report.P50Micros] < least {
				t.Errorf("half of all packets took less than the path: %v µs", r.Figures[report.P50Micros])
			} else if there := r.Figures[report.RoundTrip]; c.Scenario.Path != nil && there < 2*least {
				t.Errorf("there and back takes less than the path twice: %v µs", there)
			}
		})
	}
}

func TestRun_CatchesAWrongClock(t *testing.T) {
	c := config(scenario.Scenario{Publishers: 1, Subscribers: 1}, inside("ours"))
	c.Measure, c.Clocks = 500*time.Millisecond, offset.Offset{Ahead: -10 * time.Second, Bound: time.Millisecond}
	if r := Run(t.Context(), c); !strings.Contains(r.Invalid, "the offset of the clocks is wrong") && !machine(t, r) {
		t.Errorf("%q, %v", r.Invalid, r.Figures)
	}
}

func TestJudge_BearsAFrameThatWasNotCapturedAndNoStandstill(t *testing.T) {
	for _, c := range []struct {
		skipped uint64
		late    time.Duration
		want    string
	}{
		{8, 30 * time.Millisecond, ""},
		{20, 30 * time.Millisecond, "could not send 20 of 1020"},
		{8, 150 * time.Millisecond, "stood still"},
	} {
		counts := func() party.Counts {
			return party.Counts{Latency: &report.Histogram{}, Lateness: &report.Histogram{}, Behind: &report.Histogram{}}
		}
		before, then := look{counts: counts()}, look{counts: counts()}
		then.counts.Sent, then.counts.Received, then.counts.Skipped = 1000, 1000, c.skipped
		for range 500 {
			then.counts.Lateness.Add(time.Millisecond)
		}
		then.counts.Lateness.Add(c.late)
		err := (&stage{}).judge(before, then)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d left out, %v late: %v", c.skipped, c.late, err)
		}
	}
}

func TestRun_GivesWhatThereIsWhenItIsStopped(t *testing.T) {
	c := config(scenario.Scenario{Publishers: 1, Subscribers: 1, Leave: 200 * time.Millisecond}, inside("ours"))
	c.Measure = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r := Run(ctx, c)
	if seconds := r.Figures[report.Seconds]; r.Invalid == "" && (seconds <= 0 || seconds > 60) {
		t.Errorf("it measured for %v s: %v", seconds, r.Figures)
	}
}

func TestRun_SaysWhoCannotBeToldWhichLayer(t *testing.T) {
	st := &stage{config: Config{Scenario: scenario.Scenario{Layers: 2, Change: time.Second}}}
	st.change(t.Context())
	if err := st.broken(); err == nil || !strings.Contains(err.Error(), "cannot be told which layer") {
		t.Error(err)
	}
}

func TestStretchAt_IsTheLastThatHasBegun(t *testing.T) {
	all := []scenario.Stretch{{Bandwidth: 1}, {From: time.Second, Bandwidth: 2}}
	if s := stretchAt(all, 0); s.Bandwidth != 1 {
		t.Errorf("%+v", s)
	}
	if s := stretchAt(all, time.Minute); s.Bandwidth != 2 {
		t.Errorf("%+v", s)
	}
	if s := stretchAt(nil, 0); s != nil {
		t.Errorf("%+v", s)
	}
}
