package remote

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/call"
	"meshfocus/bench/clock"
	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/scenario"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// second starts what is on the second machine, whose clock is another.
func second(t *testing.T, c offset.Clock, handler func(http.Handler) http.Handler) Machine {
	t.Helper()
	server := httptest.NewUnstartedServer(handler(New(Config{
		Token: "open sesame", Most: 4, Program: "test", Clock: c, Permit: careful, Address: func(string) (netip.Addr, error) { return loopback, nil },
	})))
	_ = server.Listener.Close()
	var conn *net.UDPConn
	server.Listener, conn = port(t)
	certificate, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- clock.Serve(ctx, conn, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return at(t, server.Listener.Addr().String()+"#"+Fingerprint(certificate), "open sesame")
}

// at gives the machine at an address.
func at(t *testing.T, address, token string) Machine {
	t.Helper()
	m, err := At(address, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.CloseIdleConnections)
	return m
}

// port opens one that is free over TCP and UDP.
func port(t *testing.T) (net.Listener, *net.UDPConn) {
	t.Helper()
	for range 20 {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp4", conn.LocalAddr().String())
		if err == nil {
			return listener, conn
		}
		_ = conn.Close() // another has it over TCP
	}
	t.Fatal("no port is free over TCP and UDP")
	return nil, nil
}

// careful permits little to others.
func careful(s scenario.Scenario, host string) error {
	if s.Streams() > 3 {
		return fmt.Errorf("%s is too much for %s", s.Name, host)
	}
	return nil
}

func as(h http.Handler) http.Handler { return h }

// forwarder is ours, by WHIP and WHEP.
func forwarder(t *testing.T) rival.Rival {
	t.Helper()
	f, err := ours.New(ours.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(door.Handler(f))
	t.Cleanup(func() {
		server.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rival.WHIP{PublishURL: server.URL + "/whip/a", SubscribeURL: server.URL + "/whep/a"}
}

// tiny is a call with a path that is longer than anything that a busy machine adds.
func tiny(r rival.Rival) call.Config {
	return call.Config{
		Scenario: scenario.Scenario{
			Name: "tiny", Kind: scenario.Call, Publishers: 1, Subscribers: 2, Cipher: scenario.GCM, Lanes: 1,
			Path: []scenario.Stretch{{Delay: 150 * time.Millisecond, Queue: time.Second}},
		},
		Rival: r, Address: loopback, Warm: 300 * time.Millisecond, Measure: 1200 * time.Millisecond, Seed: 1,
	}
}

// least is what such a path takes, in ms, as a histogram may tell it, which knows values
// to 3 % (report.Histogram).
const least = 150 * (1 - 1./32)

// spoiled reports whether a round does not count for a reason that a busy machine gives.
func spoiled(t *testing.T, r report.Round) bool {
	if strings.HasPrefix(r.Invalid, "the generator") {
		t.Log(r.Invalid)
		return true
	}
	return false
}

// TestMachine_CorrectsAClockThatIsWrong by 250 ms and gains 50 parts in a million: the
// offset holds the truth within its bound, and latencies are those of one clock.
func TestMachine_CorrectsAClockThatIsWrong(t *testing.T) {
	server := forwarder(t)
	one := call.Run(t.Context(), tiny(server))
	wrong := offset.Clock{Ahead: 250 * time.Millisecond, Gain: 50e-6, Since: time.Now().UnixNano()}
	m := second(t, wrong, as)
	if program, err := m.Greet(t.Context(), 2); err != nil || program != "test" {
		t.Fatalf("%q, %v", program, err)
	}
	two := m.Round(t.Context(), tiny(server))
	for _, r := range []report.Round{one, two} {
		if r.Invalid != "" && !spoiled(t, r) || r.Scenario != "tiny" || r.Rival != "whip" || r.Seed != 1 {
			t.Fatalf("%+v", r)
		}
	}
	apart, bound := two.Figures[report.ClockOffsetMillis], two.Figures[report.ClockBoundMillis]
	drifted := wrong.Gain * float64(time.Now().UnixNano()-wrong.Since) / 1e6
	if bound <= 0 || apart < 250-bound || apart > 250+drifted+bound {
		t.Errorf("apart by %v ± %v ms, they are by 250 to %v", apart, bound, 250+drifted)
	}
	for _, metric := range []report.Metric{report.JoinMillis, report.FirstFrameMillis, report.P99Micros, report.Forwarded, report.Seconds, report.LateMicros, report.Loss} {
		if _, ok := two.Has(metric); !ok {
			t.Errorf("no %s", metric)
		}
	}
	a, b := one.Figures[report.P50Micros]/1000, two.Figures[report.P50Micros]/1000
	t.Logf("p50 %.2f ms on one clock, %.2f on two that are apart by %.3f ± %.3f", a, b, apart, bound)
	const noise = 100 // what a busy machine may add to one of the two, ms
	if b < least-bound || b > a+bound+noise || a > b+bound+noise || a < least {
		t.Errorf("p50 is %.2f ms on one clock, %.2f on two, known to %.2f", a, b, bound)
	}
}

// behind is ours behind its door: in this process, so that the test needs no program.
type behind struct{}

func (behind) Name() string                            { return "ours" }
func (behind) Version(context.Context) (string, error) { return "inside", nil }

func (behind) Start(context.Context, rival.Place, rival.Options) (rival.Server, error) {
	f, err := ours.New(ours.Config{Loopback: true, Adaptive: true})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(door.Handler(f))
	return &rival.Served{Client: door.Client{URL: server.URL}, Process: os.Getpid(), End: func() error {
		server.Close()
		return f.Close()
	}}, nil
}

// TestMachine_SeesWhatIsSeenHere, whatever happens in a call, by a clock that is wrong
// and drifts: figures of here and there are the same, but for what chance makes of them.
func TestMachine_SeesWhatIsSeenHere(t *testing.T) {
	wrong := offset.Clock{Ahead: -3 * time.Second, Gain: 80e-6, Since: time.Now().UnixNano()}
	m := second(t, wrong, as)
	for name, c := range map[string]struct {
		change func(*scenario.Scenario)
		has    report.Metric
	}{
		"layers change": {func(s *scenario.Scenario) { s.Publishers, s.Layers, s.Change = 1, 3, 300*time.Millisecond }, report.Layer},
		"speakers":      {func(s *scenario.Scenario) { s.Publishers, s.Layers, s.Speak = 2, 3, 700*time.Millisecond }, report.SwitchMillis},
		"come and go":   {func(s *scenario.Scenario) { s.Publishers, s.Leave = 2, 300*time.Millisecond }, report.JoinMillis},
		"loss":          {func(s *scenario.Scenario) { s.Path[0].Loss = 0.05 }, report.Repaired},
	} {
		t.Run(name, func(t *testing.T) {
			config := tiny(behind{})
			c.change(&config.Scenario)
			one, two := call.Run(t.Context(), config), m.Round(t.Context(), config)
			for _, r := range []report.Round{one, two} {
				if r.Invalid != "" && !spoiled(t, r) || r.Rival != "ours" {
					t.Fatalf("%+v", r)
				}
			}
			for metric := range one.Figures {
				chance := metric == report.Repaired && c.has != metric // there is one where anything was missing
				if _, ok := two.Has(metric); !ok && !chance && one.Invalid == "" && two.Invalid == "" {
					t.Errorf("there is no %s", metric)
				}
			}
			for _, metric := range []report.Metric{c.has, report.CPUMicros, report.Sent, report.Forwarded} {
				if two.Figures[metric] <= 0 {
					t.Errorf("%s is %v", metric, two.Figures[metric])
				}
			}
			near := func(metric report.Metric, apart float64) {
				if a, b := one.Figures[metric], two.Figures[metric]; math.Abs(a-b) > apart {
					t.Errorf("%s is %v here and %v there", metric, a, b)
				}
			}
			const noise = 100 // what a busy machine may add to one of the two, ms
			near(report.P50Micros, 1000*(noise+two.Figures[report.ClockBoundMillis]))
			near(report.Loss, 0.2)
			near(report.Layer, 1)
			drifted := wrong.Gain * float64(time.Now().UnixNano()-wrong.Since) / 1e6
			p50, apart, bound := two.Figures[report.P50Micros]/1000, two.Figures[report.ClockOffsetMillis], two.Figures[report.ClockBoundMillis]
			if p50 < least-bound || apart < -3000-bound || apart > -3000+drifted+bound {
				t.Errorf("a path of 150 ms takes %v ms, clocks are apart by %v ± %v ms, and have drifted by %v", p50, apart, bound, drifted)
			}
			t.Logf("here %v\nthere %v", one.Figures, two.Figures)
		})
	}
}

// TestMachine_SaysWhatIsWrong in a line.
func TestMachine_SaysWhatIsWrong(t *testing.T) {
	m := second(t, offset.Clock{}, as)
	stranger := m
	stranger.token = "?"
	impostor := second(t, offset.Clock{}, as)
	impostor.client = m.client
	other := second(t, offset.Clock{}, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, greeting{version + 1, "", 9}) })
	})
	older := httptest.NewServer(New(Config{Token: "open sesame", Most: 4}))
	defer older.Close()
	gone, plain, mute := m, m, m
	gone.Address, plain.Address, mute.Address = "127.0.0.1:1", older.Listener.Addr().String(), silent(t, m.Address)
	for want, c := range map[string]struct {
		machine     Machine
		subscribers int
	}{
		"401 Unauthorized: the token is refused":           {stranger, 1},
		"its certificate is another than the address says": {impostor, 1},
		"or another program: it speaks no TLS":             {plain, 1},
		"does not answer":                                  {gone, 1},
		"is of another version: it says 4, we 3":           {other, 1},
		"takes 4 subscribers at most":                      {m, 5},
		"no answer about the time":                         {mute, 1},
	} {
		_, err := c.machine.Greet(t.Context(), c.subscribers)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, address := range []string{"", "a b", "a:1", "a:1#b", "a:1#" + strings.Repeat("=", 43), ":1#" + strings.Repeat("A", 43)} {
		if _, err := At(address, "x"); err == nil || !strings.Contains(err.Error(), "no HOST:PORT#FINGERPRINT") {
			t.Errorf("%q: %v", address, err)
		}
	}
	busy := scenario.Scenario{Name: "busy", Publishers: 2, Subscribers: 2}
	if err := m.Permits(t.Context(), busy, "media.example.org"); err == nil || !strings.Contains(err.Error(), "403 Forbidden: busy is too much for media.example.org") {
		t.Error(err)
	}
	if err := m.Permits(t.Context(), busy, "127.0.0.1"); err != nil {
		t.Errorf("who gives orders may have itself loaded: %v", err)
	}
	if r := stranger.Round(t.Context(), tiny(forwarder(t))); !strings.Contains(r.Invalid, "is refused") {
		t.Errorf("%+v", r)
	}
}

// silent passes TCP on to an address, and answers nothing about the time.
func silent(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp4", address)
			if err != nil {
				_ = from.Close()
				continue
			}
			context.AfterFunc(t.Context(), func() { // done before cleaning up
				_ = from.Close()
				_ = to.Close()
			})
			passing.Go(func() { _, _ = io.Copy(to, from) })
			passing.Go(func() { _, _ = io.Copy(from, to) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		passing.Wait()
	})
	return listener.Addr().String()
}

func post(s *Server, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	s.ServeHTTP(w, r)
	return w
}

func order(change func(*Order)) string {
	o := Order{
		Reach: rival.Reach{Title: "ours", Door: "http://127.0.0.1:1"}, Scenario: "s", Publishers: 1, Subscribers: 1, Cipher: scenario.GCM, Measure: time.Second,
		First: offset.Reading{At: 1},
	}
	change(&o)
	text, _ := json.Marshal(o)
	return string(text)
}

// TestServer_RefusesWhatItCannotDo, before anything is begun.
func TestServer_RefusesWhatItCannotDo(t *testing.T) {
	s := New(Config{Token: "t", Most: 3, Permit: careful, Address: func(string) (netip.Addr, error) { return netip.Addr{}, errors.New("no way there") }})
	for want, body := range map[string]string{
		"it cannot be read":    "{",
		"unknown field":        `{"a":1}`,
		"0 publishers":         order(func(o *Order) { o.Publishers = 0 }),
		"4 subscribers":        order(func(o *Order) { o.Subscribers = 4 }),
		"no cipher":            order(func(o *Order) { o.Cipher = "rot13" }),
		"to measure are more":  order(func(o *Order) { o.Measure = time.Hour }),
		"1ns to warm up":       order(func(o *Order) { o.Warm, o.Measure = 1, 0 }),
		"first reading":        order(func(o *Order) { o.First.Bound = -1 }),
		"4 layers":             order(func(o *Order) { o.Layers = 4 }),
		"layers in one stream": order(func(o *Order) { o.Layers, o.Scalable = 3, true }),
		"change or speak":      order(func(o *Order) { o.Change = time.Millisecond }),
		"every 1h0m0s":         order(func(o *Order) { o.Leave = time.Hour }),
		"0s and -1s":           order(func(o *Order) { o.Speak = -time.Second }),
		"path: stretch 1":      order(func(o *Order) { o.Path = []scenario.Stretch{{Loss: 2}} }),
		"path is too long":     order(func(o *Order) { o.Path = []scenario.Stretch{{}, {From: time.Hour}} }),
		"2 are given":          order(func(o *Order) { o.Reach.WHEP = "http://127.0.0.1:2" }),
		"it has no URL":        order(func(o *Order) { o.Reach.Door = "file:///etc/passwd" }),
		"no way there":         order(func(*Order) {}),
		"too much for 9.9.9.9": order(func(o *Order) { o.Publishers, o.Subscribers, o.Reach.Door = 2, 2, "http://9.9.9.9:1" }),
	} {
		if w := post(s, "/party/round", body); w.Code != http.StatusBadRequest && w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s, want %q", w.Code, w.Body, want)
		}
	}
	if w := post(s, "/party/reading", `{"At":1}`); w.Code != http.StatusConflict {
		t.Errorf("a reading without a round: %d", w.Code)
	}
	readings, free := s.occupy()
	if _, again := s.occupy(); !free || again {
		t.Error("two rounds at once")
	}
	if w := post(s, "/party/reading", `{"At":1,"Bound":-1}`); w.Code != http.StatusConflict || len(readings) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for range waiting + 1 {
		post(s, "/party/reading", `{"At":1,"Ahead":2,"Bound":3}`)
	}
	if r := <-readings; r != (offset.Reading{At: 1, Offset: offset.Offset{Ahead: 2, Bound: 3}}) || len(readings) != waiting-1 {
		t.Errorf("%+v and %d more", r, len(readings))
	}
	if New(Config{}).config.Token != "" || post(New(Config{}), "/party/round", "").Code != http.StatusUnauthorized {
		t.Error("without a token everybody is let in")
	}
}

// TestOrder_SaysAllThatSubscribersDo: the scenario arrives as it was, and can be had.
func TestOrder_SaysAllThatSubscribersDo(t *testing.T) {
	calls := 0
	for _, book := range scenario.Library() {
		s := book.Scenario
		if Suits(s) != nil {
			continue
		}
		calls++
		want := call.Config{Scenario: s, Warm: time.Second, Measure: time.Second, Seed: 7}
		o := orderOf(want, rival.Reach{Title: "ours", Door: "http://127.0.0.1:1"}, offset.Reading{At: 1})
		if err := o.check(50); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		got := o.config()
		if got.Guests() != want.Guests() || got.Lasts() != want.Lasts() || got.Seed != 7 {
			t.Errorf("%s: %+v", s.Name, got)
		}
		s.Says, s.StandsFor, s.Rivals, s.Rate, s.Burst, s.Tick = "", "", nil, 0, 0, 0 // not for subscribers
		if !reflect.DeepEqual(got.Scenario, s) {
			t.Errorf("%+v\nwas %+v", got.Scenario, s)
		}
	}
	if calls < 5 {
		t.Errorf("%d calls", calls)
	}
}

func TestSuits_SaysWhatHasToBeOnOneMachine(t *testing.T) {
	good := scenario.Scenario{Name: "a", Kind: scenario.Call, Layers: 1}
	if err := Suits(good); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*scenario.Scenario){
		"kind cost": func(s *scenario.Scenario) { s.Kind = scenario.Cost },
	} {
		s := good
		change(&s)
		if err := Suits(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzOrder: whatever is accepted is within its bounds.
func FuzzOrder(f *testing.F) {
	f.Add(order(func(*Order) {}))
	f.Add(order(func(o *Order) { o.Path = []scenario.Stretch{{}, {From: 1, Loss: 0.1}} }))
	f.Fuzz(func(t *testing.T, body string) {
		accepted := false
		s := New(Config{Token: "t", Most: 3, Permit: func(scenario.Scenario, string) error { return nil }, Address: func(string) (netip.Addr, error) {
			accepted = true
			return netip.Addr{}, errors.New("enough")
		}})
		post(s, "/party/round", body)
		var o Order
		if !accepted {
			return
		}
		if err := json.NewDecoder(strings.NewReader(body)).Decode(&o); err != nil {
			t.Fatal(err)
		}
		if o.Subscribers < 1 || o.Subscribers > 3 || o.Publishers < 1 || o.Publishers > mostPublishers || o.Measure > mostMeasure || o.Warm > mostWarm || o.First.Bound > mostBound {
			t.Errorf("%+v", o)
		}
	})
}
