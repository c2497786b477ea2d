package link

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLink_RefusesWhatComesAtTheWrongTime(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s gives %v, want %v", what, err, want)
		}
	}
	_, err := a.Write([]byte{0x80})
	check("Write without a path", err, ErrNoPath)
	_, err = a.Restart()
	check("Restart before Connect", err, ErrWrongState)
	connect(t, a, b)
	check("Connect again", a.Connect(b.describe()), ErrWrongState)
	check("Resume without Restart", a.Resume(b.Credentials()), ErrWrongState)
	if _, err := a.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := a.Resume(b.Credentials()); err != nil {
		t.Fatal(err)
	}
	check("Resume again", a.Resume(b.Credentials()), ErrWrongState)

	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if state := a.State(); state != StateClosed {
		t.Errorf("state is %s after Close", state)
	}
	check("Connect after Close", a.Connect(b.describe()), ErrClosed)
	_, err = a.Restart()
	check("Restart after Close", err, ErrClosed)
	check("Resume after Close", a.Resume(b.Credentials()), ErrClosed)
	check("AddCandidate after Close", a.AddCandidate("1 1 udp 1 127.0.0.1 5000 typ host"), ErrClosed)
	check("Gather after Close", a.Gather(), ErrClosed)
	_, err = a.Write([]byte{0x80})
	check("Write after Close", err, ErrNoPath)
}

func TestLink_WantsAPortACertificateAndRelaysThatAreRelays(t *testing.T) {
	good := Config{Port: newLane(t).port, Certificate: certificate(t)}
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"no port", func(c *Config) { c.Port = nil }},
		{"no certificate", func(c *Config) { c.Certificate = Certificate{} }},
		{"a STUN server", func(c *Config) { c.Relays = []Relay{{"stun:127.0.0.1", "a", "b"}} }},
		{"no address", func(c *Config) { c.Relays = []Relay{{"here", "a", "b"}} }},
		{"no credentials", func(c *Config) { c.Relays = []Relay{{URL: "turn:127.0.0.1"}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.change(&config)
			if l, err := New(config); err == nil {
				t.Error("no error")
				_ = l.Close()
			}
		})
	}
}

func TestAddCandidate_TakesWhatIsOne(t *testing.T) {
	for _, c := range []struct {
		name, candidate string
		want            error
	}{
		{"of a browser", "candidate:1 1 udp 2122260223 192.0.2.1 46154 typ host generation 0 ufrag x network-id 1", nil},
		{"without its name", "1 1 udp 2122260223 2001:db8::1 46154 typ host", nil},
		{"of RTCP, which is of no use", "1 2 udp 2122260222 192.0.2.1 46155 typ host", nil},
		{"active, which connects by itself", "1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", nil},
		{"a name", "1 1 udp 2122260223 0f.local 46154 typ host", ErrBadCandidate},
		{"nonsense", "nonsense", ErrBadCandidate},
		{"none", "", ErrBadCandidate},
		{"too long", "1 1 udp 2122260223 192.0.2.1 46154 typ host " + strings.Repeat("x y ", 300), ErrBadCandidate},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnd(t, Config{Port: newLane(t).port})
			err := e.AddCandidate(c.candidate)
			if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("err is %v, want %v", err, c.want)
			}
		})
	}
}

func TestAddCandidate_TakesSoManyAndNoMore(t *testing.T) {
	e := newEnd(t, Config{Port: newLane(t).port})
	for i := range maxCandidates {
		if err := e.AddCandidate("1 1 udp 2122260223 192.0.2.1 46154 typ host"); err != nil {
			t.Fatalf("candidate %d: %v", i, err)
		}
	}
	if err := e.AddCandidate("1 1 udp 2122260223 192.0.2.1 46154 typ host"); !errors.Is(err, ErrTooMany) {
		t.Errorf("err is %v, want %v", err, ErrTooMany)
	}
}

// FuzzCandidate checks that what is taken for a candidate has an address or a
// name, and that an address found for a name stands where the name stood.
func FuzzCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2122260223 0f.local 46154 typ host generation 0")
	f.Add("candidate:1 1 udp 2122260223 192.0.2.1 46154 typ srflx raddr 10.0.0.1 rport 9 generation 0 ufrag x network-id 1")
	f.Add("1 1 tcp 1518280447 2001:db8::1 9 typ host tcptype passive")
	f.Fuzz(func(t *testing.T, text string) {
		candidate, err := parseCandidate(text)
		if err != nil || candidate == nil {
			return
		}
		if _, err := netip.ParseAddr(candidate.Address()); err == nil {
			if !addressOf(candidate).Addr().IsValid() {
				t.Errorf("%q has no address", text)
			}
			return
		}
		found := netip.MustParseAddr("192.0.2.1")
		there, err := parseCandidate(inPlaceOf(candidate.Address(), text, found))
		if hidden := strings.HasSuffix(candidate.Address(), ".local"); !hidden && err != nil {
			return // nobody looks it up
		}
		if err != nil || there == nil || addressOf(there).Addr() != found || there.Port() != candidate.Port() || there.Type() != candidate.Type() {
			t.Errorf("%q with %s for its name is %v, %v", text, found, there, err)
		}
	})
}

func TestPort_CarriesManyLinksAtOnce(t *testing.T) {
	// One socket for all on our side, as a party has it.
	ours := newLane(t)
	mine := certificate(t)
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			a, b := newEnd(t, Config{Port: ours.port, Certificate: mine}), newEnd(t, Config{Port: newLane(t).port})
			connect(t, a, b)
		})
	}
	together.Wait()
}

func TestLink_ClosesAtAnyMoment(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
			a.StartData()
			begin(t, a, b)
			<-time.After(after)
			var closing sync.WaitGroup
			for range 2 {
				closing.Go(func() { _ = a.Close() })
			}
			closing.Go(func() { _ = b.Close() })
			closing.Wait()
		})
	}
}

func TestLink_KnowsHowLongTheWayIs(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	if a.RoundTrip() != 0 {
		t.Error("a round trip was measured without a path")
	}
	connect(t, a, b)
	if rtt := a.RoundTrip(); rtt <= 0 || rtt > patience {
		t.Errorf("round trip is %s", rtt)
	}
}

func BenchmarkPort_LeavesMediaToTheCaller(b *testing.B) {
	p, _ := silentPort()
	packet := make([]byte, 1200)
	packet[0] = 0x80
	b.ReportAllocs()
	for b.Loop() {
		p.Receive(packet, here, there)
	}
}
