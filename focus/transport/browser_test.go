package transport

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// browser is a peer that negotiates as js-sdk in a browser does: other payload
// types than ours, tracks and lines that come and go.
type browser struct {
	*testing.T
	pc     *webrtc.PeerConnection
	tracks chan *webrtc.TrackRemote
	stop   chan struct{}
	done   sync.WaitGroup
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	for _, codec := range []struct {
		mime     string
		clock    uint32
		channels uint16
		number   webrtc.PayloadType
		kind     webrtc.RTPCodecType
	}{
		{webrtc.MimeTypeOpus, 48000, 2, 63, webrtc.RTPCodecTypeAudio},
		{webrtc.MimeTypeAV1, 90000, 0, 41, webrtc.RTPCodecTypeVideo},
		{webrtc.MimeTypeVP8, 90000, 0, 120, webrtc.RTPCodecTypeVideo},
	} {
		capability := webrtc.RTPCodecCapability{MimeType: codec.mime, ClockRate: codec.clock, Channels: codec.channels}
		if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: codec.number}, codec.kind); err != nil {
			t.Fatal(err)
		}
	}
	return newPeer(t, engine, &interceptor.Registry{})
}

// newPeer makes a peer of Pion's with what it is to know.
func newPeer(t *testing.T, engine *webrtc.MediaEngine, chain *interceptor.Registry) *browser {
	t.Helper()
	settings := webrtc.SettingEngine{LoggerFactory: pionLog{testLog(t)}}
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{T: t, pc: pc, tracks: make(chan *webrtc.TrackRemote, 10), stop: make(chan struct{})}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.tracks <- track })
	t.Cleanup(func() {
		close(b.stop)
		_ = pc.GracefulClose()
		b.done.Wait()
	})
	return b
}

// send adds a track that is written until the test ends.
func (b *browser) send(mime, stream string) *webrtc.RTPSender {
	b.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, "track-of-"+stream, stream)
	if err != nil {
		b.Fatal(err)
	}
	sender, err := b.pc.AddTrack(track)
	if err != nil {
		b.Fatal(err)
	}
	frame := vp8Frame(true)
	if mime == webrtc.MimeTypeOpus {
		frame = silentFrame
	}
	b.done.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-b.stop:
				return
			case <-tick.C:
				_ = track.WriteSample(media.Sample{Data: frame, Duration: 10 * time.Millisecond})
			}
		}
	})
	return sender
}

// answer answers an offer.
func (b *browser) answer(offer Description) Description {
	b.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.SDP}); err != nil {
		b.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	answer, err := b.pc.CreateAnswer(nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.pc.SetLocalDescription(answer); err != nil {
		b.Fatal(err)
	}
	<-gathered
	return Description{TypeAnswer, b.pc.LocalDescription().SDP}
}

// offer makes an offer to a connection of ours and applies the answer, which
// it gives.
func (b *browser) offer(conn *Conn, restart bool) Description {
	b.Helper()
	gathered := webrtc.GatheringCompletePromise(b.pc)
	offer, err := b.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		b.Fatal(err)
	}
	if err := b.pc.SetLocalDescription(offer); err != nil {
		b.Fatal(err)
	}
	<-gathered
	answer, err := conn.AcceptOffer(b.Context(), Description{TypeOffer, b.pc.LocalDescription().SDP}, patience)
	if err != nil {
		b.Fatalf("AcceptOffer: %v", err)
	}
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		b.Fatalf("the browser refuses the answer: %v\n%s", err, answer.SDP)
	}
	return answer
}

// directions gives kind and direction of each m-line.
func directions(sdp string) string {
	var all []string
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch line {
		case "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive":
			all[len(all)-1] += " " + strings.TrimPrefix(line, "a=")
		default:
			if kind, found := strings.CutPrefix(line, "m="); found {
				all = append(all, strings.Fields(kind)[0])
			}
		}
	}
	return strings.Join(all, ", ")
}

func TestConn_FollowsABrowserThroughACall(t *testing.T) {
	t.Parallel() // waits most of the time
	b := newBrowser(t)
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "us")})
	seen := observe(t, conn)
	expect := func(step string, answer Description, want string) {
		t.Helper()
		if got := directions(answer.SDP); got != want {
			t.Errorf("%s: answer is %q, want %q", step, got, want)
		}
	}
	track := func(step, stream string, codec Codec) *RemoteTrack {
		t.Helper()
		track := seen.awaitTrack(t, codec.Kind())
		if track.StreamID() != stream || track.Codec() != codec {
			t.Errorf("%s: track is %s of %q, want %s of %q", step, track.Codec(), track.StreamID(), codec, stream)
		}
		readSamples(t, track, 5)
		return track
	}

	b.send(webrtc.MimeTypeOpus, "camera")
	expect("sound only", b.offer(conn, false), "audio sendrecv")
	track("sound only", "camera", Opus)

	b.send(webrtc.MimeTypeVP8, "camera")
	expect("camera", b.offer(conn, false), "audio sendrecv, video sendrecv")
	camera := track("camera", "camera", VP8)
	select {
	case ours := <-b.tracks:
		for ours.Kind() != webrtc.RTPCodecTypeVideo {
			ours = <-b.tracks
		}
		if ours.PayloadType() != 120 || ours.StreamID() != "us" {
			t.Errorf("our picture comes as type %d of %q, want 120 of us", ours.PayloadType(), ours.StreamID())
		}
	case <-time.After(patience):
		t.Fatal("our picture does not come")
	}

	screen := b.send(webrtc.MimeTypeVP8, "screen")
	expect("screen", b.offer(conn, false), "audio sendrecv, video sendrecv, video recvonly")
	shared := track("screen", "screen", VP8)

	if err := b.pc.RemoveTrack(screen); err != nil {
		t.Fatal(err)
	}
	b.offer(conn, false)
	select {
	case <-shared.Ended():
	case <-time.After(patience):
		t.Error("the screen goes on though it is not shared any more")
	}
	b.send(webrtc.MimeTypeVP8, "screen-again")
	b.offer(conn, false)
	track("screen again", "screen-again", VP8)

	b.offer(conn, true)
	before := camera.Stats().Packets
	await(t, "the camera after a restart", func() bool { return camera.Stats().Packets > before+50 })
}

func TestConn_AnswersInactiveWhereItHasNothingToSend(t *testing.T) {
	b := newBrowser(t)
	b.send(webrtc.MimeTypeOpus, "camera")
	b.send(webrtc.MimeTypeVP8, "camera")
	// js-sdk adds a line for our screen if our membership says we share one.
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := b.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, receive); err != nil {
		t.Fatal(err)
	}
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "us")})
	seen := observe(t, conn)
	if got, want := directions(b.offer(conn, false).SDP), "audio sendrecv, video sendrecv, video inactive"; got != want {
		t.Errorf("answer is %q, want %q", got, want)
	}
	readSamples(t, seen.awaitTrack(t, Video), 5)
	if got, want := directions(b.offer(conn, false).SDP), "audio sendrecv, video sendrecv, video inactive"; got != want {
		t.Errorf("answer to the next offer is %q, want %q", got, want)
	}
}

func TestConn_ReceivesOnlyFromABrowserThatOnlyReceives(t *testing.T) {
	t.Parallel() // waits most of the time
	b := newBrowser(t)
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := b.pc.AddTransceiverFromKind(kind, receive); err != nil {
			t.Fatal(err)
		}
	}
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "us")})
	observe(t, conn)
	if got, want := directions(b.offer(conn, false).SDP), "audio sendonly, video sendonly"; got != want {
		t.Errorf("answer is %q, want %q", got, want)
	}
	for range 2 {
		select {
		case <-b.tracks:
		case <-time.After(patience):
			t.Fatal("the browser gets nothing")
		}
	}
}

func TestConn_StaysSilentWhenItsCodecWasRefused(t *testing.T) {
	b := newBrowser(t) // knows no H.264
	b.send(webrtc.MimeTypeOpus, "camera")
	b.send(webrtc.MimeTypeVP8, "camera")
	foreign := newTrack(t, H264)
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: foreign})
	observe(t, conn)
	b.offer(conn, false)
	await(t, "the refusal", func() bool { return conn.Stats().Sent[1].Refused })
	if foreign.Bindings() != 0 {
		t.Error("it is sent all the same")
	}
	if err := conn.ReplaceVideo(newTrack(t, VP9)); !errors.Is(err, ErrCodecNotNegotiated) {
		t.Errorf("another that nobody knows: %v", err)
	}
	known := camera(t, "known")
	if err := conn.ReplaceVideo(known); err != nil {
		t.Fatal(err)
	}
	if conn.Stats().Sent[1].Refused || known.Bindings() != 1 {
		t.Error("one that is known is not sent")
	}
	for ours := range b.tracks {
		if ours.Kind() == webrtc.RTPCodecTypeVideo {
			break
		}
	}
}
