package transport

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// Between two of our kind each sends one encoding, whoever asks for more.
func TestConn_GetsOneEncodingFromWhoHasOne(t *testing.T) {
	t.Parallel() // waits most of the time
	caller := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice"), Simulcast: true})
	callee := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "bob"), Simulcast: true})
	atCaller, atCallee := observe(t, caller), observe(t, callee)
	var first, later Description
	negotiate(t, caller, callee, OfferOptions{}, func(d Description) Description {
		if d.Type == TypeOffer {
			first = d
		} else if strings.Contains(d.SDP, "a=rid") || strings.Contains(d.SDP, "a=simulcast") {
			t.Errorf("the answer speaks of layers:\n%s", d.SDP)
		}
		return d
	})
	for _, line := range []string{"a=simulcast:recv q;h;f", sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI, sdp.SDESMidURI} {
		if !strings.Contains(first.SDP, line) {
			t.Errorf("the first offer has no %s", line)
		}
	}
	readSamples(t, atCaller.awaitTrack(t, Video), 20)
	readSamples(t, atCallee.awaitTrack(t, Video), 20)
	negotiate(t, caller, callee, OfferOptions{Restart: true}, func(d Description) Description {
		if d.Type == TypeOffer {
			later = d
		}
		return d
	})
	if strings.Contains(later.SDP, "simulcast") {
		t.Error("layers are asked for again, of a peer that sends one encoding")
	}
	for _, received := range caller.Stats().Received {
		if len(received.Layers) != 1 || received.Layers[0].RID != "" || !received.Layers[0].Read {
			t.Errorf("layers of %s are %+v, want one without a name", received.Kind, received.Layers)
		}
	}
}

// nowhere is the origin of a track that no connection has.
type nowhere struct{}

func (nowhere) names() (track, stream string) { return "", "" }
func (nowhere) askKeyFrame()                  {}
func (nowhere) complete(*ReceivedStats)       {}

// source is a track with layers that a test sends by hand.
type source struct {
	*testing.T
	*RemoteTrack
	now    time.Time
	layers map[string]*layer
	next   map[string]*rtp.Header
}

func newSource(t *testing.T, names ...string) *source {
	s := &source{T: t, RemoteTrack: newRemoteTrack(Video, nowhere{}), now: time.Now(), layers: map[string]*layer{}, next: map[string]*rtp.Header{}}
	for i, name := range names {
		l, ok := s.add(name, uint32(i+1), VP8)
		if !ok {
			t.Fatal("the track has ended")
		}
		s.layers[name] = l
		s.next[name] = &rtp.Header{Version: 2, SSRC: uint32(i + 1), SequenceNumber: uint16(1000 * i), Timestamp: uint32(1e9 * i), Marker: true}
	}
	return s
}

// frame sends a frame of a layer, of a width in pixels if it is a key frame,
// 40 ms after the last frame of whatever layer.
func (s *source) frame(name string, width int) {
	s.now = s.now.Add(40 * time.Millisecond)
	data := vp8Frame(width > 0)[:200]
	if width > 0 {
		data[6], data[7], data[8], data[9] = byte(width), byte(width>>8), byte(width), byte(width>>8)
	}
	header := s.next[name]
	packet := rtp.Packet{Header: *header, Payload: append([]byte{0x10}, data...)}
	header.SequenceNumber++
	header.Timestamp += 3600
	s.packet(name, packet)
}

func (s *source) packet(name string, packet rtp.Packet) {
	s.Helper()
	raw, err := packet.Marshal()
	if err != nil {
		s.Fatal(err)
	}
	s.pass(s.layers[name], raw)
	s.layers[name].take(&packet.Header, packet.Payload, VP8, s.now)
}

// read gives the widths of the key frames that are on the shelf, "-" for others.
func (s *source) read() string {
	var words []string
	for len(s.shelf.samples) > 0 {
		sample, err := s.ReadSample(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		switch {
		case !sample.KeyFrame:
			words = append(words, "-")
		case sample.Width == 160:
			words = append(words, "small")
		default:
			words = append(words, "large")
		}
	}
	return strings.Join(words, " ")
}

func (s *source) expect(what, want string) {
	s.Helper()
	if got := s.read(); got != want {
		s.Errorf("%s: readers get %q, want %q", what, got, want)
	}
}

func TestRemoteTrack_GivesTheLargestLayerThatLives(t *testing.T) {
	s := newSource(t, "q", "f")
	s.frame("q", 160)
	s.frame("q", 0)
	s.expect("the small layer comes first", "small -")
	s.frame("f", 0)
	s.expect("a larger one cannot be joined in the middle", "")
	s.frame("f", 640)
	s.frame("q", 160)
	s.frame("f", 0)
	s.expect("a larger one is taken at its key frame", "large -")

	for range 40 { // 1.6 s without the large one
		s.frame("q", 0)
	}
	s.expect("a silent layer is missed", "")
	if s.Stats().KeyFrameRequests == 0 {
		t.Error("no key frame is asked of the layer that lives")
	}
	s.frame("q", 160)
	s.frame("q", 0)
	s.expect("another takes its place", "small -")
	s.frame("f", 0)
	s.frame("q", 0)
	s.frame("f", 640)
	s.frame("q", 0)
	s.expect("it comes back", "- large")
}

func TestRemoteTrack_GoesOnInTimeAcrossLayers(t *testing.T) {
	s := newSource(t, "q", "f")
	s.frame("q", 160)
	s.frame("q", 0)
	s.frame("f", 640)
	s.frame("f", 0)
	var last Sample
	for i := range 4 {
		sample, err := s.ReadSample(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if passed := int32(sample.Timestamp - last.Timestamp); i > 0 && (passed < 3590 || passed > 3610) {
			t.Errorf("sample %d is %d ticks after the one before, want 3600", i, passed)
		}
		last = sample
	}
}

func TestRemoteTrack_TakesPaddingForNoSignOfLife(t *testing.T) {
	s := newSource(t, "q", "f")
	s.frame("f", 640)
	for range 40 {
		s.frame("q", 0)
		header := s.next["f"]
		s.packet("f", rtp.Packet{Header: *header})
		header.SequenceNumber++
	}
	s.frame("q", 160)
	s.expect("a layer that only probes", "large small")
}

func TestRemoteTrack_CountsEachLayer(t *testing.T) {
	s := newSource(t, "f", "q")
	s.frame("f", 640)
	s.frame("f", 0)
	s.frame("q", 160)
	stats := s.Stats()
	if len(stats.Layers) != 2 || stats.Layers[0].RID != "q" || stats.Layers[1].RID != "f" {
		t.Fatalf("layers are %+v, want q and f", stats.Layers)
	}
	q, f := stats.Layers[0], stats.Layers[1]
	if q.Read || !f.Read || q.Width != 160 || f.Width != 640 || q.SSRC != 2 || f.SSRC != 1 ||
		f.Packets != 2 || f.Frames != 2 || f.KeyFrames != 1 || q.KeyFrames != 1 || !q.LastSeen.Equal(s.now) {
		t.Errorf("q is %+v\nf is %+v", q, f)
	}
	if stats.Packets != 3 || stats.Bytes != q.Bytes+f.Bytes || stats.Frames != 2 || stats.Width != 640 || stats.SSRC != 1 {
		t.Errorf("the track is %+v", stats)
	}
}

func TestRemoteTrack_TakesANewStreamOfTheSameName(t *testing.T) {
	s := newSource(t, "q", "f")
	s.frame("f", 640)
	l, _ := s.add("f", 7, VP8)
	s.layers["f"] = l
	s.next["f"] = &rtp.Header{Version: 2, SSRC: 7, Timestamp: 5, Marker: true}
	s.frame("f", 0)
	s.frame("f", 640)
	s.frame("f", 0)
	s.expect("a new stream", "large large -")
	stats := s.Stats()
	if len(stats.Layers) != 2 || stats.SSRC != 7 || stats.Frames != 3 {
		t.Errorf("the track is %+v", stats)
	}
}
