package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// binding stands for the connections of a lane at the end of a LocalTrack: it
// notes what they are given to send.
type binding struct {
	*feed
	headers  []rtp.Header
	payloads [][]byte
}

// bind has a lane take the track, which nothing runs.
func bind(t *testing.T, track *LocalTrack) *binding {
	t.Helper()
	b := &binding{feed: track.feed(lane.New(lane.Config{}))}
	t.Cleanup(b.feed.track.Attach(b))
	return b
}

// Packet notes a packet (lane.Sink).
func (b *binding) Packet(p *packet.Packet, _ lane.StreamInfo, _ *simulcast.Info) {
	b.headers = append(b.headers, rtp.Header{
		SSRC: p.Header.SSRC, Marker: p.Header.Marker, SequenceNumber: p.Header.Sequence, Timestamp: p.Header.Timestamp,
	})
	b.payloads = append(b.payloads, bytes.Clone(p.Payload()))
}

func newTrack(t *testing.T, codec Codec) *LocalTrack {
	t.Helper()
	track, err := NewLocalTrack(TrackConfig{Codec: codec, ID: "id", StreamID: "stream"})
	if err != nil {
		t.Fatal(err)
	}
	return track
}

// continuous fails unless the numbers go on by one and by a time.
func continuous(t *testing.T, headers []rtp.Header, ticks uint32) {
	t.Helper()
	for i := 1; i < len(headers); i++ {
		if headers[i].SequenceNumber != headers[i-1].SequenceNumber+1 {
			t.Errorf("packet %d: sequence number %d after %d", i, headers[i].SequenceNumber, headers[i-1].SequenceNumber)
		}
		want := headers[i-1].Timestamp
		if headers[i-1].Marker {
			want += ticks
		}
		if headers[i].Timestamp != want {
			t.Errorf("packet %d: timestamp %d after %d", i, headers[i].Timestamp, headers[i-1].Timestamp)
		}
	}
}

func TestLocalTrack_FeedsManyLanesEachWithItsNumbers(t *testing.T) {
	track := newTrack(t, VP8)
	a, b := bind(t, track), bind(t, track)
	for range 10 {
		if err := track.WriteSample(Sample{Data: vp8Frame(false), Duration: 40 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []*binding{a, b} {
		if len(end.headers) != 20 {
			t.Fatalf("%d packets, want 20", len(end.headers))
		}
		continuous(t, end.headers, 3600)
		for _, header := range end.headers {
			if header.SSRC != end.ssrcs[0] {
				t.Fatalf("SSRC %d, want %d", header.SSRC, end.ssrcs[0])
			}
		}
	}
	if a.ssrcs[0] == b.ssrcs[0] {
		t.Error("two lanes send under one SSRC")
	}
	again := track.feed(a.lane) // another connection of the first
	if track.Bindings() != 3 || again != a.feed {
		t.Errorf("%d bindings, want three of two feeds", track.Bindings())
	}
	a.leave()
	b.leave()
	if track.Bindings() != 1 {
		t.Errorf("after two left: %d bindings", track.Bindings())
	}
	if err := track.WriteSample(Sample{Data: vp8Frame(false), Duration: 40 * time.Millisecond}); err != nil || len(a.headers) != 22 || len(b.headers) != 20 {
		t.Errorf("after two left: %d and %d packets, %v; want 22 and 20", len(a.headers), len(b.headers), err)
	}
}

// Sizes of one picture are streams of one track, with one time.
func TestLocalTrack_LayersShareATrackAndItsTime(t *testing.T) {
	track, err := NewLocalTrack(TrackConfig{Codec: VP8, ID: "id", StreamID: "stream", Layers: 3})
	if err != nil {
		t.Fatal(err)
	}
	b := bind(t, track)
	for picture := range 10 {
		for layer := range 3 {
			if err := track.Layer(layer).WriteSample(Sample{Data: vp8Frame(picture == 0), Duration: 40 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}
	}
	of := map[uint32][]rtp.Header{}
	for _, header := range b.headers {
		of[header.SSRC] = append(of[header.SSRC], header)
	}
	for layer := range 3 {
		headers := of[b.ssrcs[layer]]
		if len(headers) < 20 {
			t.Fatalf("%d packets of layer %d", len(headers), layer)
		}
		continuous(t, headers, 3600)
		if headers[0].Timestamp != b.headers[0].Timestamp {
			t.Errorf("layer %d begins at another time", layer)
		}
	}
	if states := b.feed.track.Layers(); len(states) != 3 {
		t.Errorf("the lane knows of %d layers", len(states))
	}
	if _, err := NewLocalTrack(TrackConfig{Codec: Opus, ID: "id", StreamID: "stream", Layers: 2}); err == nil {
		t.Error("sound has layers")
	}
	if err := track.Layer(0).WriteRTP([]byte{0x80, 96}); err == nil {
		t.Error("packets that were made elsewhere are taken for a layer")
	}
}

func TestLocalTrack_KeepsTimeExactly(t *testing.T) {
	track := newTrack(t, VP8)
	b := bind(t, track)
	const frames = 3000
	for range frames { // 29.97 pictures a second do not fit into ticks
		if err := track.WriteSample(Sample{Data: []byte{1, 2, 3}, Duration: 33366667 * time.Nanosecond}); err != nil {
			t.Fatal(err)
		}
	}
	took := b.headers[frames-1].Timestamp - b.headers[0].Timestamp
	want := uint32((frames - 1) * 33366667 * 9 / 100000)
	if d := int32(took - want); d < -1 || d > 1 {
		t.Errorf("%d ticks, want %d", took, want)
	}
}

func TestLocalTrack_ContinuesTheNumbersOfAnInputThatBeganAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTrack(t, VP8)
		b := bind(t, track)
		for source := range uint32(3) {
			for i := range 5 {
				packet := rtp.Packet{
					Header:  rtp.Header{Version: 2, PayloadType: 33, SSRC: source + 10, SequenceNumber: uint16(source*20000) + uint16(i), Timestamp: source*1e9 + uint32(i)*3600, Marker: true},
					Payload: []byte{0x10, 1, 2},
				}
				raw, err := packet.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if err := track.WriteRTP(raw); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
		}
		if len(b.headers) != 15 {
			t.Fatalf("%d packets, want 15", len(b.headers))
		}
		continuous(t, b.headers, 3600)
		if err := track.WriteRTP([]byte("hello")); err == nil || track.Malformed() != 1 {
			t.Error("no error for what is no RTP")
		}
		rtcp := make([]byte, 28)
		rtcp[0], rtcp[1] = 0x80, 200
		if err := track.WriteRTP(rtcp); err != nil || len(b.headers) != 15 {
			t.Errorf("RTCP was sent on: %v", err)
		}
	})
}

func TestNewLocalTrack_SaysWhatIsWrong(t *testing.T) {
	for name, config := range map[string]TrackConfig{
		"no codec":     {Kind: Video, ID: "a", StreamID: "b"},
		"wrong kind":   {Kind: Audio, Codec: VP8, ID: "a", StreamID: "b"},
		"no ID":        {Codec: VP8, StreamID: "b"},
		"no stream ID": {Codec: VP8, ID: "a"},
	} {
		if _, err := NewLocalTrack(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestShelf_LosesOnlyWhatCanBeLost(t *testing.T) {
	ctx := t.Context()
	take := func(s *shelf) int { sample, _ := s.take(ctx); return int(sample.Timestamp) }
	t.Run("sound loses the oldest", func(t *testing.T) {
		s := newShelf(Audio)
		for i := range audioRoom + 5 {
			s.put(Sample{Timestamp: uint32(i), KeyFrame: true})
		}
		if first := take(s); first != 5 || s.dropped() != 5 {
			t.Errorf("first is %d with %d dropped, want 5 and 5", first, s.dropped())
		}
	})
	t.Run("pictures begin again with a key frame", func(t *testing.T) {
		s := newShelf(Video)
		for i := range videoRoom + 10 { // nobody reads
			s.put(Sample{Timestamp: uint32(i), KeyFrame: i == 0})
		}
		if first := take(s); first != 0 {
			t.Errorf("first is %d, want the key frame 0", first)
		}
		s.put(Sample{Timestamp: 500}) // there is room, but what it refers to was lost
		for i := 1; i < videoRoom; i++ {
			if got := take(s); got != i {
				t.Fatalf("sample %d, want %d", got, i)
			}
		}
		s.put(Sample{Timestamp: 600, KeyFrame: true})
		if got := take(s); got != 600 {
			t.Errorf("sample %d, want the key frame 600", got)
		}
		if s.dropped() != 11 {
			t.Errorf("%d dropped, want 11", s.dropped())
		}
	})
	t.Run("a full shelf makes room for a key frame", func(t *testing.T) {
		s := newShelf(Video)
		for i := range videoRoom {
			s.put(Sample{Timestamp: uint32(i), KeyFrame: i == 0})
		}
		s.put(Sample{Timestamp: 1000, KeyFrame: true})
		if got := take(s); got != 1000 || s.dropped() != videoRoom {
			t.Errorf("first is %d with %d dropped", got, s.dropped())
		}
	})
	t.Run("the end comes after what is left", func(t *testing.T) {
		s := newShelf(Audio)
		s.put(Sample{Timestamp: 1})
		s.end()
		if got := take(s); got != 1 {
			t.Errorf("first is %d", got)
		}
		for range 2 {
			if _, err := s.take(ctx); !errors.Is(err, io.EOF) {
				t.Errorf("error %v, want io.EOF", err)
			}
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := newShelf(Audio).take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

func TestSenderClock_PutsTracksSideBySide(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 500_000_000, time.UTC)
	clock := senderClock{known: true, ntp: uint64(at.Unix()-ntpEpoch)<<32 | 1<<31, rtp: 1<<32 - 1000}
	if got := clock.at(1000, 90000); got.Sub(at) != 2000*time.Second/90000 {
		t.Errorf("%s, want %s later", got.Sub(at), 2000*time.Second/90000)
	}
	if !(senderClock{}).at(5, 90000).IsZero() {
		t.Error("a time without a report")
	}
}
