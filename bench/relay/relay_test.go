package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/relay/plain"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving is the plain relay in this process, until the test ends.
func serving(t *testing.T, password string) netip.AddrPort {
	t.Helper()
	free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	listen := free.LocalAddr().(*net.UDPAddr).AddrPort()
	free.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- plain.Serve(ctx, plain.Config{Listen: listen.String(), Realm: realm, User: user, Password: password})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listen
}

func port(t *testing.T) *socket {
	t.Helper()
	s, err := openSocket(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// TestTraffic_FlowsBothWaysAndCountsWhatIsLost by way of a real relay; what goes to a
// port where no relay is cannot arrive.
func TestTraffic_FlowsBothWaysAndCountsWhatIsLost(t *testing.T) {
	server, peer := serving(t, password), port(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		name  string
		spoil func(*client)
		ways  int // that carry something
		burst int
	}{
		{"both", func(*client) {}, 2, 1},
		{"both, in bursts", func(*client) {}, 2, 8},
		{"to the peer alone", func(c *client) { c.relayed = netip.AddrPortFrom(c.relayed.Addr(), 9) }, 1, 1},
		{"to the client alone", func(c *client) { c.server = netip.AddrPortFrom(c.server.Addr(), 9) }, 1, 1},
	} {
		one, err := allocate(ctx, port(t), server, peer.local, login{user, password})
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(one)
		counted := newTraffic(peer, []*client{one}, 200, c.burst).run(ctx, 300*time.Millisecond)
		for range 50 { // a machine may be too busy for any to arrive
			if counted.received > 0 {
				break
			}
			counted = newTraffic(peer, []*client{one}, 200, c.burst).run(ctx, 300*time.Millisecond)
		}
		lost := counted.sent - counted.received
		if counted.received == 0 || counted.latency.Count() != counted.received || counted.latency.Quantile(0) <= 0 {
			t.Errorf("%s: %+v", c.name, counted)
		}
		if c.ways == 1 && lost < counted.sent/4 {
			t.Errorf("%s: %d of %d are lost, want half", c.name, lost, counted.sent)
		}
	}
}

func TestAllocate_SaysWhatIsWrong(t *testing.T) {
	peer := port(t)
	if _, err := allocate(t.Context(), port(t), serving(t, "another"), peer.local, login{user, password}); err == nil || !strings.Contains(err.Error(), "allocate: the server refused: ") {
		t.Errorf("another password: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := allocate(ctx, port(t), peer.local, peer.local, login{user, password}); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCounts_KnowWhoWasTheLimit(t *testing.T) {
	for want, change := range map[string]func(c *counts, dropped *uint64){
		"":                   func(*counts, *uint64) {},
		"and 0 arrived":      func(c *counts, _ *uint64) { c.received = 0 },
		"could not send 10":  func(c *counts, _ *uint64) { c.skipped = 10 },
		"no room for 9 data": func(_ *counts, dropped *uint64) { *dropped = 9 },
		"was late by":        func(c *counts, _ *uint64) { c.lateness.Add(time.Second) },
	} {
		c, dropped := counts{sent: 1000, received: 900, latency: &report.Histogram{}, lateness: &report.Histogram{}}, uint64(0)
		c.latency.Add(time.Millisecond)
		change(&c, &dropped)
		if err := c.fault(dropped); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	round := report.Round{Figures: report.Figures{}}
	c := counts{sent: 1000, received: 900, latency: &report.Histogram{}, lateness: &report.Histogram{}}
	c.latency.Add(time.Millisecond)
	c.note(&round, time.Second, rival.Usage{User: 9 * time.Millisecond, System: 18 * time.Millisecond})
	if f := round.Figures; f[report.CPUMicros] != 30 || f[report.UserMicros] != 10 || f[report.Loss] < 0.0999 || f[report.Loss] > 0.1001 || f[report.P50Micros] <= 0 {
		t.Errorf("%v", f)
	}
}

// TestRun_LeavesOutWhatCannotBeStarted and ends with that if nothing is left; what
// falls over is a round that does not count.
func TestRun_LeavesOutWhatCannotBeStarted(t *testing.T) {
	var rounds []report.Round
	config := Config{
		Scenarios: []scenario.Scenario{{Name: "relay", Kind: scenario.Relay, Allocations: 1, Rate: 10}},
		Targets:   []Target{Coturn{Program: "/no/turnserver"}}, Rounds: 1,
		Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		PlaceOf: func(scenario.Scenario) rival.Place {
			return rival.Place{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Folder: t.TempDir()}
		},
		Took: func(r report.Round) error { rounds = append(rounds, r); return nil }, Now: func(int, int, string) {}, Say: func(string, ...any) {},
	}
	if err := Run(t.Context(), config); !errors.Is(err, rival.ErrMissing) {
		t.Error(err)
	}
	config.Targets = []Target{fallen{}}
	if err := Run(t.Context(), config); err != nil || len(rounds) != 1 || !strings.Contains(rounds[0].Invalid, "cannot be started") {
		t.Errorf("%v, %+v", err, rounds)
	}
}

// fallen is a target that is not there when it is to start.
type fallen struct{}

func (fallen) Name() string                            { return "fallen" }
func (fallen) Version(context.Context) (string, error) { return "1", nil }
func (fallen) login() login                            { return login{} }
func (fallen) command(netip.AddrPort, string) []string { return []string{"/no/relay"} }
