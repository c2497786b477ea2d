package transport

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// binding stands for a connection at the end of a LocalTrack: it notes what it
// is given to send.
type binding struct {
	*outlet
	headers []rtp.Header
}

// bind attaches a binding, as Pion does when codecs are agreed.
func bind(t *testing.T, track *LocalTrack, ssrc uint32, payloadType uint8, agreed ...Codec) *binding {
	t.Helper()
	b := &binding{outlet: newOutlet(track.Kind(), track.ID(), track.StreamID(), track)}
	if len(agreed) == 0 {
		agreed = []Codec{track.Codec()}
	}
	if _, err := b.Bind(agreement{b, ssrc, payloadType, agreed}); err != nil {
		t.Fatalf("Bind: %v", err)
	}
	return b
}

func (b *binding) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	b.headers = append(b.headers, *header)
	return len(payload), nil
}
func (b *binding) Write([]byte) (int, error) { panic("not used") }

// agreement is what Pion tells a track about a connection.
type agreement struct {
	writer      webrtc.TrackLocalWriter
	ssrc        uint32
	payloadType uint8
	codecs      []Codec
}

func (a agreement) CodecParameters() []webrtc.RTPCodecParameters {
	var all []webrtc.RTPCodecParameters
	for i, codec := range a.codecs {
		all = append(all, webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: knownCodecs[codec].mime},
			PayloadType:        webrtc.PayloadType(a.payloadType + uint8(i)),
		})
	}
	return all
}
func (a agreement) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter { return nil }
func (a agreement) SSRC() webrtc.SSRC                                      { return webrtc.SSRC(a.ssrc) }
func (a agreement) SSRCRetransmission() webrtc.SSRC                        { return 0 }
func (a agreement) SSRCForwardErrorCorrection() webrtc.SSRC                { return 0 }
func (a agreement) WriteStream() webrtc.TrackLocalWriter                   { return a.writer }
func (a agreement) ID() string                                             { return "" }
func (a agreement) RTCPReader() interceptor.RTCPReader                     { return nil }

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

func TestLocalTrack_FeedsManyConnectionsEachWithItsNumbers(t *testing.T) {
	track := newTrack(t, VP8)
	a, b := bind(t, track, 1, 96), bind(t, track, 2, 120)
	for range 10 {
		if err := track.WriteSample(Sample{Data: vp8Frame(false), Duration: 40 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []struct {
		*binding
		ssrc uint32
		pt   uint8
	}{{a, 1, 96}, {b, 2, 120}} {
		if len(end.headers) != 20 {
			t.Fatalf("%d packets, want 20", len(end.headers))
		}
		continuous(t, end.headers, 3600)
		for _, header := range end.headers {
			if header.SSRC != end.ssrc || header.PayloadType != end.pt {
				t.Fatalf("SSRC %d and type %d, want %d and %d", header.SSRC, header.PayloadType, end.ssrc, end.pt)
			}
		}
	}
	if err := a.Unbind(nil); err != nil || track.Bindings() != 1 {
		t.Errorf("after one left: %d bindings, %v", track.Bindings(), err)
	}
}

func TestLocalTrack_KeepsTimeExactly(t *testing.T) {
	track := newTrack(t, VP8)
	b := bind(t, track, 1, 96)
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
		b := bind(t, track, 1, 96)
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

func TestLocalTrack_MergesRequestsForKeyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newTrack(t, VP8)
		asked := func() bool {
			select {
			case <-track.KeyFrameRequests():
				return true
			default:
				return false
			}
		}
		a, b := bind(t, track, 1, 96), bind(t, track, 2, 96)
		pli := []rtcp.Packet{&rtcp.PictureLossIndication{}}
		fir := []rtcp.Packet{&rtcp.FullIntraRequest{}}
		a.feedback(pli, time.Now())
		b.feedback(fir, time.Now())
		if !asked() || asked() {
			t.Error("two requests at once are not one")
		}
		time.Sleep(time.Millisecond)
		if err := track.WriteSample(Sample{Data: vp8Frame(true), Duration: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keyFrameInterval / 2)
		a.feedback(pli, time.Now())
		if asked() {
			t.Error("a request right after a key frame is passed on")
		}
		late := bind(t, track, 3, 96)
		late.feedback(pli, time.Now())
		if !asked() {
			t.Error("who came after the key frame does not get one")
		}
		time.Sleep(keyFrameInterval)
		a.feedback(pli, time.Now())
		if !asked() {
			t.Error("a request long after the key frame is dropped")
		}
		if stats := a.snapshot(); stats.KeyFrameRequests != 3 {
			t.Errorf("%d requests counted, want 3", stats.KeyFrameRequests)
		}
	})
}

func TestOutlet_ExchangesTracksWithoutAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newTrack(t, VP8), newTrack(t, VP8)
		b := bind(t, first, 1, 96)
		write := func(track *LocalTrack) {
			for range 5 {
				if err := track.WriteSample(Sample{Data: []byte{1, 2, 3}, Duration: 40 * time.Millisecond}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
		}
		write(first)
		if err := b.replace(second); err != nil {
			t.Fatal(err)
		}
		write(second)
		if err := first.WriteSample(Sample{Data: []byte{9}, Duration: time.Second}); err != nil {
			t.Fatal(err)
		}
		if len(b.headers) != 10 {
			t.Fatalf("%d packets, want 10: the former track is silent", len(b.headers))
		}
		continuous(t, b.headers, 3600)
		if first.Bindings() != 0 || second.Bindings() != 1 {
			t.Errorf("%d and %d bindings, want 0 and 1", first.Bindings(), second.Bindings())
		}
		if err := b.replace(nil); err != nil {
			t.Fatal(err)
		}
		write(second)
		if len(b.headers) != 10 {
			t.Error("a muted end sends")
		}
		if err := b.replace(newTrack(t, AV1)); !errors.Is(err, ErrCodecNotNegotiated) {
			t.Errorf("track of a codec nobody agreed to: %v", err)
		}
		time.Sleep(time.Second)
		if err := b.replace(first); err != nil {
			t.Fatal(err)
		}
		write(first)
		gap := b.headers[10].Timestamp - b.headers[9].Timestamp
		if seconds := float64(gap) / 90000; seconds < 1 || seconds > 1.5 || b.headers[10].SequenceNumber != b.headers[9].SequenceNumber+1 {
			t.Errorf("after the pause: %.2f s later, sequence number %d after %d", seconds, b.headers[10].SequenceNumber, b.headers[9].SequenceNumber)
		}
	})
}

func TestOutlet_StaysSilentWhenItsCodecWasRefused(t *testing.T) {
	track := newTrack(t, AV1)
	b := bind(t, track, 1, 96, VP8, H264)
	if err := track.WriteSample(Sample{Data: []byte{0x0a, 1, 2}, Duration: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if stats := b.snapshot(); len(b.headers) != 0 || !stats.Refused || track.Bindings() != 0 {
		t.Errorf("%d packets, %+v", len(b.headers), stats)
	}
	if err := b.replace(newTrack(t, H264)); err != nil {
		t.Errorf("a track of an agreed codec: %v", err)
	}
	if stats := b.snapshot(); stats.Refused || b.payload != 97 {
		t.Errorf("refused %v, payload type %d", stats.Refused, b.payload)
	}
}

func TestSentStats_ReadTheReceiversReports(t *testing.T) {
	track := newTrack(t, VP8)
	b := bind(t, track, 7, 96)
	now := time.Unix(1_700_000_000, 250_000_000)
	sent := now.Add(-300 * time.Millisecond)
	ntp := uint64(sent.Unix()-ntpEpoch)<<32 | uint64(sent.Nanosecond())<<32/uint64(time.Second)
	b.feedback([]rtcp.Packet{
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
			{SSRC: 8, TotalLost: 99},
			{SSRC: 7, TotalLost: 5, FractionLost: 64, Jitter: 900, LastSenderReport: uint32(ntp >> 16), Delay: 65536 / 10},
		}},
		&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1, 2, 40})},
	}, now)
	stats := b.snapshot()
	if stats.Lost != 5 || stats.LossFraction != 0.25 || stats.Jitter != 10*time.Millisecond || stats.Nacked != 3 {
		t.Errorf("%+v", stats)
	}
	if d := stats.RTT - 200*time.Millisecond; d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("round trip %s, want 200 ms", stats.RTT)
	}
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
