package focus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come: the machine may be busy.
const patience = time.Minute

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testLog is to the test's error output if FOCUS_LOG is set: Pion goes on talking
// behind the end of a test.
func testLog() *slog.Logger {
	if os.Getenv("FOCUS_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// network opens sockets of the loopback until the test ends.
func network(t testing.TB, c transport.Config) *transport.Network {
	t.Helper()
	c.Loopback, c.Log = true, testLog()
	n, err := transport.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Network.Close: %v", err)
		}
	})
	return n
}

// session makes a focus of two lanes with one session, until the test ends.
func session(t testing.TB, c Config) *Session {
	t.Helper()
	c.Network, c.Log = network(t, transport.Config{Lanes: 2}), testLog()
	f := New(c)
	t.Cleanup(f.Close)
	s, err := f.Session("call")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// source writes samples until the test ends; the next one is a key frame if somebody
// asks for one.
func source(t testing.TB, c transport.TrackConfig, every time.Duration, sample func(key bool) []byte) *transport.LocalTrack {
	t.Helper()
	track, err := transport.NewLocalTrack(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n, key := 0, true; ; n++ {
			if err := track.WriteSample(transport.Sample{Data: sample(key || n%100 == 0), Duration: every}); err != nil {
				t.Errorf("WriteSample: %v", err)
			}
			key = false
			select {
			case <-ctx.Done():
				return
			case <-track.KeyFrameRequests():
				key = true
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() { cancel(); writing.Wait() })
	return track
}

// camera is a picture of 640×480 that no decoder will see (RFC 6386 section 9.1).
func camera(t testing.TB, name string) *transport.LocalTrack {
	key := append([]byte{0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}, bytes.Repeat([]byte(name), 600)...)
	delta := append([]byte{0x11, 0, 0}, bytes.Repeat([]byte(name), 400)...)
	return source(t, transport.TrackConfig{Codec: transport.VP8, ID: name + "-video", StreamID: name}, 20*time.Millisecond, func(wanted bool) []byte {
		if wanted {
			return key
		}
		return delta
	})
}

// microphone is sound that nobody decodes.
func microphone(t testing.TB, name string) *transport.LocalTrack {
	sound := append([]byte{0xFC}, bytes.Repeat([]byte(name), 20)...)
	return source(t, transport.TrackConfig{Codec: transport.Opus, ID: name + "-audio", StreamID: name}, 20*time.Millisecond, func(bool) []byte { return sound })
}

// guest is who is at the other end of a Party: another connection, negotiated as the
// session wants it, with everything that comes over it read and counted.
type guest struct {
	t     testing.TB
	name  string
	party *Party
	conn  *transport.Conn
	runs  sync.WaitGroup
	turn  sync.Mutex // held while negotiating
	way   *lossyWay  // nil: straight

	mutex    sync.Mutex
	heard    []Event
	received map[string]*reading // by "stream/track"
	left     bool
}

// reading is one track as a guest gets it.
type reading struct {
	track                  *transport.RemoteTrack
	samples, keys, dropped int // guarded by guest.mutex
	width, changes         int // of the picture, and how often it became another
}

// join has a guest publish to the session and follow it until it leaves.
func join(t testing.TB, s *Session, name string, n *transport.Network, c transport.ConnConfig) *guest {
	t.Helper()
	g := joinBy(t, s, name, n, c, nil)
	t.Cleanup(g.leave)
	return g
}

// joinBy is join over a way; whoever calls it sees to it that the guest leaves.
func joinBy(t testing.TB, s *Session, name string, n *transport.Network, c transport.ConnConfig, way *lossyWay) *guest {
	t.Helper()
	party, err := s.Join(name, transport.BundleConfig{Name: name, Log: testLog()})
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, name: name, party: party, way: way, received: make(map[string]*reading)}
	c.Name = "guest " + name
	if g.conn, err = n.NewConn(c); err != nil {
		t.Fatal(err)
	}
	g.runs.Go(g.listen)
	g.offers()
	g.runs.Go(g.follow)
	return g
}

// leave takes the guest out; twice does nothing.
func (g *guest) leave() {
	g.mutex.Lock()
	left := g.left
	g.left = true
	g.mutex.Unlock()
	if left {
		return
	}
	g.party.Leave()
	if err := g.conn.Close(); err != nil {
		g.t.Errorf("%s: Conn.Close: %v", g.name, err)
	}
	g.runs.Wait()
}

// offers has the guest offer, as clients do that call.
func (g *guest) offers() {
	g.t.Helper()
	g.turn.Lock()
	defer g.turn.Unlock()
	ctx := context.Background()
	offer, err := g.conn.CreateOffer(ctx, transport.OfferOptions{Gather: patience})
	if err != nil {
		g.t.Fatal(err)
	}
	answer, err := g.party.AcceptOffer(ctx, g.way.near(offer), patience)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.conn.AcceptAnswer(ctx, g.way.far(answer)); err != nil {
		g.t.Fatal(err)
	}
}

// follow hears what the session says and negotiates when it has to.
func (g *guest) follow() {
	for {
		event, err := g.party.Next(context.Background())
		if err != nil {
			return
		}
		g.mutex.Lock()
		g.heard = append(g.heard, event)
		g.mutex.Unlock()
		if _, needed := event.(NegotiationNeeded); needed {
			if err := g.negotiate(); err != nil && !g.over() {
				g.t.Errorf("%s: negotiation: %v", g.name, err)
			}
		}
	}
}

// over reports whether the guest is leaving.
func (g *guest) over() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.left
}

// negotiate has the session offer.
func (g *guest) negotiate() error {
	g.turn.Lock()
	defer g.turn.Unlock()
	ctx := context.Background()
	offer, err := g.party.CreateOffer(ctx, patience, false)
	if err != nil {
		return err
	}
	answer, err := g.conn.AcceptOffer(ctx, g.way.far(offer), patience)
	if err != nil {
		return errors.Join(errors.New("the guest's answer"), err)
	}
	return g.party.AcceptAnswer(ctx, g.way.near(answer))
}

// listen reads the guest's connection.
func (g *guest) listen() {
	for event := range g.conn.Events() {
		if added, is := event.(transport.TrackAdded); is {
			r := &reading{track: added.Track}
			g.mutex.Lock()
			g.received[added.Track.StreamID()+"/"+added.Track.ID()] = r
			g.mutex.Unlock()
			g.runs.Go(func() { g.read(r) })
		}
	}
}

func (g *guest) read(r *reading) {
	for {
		sample, err := r.track.ReadSample(context.Background())
		g.mutex.Lock()
		if err != nil {
			g.mutex.Unlock()
			return
		}
		if sample.Width > 0 && sample.Width != r.width {
			r.width, r.changes = sample.Width, r.changes+1
		}
		r.samples++
		r.dropped += sample.Dropped
		if sample.KeyFrame {
			r.keys++
		}
		g.mutex.Unlock()
	}
}

// got gives a copy of what is known of a track that comes, by stream and track.
func (g *guest) got(key string) reading {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if r := g.received[key]; r != nil {
		return *r
	}
	return reading{}
}

// told counts events that fit.
func told[T Event](g *guest, fits func(T) bool) (count int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, event := range g.heard {
		if e, is := event.(T); is && (fits == nil || fits(e)) {
			count++
		}
	}
	return count
}
