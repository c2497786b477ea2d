package transport

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 40 * time.Second

func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	if os.Getenv("TRANSPORT_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// listen opens a network on loopback and closes it with the test.
func listen(t *testing.T, config Config) *Network {
	t.Helper()
	config.Loopback = true
	if config.Log == nil {
		config.Log = testLog(t)
	}
	network, err := Listen(config)
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Errorf("Network.Close: %v", err)
		}
	})
	return network
}

func newConn(t *testing.T, n *Network, config ConnConfig) *Conn {
	t.Helper()
	conn, err := n.NewConn(config)
	if err != nil {
		t.Fatalf("NewConn: %v", err)
	}
	return conn
}

// filter changes a description on its way.
type filter func(Description) Description

func unchanged(d Description) Description { return d }

// negotiate carries an offer and its answer between two connections.
func negotiate(t *testing.T, caller, callee *Conn, options OfferOptions, change filter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if options.Gather == 0 {
		options.Gather = 5 * time.Second
	}
	offer, err := caller.CreateOffer(ctx, options)
	if err != nil {
		t.Fatalf("CreateOffer: %v", err)
	}
	answer, err := callee.AcceptOffer(ctx, change(offer), options.Gather)
	if err != nil {
		t.Fatalf("AcceptOffer: %v", err)
	}
	if err := caller.AcceptAnswer(ctx, change(answer)); err != nil {
		t.Fatalf("AcceptAnswer: %v", err)
	}
}

// observer collects the events of a connection.
type observer struct {
	states     chan State
	tracks     chan *RemoteTrack
	candidates chan []Candidate
}

func observe(t *testing.T, conn *Conn) *observer {
	t.Helper()
	o := &observer{make(chan State, 100), make(chan *RemoteTrack, 100), make(chan []Candidate, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range conn.Events() {
			switch e := event.(type) {
			case StateChanged:
				o.states <- e.State
			case TrackAdded:
				o.tracks <- e.Track
			case CandidatesFound:
				o.candidates <- e.Candidates
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return o
}

func (o *observer) awaitState(t *testing.T, want State) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case state := <-o.states:
			if state == want {
				return
			}
		case <-deadline:
			t.Fatalf("state %s did not come", want)
		}
	}
}

func (o *observer) awaitTrack(t *testing.T, kind Kind) *RemoteTrack {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case track := <-o.tracks:
			if track.Kind() == kind {
				return track
			}
		case <-deadline:
			t.Fatalf("no %s track came", kind)
		}
	}
}

// await polls a condition that no event announces.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// vp8Frame is a picture of two packets that looks like VP8 to everybody but a
// decoder.
func vp8Frame(key bool) []byte {
	frame := make([]byte, 1800)
	frame[0] = 1
	if key {
		frame[0] = 0
		copy(frame[3:], []byte{0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00}) // 320x240
	}
	return frame
}

// camera makes a track that is written every 10 ms until the test ends: key
// frames when asked, and every 50 frames.
func camera(t *testing.T, stream string) *LocalTrack {
	t.Helper()
	track, err := NewLocalTrack(TrackConfig{Codec: VP8, ID: stream + "-video", StreamID: stream})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		key := true
		for n := 0; ; n++ {
			if err := track.WriteSample(Sample{Data: vp8Frame(key || n%50 == 0), Duration: 10 * time.Millisecond}); err != nil {
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
	}()
	t.Cleanup(func() { cancel(); <-done })
	return track
}

// readSamples reads until count samples came.
func readSamples(t *testing.T, track *RemoteTrack, count int) []Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var samples []Sample
	for len(samples) < count {
		sample, err := track.ReadSample(ctx)
		if err != nil {
			t.Fatalf("sample %d of %d: %v", len(samples)+1, count, err)
		}
		samples = append(samples, sample)
	}
	return samples
}

func TestConn_CarriesMediaBothWays(t *testing.T) {
	t.Parallel() // waits most of the time
	a, b := listen(t, Config{}), listen(t, Config{})
	caller := newConn(t, a, ConnConfig{Name: "caller", Video: camera(t, "alice"), DataChannel: true})
	callee := newConn(t, b, ConnConfig{Name: "callee", Video: camera(t, "bob")})
	seenByCaller, seenByCallee := observe(t, caller), observe(t, callee)
	negotiate(t, caller, callee, OfferOptions{}, unchanged)
	seenByCaller.awaitState(t, StateConnected)
	seenByCallee.awaitState(t, StateConnected)

	for _, end := range []struct {
		observer *observer
		stream   string
	}{{seenByCaller, "bob"}, {seenByCallee, "alice"}} {
		track := end.observer.awaitTrack(t, Video)
		if track.StreamID() != end.stream || track.Codec() != VP8 {
			t.Errorf("track is %s of stream %q, want vp8 of %q", track.Codec(), track.StreamID(), end.stream)
		}
		samples := readSamples(t, track, 100)
		keys := 0
		for i, sample := range samples {
			if len(sample.Data) != 1800 {
				t.Fatalf("sample %d has %d bytes, want 1800", i, len(sample.Data))
			}
			if sample.KeyFrame {
				keys++
				if sample.Width != 320 || sample.Height != 240 {
					t.Errorf("key frame of %dx%d, want 320x240", sample.Width, sample.Height)
				}
			}
			if i > 0 && sample.Dropped == 0 && track.Stats().Unread == 0 && sample.Timestamp-samples[i-1].Timestamp != 900 {
				t.Errorf("sample %d: timestamp advances by %d, want 900", i, sample.Timestamp-samples[i-1].Timestamp)
			}
		}
		if keys == 0 {
			t.Error("no key frame in 100 frames")
		}
	}
	silent := seenByCallee.awaitTrack(t, Audio)
	if sound := readSamples(t, silent, 2); sound[1].Timestamp-sound[0].Timestamp != 400*48 {
		t.Errorf("silence advances by %d ticks, want 400 ms", sound[1].Timestamp-sound[0].Timestamp)
	}
	if silent.StreamID() != "alice" {
		t.Errorf("silence is of stream %q, want the video's", silent.StreamID())
	}
}

func TestConn_OfferHoldsEverythingACallMayNeed(t *testing.T) {
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice"), DataChannel: true})
	offer, err := conn.CreateOffer(t.Context(), OfferOptions{Gather: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(offer.SDP) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "m=") {
			lines = append(lines, strings.Fields(line)[0])
		}
		if line == "a=sendrecv" || line == "a=recvonly" {
			lines = append(lines, line)
		}
	}
	want := "m=audio a=sendrecv m=video a=sendrecv m=video a=recvonly m=audio a=recvonly m=application a=sendrecv"
	if got := strings.Join(lines, " "); got != want {
		t.Errorf("offer is\n%s, want\n%s", got, want)
	}
	if !strings.Contains(offer.SDP, "a=candidate:") || !strings.Contains(offer.SDP, "a=end-of-candidates") {
		t.Error("offer has no candidates or does not end them")
	}
}

func TestNetwork_CarriesTwoConnectionsToOnePeer(t *testing.T) {
	t.Parallel() // waits most of the time
	a, b := listen(t, Config{}), listen(t, Config{})
	var observers []*observer
	for range 2 {
		caller := newConn(t, a, ConnConfig{Peer: "bob"})
		callee := newConn(t, b, ConnConfig{Peer: "alice", Video: camera(t, "bob")})
		observers = append(observers, observe(t, caller))
		observe(t, callee)
		negotiate(t, caller, callee, OfferOptions{}, unchanged)
	}
	for _, o := range observers {
		o.awaitState(t, StateConnected)
		readSamples(t, o.awaitTrack(t, Video), 50)
	}
	if len(a.berths) != 2 || len(b.berths) != 2 {
		t.Errorf("%d and %d ports, want 2 on each side", len(a.berths), len(b.berths))
	}
}
