package transport

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/lane"
)

// bundled is a Bundle of a test with what it has told.
type bundled struct {
	*Bundle
	received chan LineReceived
	ended    chan LineEnded
	states   chan State
	channels chan *Channel
}

func newBundle(t *testing.T, n *Network, config BundleConfig) *bundled {
	t.Helper()
	b, err := n.NewBundle(config)
	if err != nil {
		t.Fatal(err)
	}
	told := &bundled{b, make(chan LineReceived, 10), make(chan LineEnded, 10), make(chan State, 10), make(chan *Channel, 10)}
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for event := range b.Events() {
			switch e := event.(type) {
			case LineReceived:
				told.received <- e
			case LineEnded:
				told.ended <- e
			case StateChanged:
				told.states <- e.State
			case ChannelOpened:
				told.channels <- e.Channel
			}
		}
	})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Bundle.Close: %v", err)
		}
		hearing.Wait()
	})
	return told
}

// next waits for what a test expects to be told.
func next[E any](t *testing.T, what string, from <-chan E) E {
	t.Helper()
	select {
	case e := <-from:
		return e
	case <-time.After(patience):
		t.Fatalf("%s: not within %s", what, patience)
		panic("not reached")
	}
}

// offers has a Bundle offer to whatever accepts.
func (b *bundled) offers(t *testing.T, restart bool, to interface {
	AcceptOffer(context.Context, Description, time.Duration) (Description, error)
}) (offer, answer Description) {
	t.Helper()
	offer, err := b.CreateOffer(t.Context(), patience, restart)
	if err != nil {
		t.Fatal(err)
	}
	answer, err = to.AcceptOffer(t.Context(), offer, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AcceptAnswer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	return offer, answer
}

// takes has a Conn offer to a Bundle.
func (b *bundled) takes(t *testing.T, from *Conn) {
	t.Helper()
	offer, err := from.CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.AcceptOffer(t.Context(), offer, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := from.AcceptAnswer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
}

func TestBundle_ForwardsWhatOneSendsToMany(t *testing.T) {
	t.Parallel() // waits most of the time
	house := listen(t, Config{Lanes: 2})
	alice := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice")})
	observe(t, alice)
	in := newBundle(t, house, BundleConfig{Name: "alice"})
	in.takes(t, alice)
	var picture LineReceived
	for picture.Kind != Video {
		picture = next(t, "alice's picture", in.received)
	}
	if picture.StreamID != "alice" || picture.TrackID != "alice-video" {
		t.Errorf("told of %+v", picture)
	}
	for range 3 {
		bob := newConn(t, listen(t, Config{}), ConnConfig{})
		seen := observe(t, bob)
		out := newBundle(t, house, BundleConfig{Name: "bob", Lines: []BundleLine{{
			Name: "a", Kind: Video, Send: picture.Track, StreamID: "alice", TrackID: "alice-video", SendOnly: true, First: everything,
		}}})
		out.offers(t, false, bob)
		track := seen.awaitTrack(t, Video)
		if track.StreamID() != "alice" {
			t.Errorf("the stream is called %q", track.StreamID())
		}
		// What comes before bob has his keys is lost, be it the key frame that it
		// begins with; he asks for another.
		for !readSamples(t, track, 1)[0].KeyFrame {
		}
		samples := readSamples(t, track, 60)
		for i, sample := range samples {
			if len(sample.Data) != 1800 || sample.Dropped > 0 {
				t.Fatalf("sample %d has %d bytes, after %d lost packets", i, len(sample.Data), sample.Dropped)
			}
		}
		if sub := out.Subscription("a"); sub == nil || sub.Stats().Packets < 100 {
			t.Errorf("the subscription says %+v", sub)
		}
	}
	if err := alice.Close(); err != nil {
		t.Error(err)
	}
}

func TestBundle_LinesComeAndGo(t *testing.T) {
	t.Parallel() // waits most of the time
	house := listen(t, Config{})
	a, b := newBundle(t, house, BundleConfig{Name: "a", Peer: "b"}), newBundle(t, listen(t, Config{}), BundleConfig{Name: "b"})
	track := func() *lane.Track {
		picture := camera(t, "picture").feed(a.Lane())
		t.Cleanup(picture.leave)
		return picture.track
	}
	lines := []BundleLine{{Name: "first", Kind: Video, Send: track(), StreamID: "one", TrackID: "one", SendOnly: true, First: everything}}
	a.SetLines(lines)
	a.offers(t, false, b)
	if got := next(t, "the first line", b.received); got.StreamID != "one" {
		t.Errorf("told of %+v", got)
	}
	lines = append(lines, BundleLine{Name: "second", Kind: Video, Send: track(), StreamID: "two", TrackID: "two", SendOnly: true, First: everything})
	a.SetLines(lines)
	a.offers(t, false, b)
	second := next(t, "the second line", b.received)
	if second.StreamID != "two" {
		t.Errorf("told of %+v", second)
	}
	await(t, "the second picture", func() bool { return second.Track.Stats().Frames > 20 })
	frames := a.Subscription("first").Stats().Frames

	// What is sent changes without a word.
	lines[0].Send = track()
	a.SetLines(lines)
	await(t, "the other picture on the first line", func() bool { return a.Subscription("first").Stats().Frames > frames+20 })

	a.SetLines(lines[:1])
	a.offers(t, false, b)
	if gone := next(t, "the end of the second line", b.ended); gone.Track != second.Track {
		t.Errorf("told of %+v", gone)
	}
	a.SetLines(append(lines[:1:1], BundleLine{Name: "third", Kind: Video, Send: track(), StreamID: "three", TrackID: "three", SendOnly: true, First: everything}))
	offer, _ := a.offers(t, false, b)
	if got := next(t, "the third line", b.received); got.StreamID != "three" {
		t.Errorf("told of %+v", got)
	}
	if sections := strings.Count(offer.SDP, "\nm="); sections != 2 {
		t.Errorf("%d sections: the place of the second line is not taken again", sections)
	}
	a.offers(t, true, b)
	frames = a.Subscription("first").Stats().Frames
	await(t, "the first line after a restart", func() bool { return a.Subscription("first").Stats().Frames > frames+20 })
}

func TestBundle_BothSidesOpenChannels(t *testing.T) {
	a := newBundle(t, listen(t, Config{}), BundleConfig{Data: true})
	b := newBundle(t, listen(t, Config{}), BundleConfig{})
	offer, _ := a.offers(t, false, b)
	if !strings.Contains(offer.SDP, "m=application") {
		t.Error("no channel is offered")
	}
	for _, ends := range [][2]*bundled{{a, b}, {b, a}} {
		mine, err := ends[0].OpenChannel(t.Context(), "talk")
		if err != nil {
			t.Fatal(err)
		}
		if err := mine.Write([]byte("hello"), true); err != nil {
			t.Fatal(err)
		}
		theirs := next(t, "the channel", ends[1].channels)
		buffer := make([]byte, 100)
		if n, text, err := theirs.Read(buffer); err != nil || !text || string(buffer[:n]) != "hello" {
			t.Errorf("read %q, %v, %v", buffer[:n], text, err)
		}
	}
}

func TestNetwork_SpreadsBundlesOverItsLanes(t *testing.T) {
	n := listen(t, Config{Lanes: 3})
	lanes := map[*lane.Lane]int{}
	for range 9 {
		lanes[newBundle(t, n, BundleConfig{}).Lane()]++
	}
	for _, count := range lanes {
		if count != 3 || len(lanes) != 3 {
			t.Errorf("bundles in each lane: %v", lanes)
		}
	}
}
