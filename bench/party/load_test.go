package party_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/party"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/null"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
	"meshfocus/focus/transport/srtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = time.Minute

// closer is a forwarder of a test.
type closer interface {
	door.Forwarder
	Close() error
}

func TestLoad_MeasuresAForwarder(t *testing.T) {
	for name, forwarder := range map[string]func() (closer, error){
		"plain": func() (closer, error) { return plain.New() },
		"ours":  func() (closer, error) { return ours.New(ours.Config{Loopback: true}) },
	} {
		for what, config := range map[string]party.Config{
			"GCM": {Profile: srtp.AES128GCM}, "counter mode": {Profile: srtp.AES128CMSHA1},
			"a sample": {Profile: srtp.AES128GCM, Sample: 8}, "losses": {Profile: srtp.AES128GCM, Lose: 0.05},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				made, err := forwarder()
				if err != nil {
					t.Fatal(err)
				}
				measureForwarder(t, made, config)
			})
		}
	}
}

// measureForwarder has two publish and two others subscribe to both.
func measureForwarder(t *testing.T, forwarder closer, config party.Config) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := serve(t, forwarder)
	config.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	load, err := party.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Close(); err != nil {
			t.Error(err)
		}
	})
	load.Pace(100, 1)
	for _, name := range []string{"ann", "ben"} {
		end, err := load.Publisher(name)
		if err != nil {
			t.Fatal(err)
		}
		negotiate(t, ctx, end, func(offer string) (string, error) { return client.Publish(ctx, "room", name, offer) })
	}
	load.Pace(100, 2)
	for _, name := range []string{"cleo", "dan"} {
		end, err := load.Subscriber(name, 2)
		if err != nil {
			t.Fatal(err)
		}
		negotiate(t, ctx, end, func(offer string) (string, error) {
			return client.Subscribe(ctx, "room", name, []string{"ann", "ben"}, 0, offer)
		})
	}
	until(t, load, func(c party.Counts) bool { return c.Streams == 4 && c.KeyFrames > 0 && c.Opened > 4 })
	if err := load.Sample(); err != nil {
		t.Fatal(err)
	}
	// Packets under way, and those that a machine too busy for it lost, make it less than all
	// for a while: what counts is the last few hundred, not all since the beginning.
	before, every := load.Counts(), uint64(max(config.Sample, 1))
	until(t, load, func(now party.Counts) bool {
		c := now.Since(before)
		if c.Sent > 400*every {
			before = now
		}
		return c.Received > 100 && c.Received*every > 2*c.Sent*8/10 && (config.Lose == 0 || c.Repaired > 5)
	})
	c := load.Counts()
	if c.Broken > 0 || c.Latency.Count() == 0 || c.Latency.Quantile(0.5) <= 0 {
		t.Errorf("%d broken, %d looked into, median latency %v", c.Broken, c.Latency.Count(), c.Latency.Quantile(0.5))
	}
	if every == 1 && c.Received > c.Expected {
		t.Errorf("received %d, of %d by their numbers", c.Received, c.Expected)
	}
}

// TestLoad_KnowsWhoIsApart: some seconds after a server has ended all are.
func TestLoad_KnowsWhoIsApart(t *testing.T) {
	t.Parallel()
	made, err := ours.New(ours.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	closing := sync.OnceValue(made.Close)
	t.Cleanup(func() { _ = closing() })
	load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = load.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, name := range []string{"ann", "ben"} {
		end, err := load.Publisher(name)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := end.Offer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := made.Publish(ctx, "room", name, offer)
		if err != nil {
			t.Fatal(err)
		}
		if err := end.Accept(answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := load.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	if apart := load.Apart(); apart != 0 {
		t.Errorf("%d of those who have just come are apart", apart)
	}
	if err := closing(); err != nil {
		t.Fatal(err)
	}
	for load.Apart() < 2 {
		if ctx.Err() != nil {
			t.Fatalf("%d are apart from a server that is not there any more, want 2", load.Apart())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestLoad_MeasuresWithoutAServer: datagrams that are passed on as they came.
func TestLoad_MeasuresWithoutAServer(t *testing.T) {
	t.Parallel()
	here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	reflector, err := null.New(here)
	if err != nil {
		t.Fatal(err)
	}
	load, err := party.New(party.Config{Address: here, Profile: srtp.AES128GCM})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(load.Close(), reflector.Close()) })
	ann, err := load.Publisher("ann")
	if err != nil {
		t.Fatal(err)
	}
	direct(t, ann, func(own string) (string, error) { return reflector.Publish(t.Context(), "room", "ann", own) })
	for _, name := range []string{"ben", "cleo"} {
		end, err := load.Subscriber(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reflector.Subscribe(t.Context(), "room", name, []string{"nobody"}, 0, end.Address().String()); err == nil {
			t.Error("it knows somebody who is not there")
		}
		direct(t, end, func(own string) (string, error) {
			return reflector.Subscribe(t.Context(), "room", name, []string{"ann"}, 0, own)
		})
	}
	if err := load.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	load.Pace(200, 1)
	until(t, load, func(c party.Counts) bool { return c.Streams == 2 && c.Received > 100 && c.Opened > 4 })
	c := load.Counts()
	if c.Broken > 0 || c.Received > 2*c.Sent || c.Latency.Quantile(0.5) <= 0 {
		t.Errorf("%d broken; %d of %d, median latency %v", c.Broken, c.Received, 2*c.Sent, c.Latency.Quantile(0.5))
	}
}

func TestLoad_NumbersStreamsBySeed(t *testing.T) {
	t.Parallel()
	numbers := func(seed uint64) string {
		load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		defer load.Close()
		end, err := load.Publisher("ann")
		if err != nil {
			t.Fatal(err)
		}
		offer, err := end.Offer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(offer, "a=ssrc")
		line, _, _ := strings.Cut(after, "\r\n")
		return line
	}
	if one, again, other := numbers(1), numbers(1), numbers(2); one == "" || one != again || one == other {
		t.Errorf("%q and %q, with another seed %q", one, again, other)
	}
}

// direct joins an End with what passes on.
func direct(t *testing.T, end *party.End, by func(own string) (string, error)) {
	t.Helper()
	text, err := by(end.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := end.Direct(netip.MustParseAddrPort(text)); err != nil {
		t.Fatal(err)
	}
}

// TestLoad_SendsLayers has three subscribers choose one of three layers each.
func TestLoad_SendsLayers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	forwarder, err := ours.New(ours.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	client := serve(t, forwarder)
	load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM, Layers: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = load.Close() })
	end, err := load.Publisher("ann")
	if err != nil {
		t.Fatal(err)
	}
	if end.Layers() != 3 {
		t.Errorf("a publisher of %d layers", end.Layers())
	}
	negotiate(t, ctx, end, func(offer string) (string, error) { return client.Publish(ctx, "room", "ann", offer) })
	load.Pace(200, 1)
	for layer, name := range []string{"ben", "cleo", "dan"} {
		end, err := load.Subscriber(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		negotiate(t, ctx, end, func(offer string) (string, error) {
			return client.Subscribe(ctx, "room", name, []string{"ann"}, layer, offer)
		})
		if got := end.Negotiated(); got != "nack rtx twcc abs-send-time" {
			t.Errorf("%s has agreed to %q", name, got)
		}
	}
	until(t, load, func(c party.Counts) bool { return c.Streams == 3 && c.Received > 300 })
	before := load.Counts()
	until(t, load, func(c party.Counts) bool { return c.Since(before).Sent > 350 })
	// Seven of four packets are sent, and each is received once: half of what three
	// would get of all layers, whatever is lost or under way.
	if c := load.Counts().Since(before); c.Received > 2*c.Sent || c.Broken > 0 {
		t.Errorf("%d were sent and %d received, %d broken", c.Sent, c.Received, c.Broken)
	}
}

func serve(t *testing.T, forwarder closer) door.Client {
	server := httptest.NewServer(door.Handler(forwarder))
	t.Cleanup(func() {
		server.Close()
		if err := forwarder.Close(); err != nil {
			t.Error(err)
		}
	})
	return door.Client{URL: server.URL}
}

func negotiate(t *testing.T, ctx context.Context, end *party.End, by func(string) (string, error)) {
	t.Helper()
	offer, err := end.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := by(offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := end.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if err := end.Connected(ctx); err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, load *party.Load, is func(party.Counts) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c := load.Counts()
		if is(c) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %+v", patience, c)
		}
	}
}
