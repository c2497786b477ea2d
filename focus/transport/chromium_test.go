package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport/jsep"
	chromium "meshfocus/internal/browser"
)

// answering is a page that answers offers with camera and microphone and knows
// nothing of layers. Its words are those of js-sdk as callee: the offer is set
// before the tracks are added.
const answering = `<!doctype html><link rel=icon href="data:,"><video id=video autoplay muted></video><script>
async function answer(offer, size) {
	const stream = window.stream = await navigator.mediaDevices.getUserMedia({audio: true, video: size ? {...size, frameRate: 15} : false});
	window.pc = new RTCPeerConnection();
	pc.ontrack = e => { if (e.track.kind === 'video' && e.streams[0]) video.srcObject = e.streams[0]; };
	await pc.setRemoteDescription(offer);
	for (const track of stream.getTracks()) window['send_' + track.kind] = pc.addTrack(track, stream);
	await pc.setLocalDescription();
	for (const sender of pc.getSenders()) { // a busy machine drops pictures, and makes none smaller
		const parameters = sender.getParameters();
		parameters.degradationPreference = 'maintain-resolution';
		if (sender.track?.kind === 'video') await sender.setParameters(parameters);
	}
	await gathered();
	return pc.localDescription;
}
async function offer(options) {
	await pc.setLocalDescription(await pc.createOffer(options));
	await gathered();
	return pc.localDescription;
}
const gathered = () => new Promise(done => {
	const look = () => pc.iceGatheringState === 'complete' && done();
	pc.onicegatheringstatechange = look;
	look();
});
</script>`

// tab is a page of Chromium and a connection to it.
type tab struct {
	*testing.T
	*chromium.Page
	conn *Conn
	seen *observer
}

func newTab(t *testing.T, config ConnConfig, options ...chromium.Option) *tab {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(answering))
	}))
	t.Cleanup(server.Close)
	conn := newConn(t, listen(t, Config{}), config)
	return &tab{T: t, Page: chromium.Start(t, options...).Open(t, server.URL), conn: conn, seen: observe(t, conn)}
}

// call calls the page with an offer of ours and gives its answer.
func (b *tab) call(width, height int) Description {
	b.Helper()
	offer, err := b.conn.CreateOffer(b.Context(), OfferOptions{Gather: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	var answer struct{ Type, SDP string }
	b.Eval(fmt.Sprintf("answer(%s, {width: %d, height: %d})", script(offer), width, height), &answer)
	if err := b.conn.AcceptAnswer(b.Context(), Description(answer)); err != nil {
		b.Fatal(err)
	}
	return Description(answer)
}

// offered lets the page offer something new.
func (b *tab) offered(options string) (offer, answer Description) {
	b.Helper()
	var made struct{ Type, SDP string }
	b.Eval("offer("+options+")", &made)
	answer, err := b.conn.AcceptOffer(b.Context(), Description(made), time.Second)
	if err != nil {
		b.Fatal(err)
	}
	b.Eval(fmt.Sprintf("pc.setRemoteDescription(%s)", script(answer)), nil)
	return Description(made), answer
}

func script(d Description) string {
	text, _ := json.Marshal(map[string]string{"type": d.Type, "sdp": d.SDP})
	return string(text)
}

// layers gives what is known of the picture's layers.
func (b *tab) layers() []LayerStats {
	for _, received := range b.conn.Stats().Received {
		if received.Kind == Video && !received.Ended {
			return received.Layers
		}
	}
	return nil
}

// flows waits until every one of a number of layers grows.
func (b *tab) flows(what string, count int) []LayerStats {
	b.Helper()
	before := map[string]uint64{}
	for _, l := range b.layers() {
		before[l.RID] = l.Frames
	}
	await(b.T, what, func() bool {
		growing := 0
		for _, l := range b.layers() {
			if l.Frames > before[l.RID]+10 && l.KeyFrames > 0 {
				growing++
			}
		}
		return growing == count
	})
	return b.layers()
}

func TestChromium_SendsThreeLayers(t *testing.T) {
	b := newTab(t, ConnConfig{Video: camera(t, "us"), Simulcast: true})
	answer := b.call(960, 540)
	if !strings.Contains(answer.SDP, "a=simulcast:send q;h;f") {
		t.Fatalf("the answer is\n%s", answer.SDP)
	}
	track := b.seen.awaitTrack(t, Video)
	begun := time.Now()
	layers := b.flows("three layers", 3)
	t.Logf("after %v: %+v", time.Since(begun).Round(time.Millisecond), layers)
	for i, want := range []int{240, 480, 960} {
		if l := layers[i]; l.RID != layerNames[i] || l.Width != want || l.Codec != VP8 || l.SSRC == 0 || l.LastSeen.Before(begun) {
			t.Errorf("layer %d is %+v, want %s of width %d", i, l, layerNames[i], want)
		}
	}
	if !layers[2].Read {
		t.Error("readers do not get the largest")
	}
	if stats := track.Stats(); stats.Width != 960 || stats.Ended {
		t.Errorf("the track is %+v", stats)
	}
	select {
	case another := <-b.seen.tracks:
		if another.Kind() == Video {
			t.Errorf("the layers are several tracks, also %s", another)
		}
	default:
	}

	// A layer that stops and comes back.
	b.Eval(`(async () => { const p = send_video.getParameters(); p.encodings[2].active = false; await send_video.setParameters(p) })()`, nil)
	await(t, "readers get another layer", func() bool { return track.Stats().Width == 480 })
	b.Eval(`(async () => { const p = send_video.getParameters(); p.encodings[2].active = true; await send_video.setParameters(p) })()`, nil)
	await(t, "readers get the largest again", func() bool { return track.Stats().Width == 960 })

	// A later exchange of either side keeps the layers, with new credentials
	// too. Chromium estimates the bandwidth anew then and takes up to ten
	// seconds to send the largest again.
	_, ours := b.offered("{iceRestart: true}")
	if !strings.Contains(ours.SDP, "a=simulcast:recv q;h;f") {
		t.Errorf("our answer takes no layers:\n%s", ours.SDP)
	}
	b.grows("after the page's restart", Audio, Video)
	again := b.takes(OfferOptions{Restart: true, Gather: time.Second})
	if !strings.Contains(again.SDP, "a=simulcast:send q;h;f") {
		t.Errorf("the answer to the later offer is\n%s", again.SDP)
	}
	b.grows("after our restart", Audio, Video)
	if got := len(b.layers()); got != 3 {
		t.Errorf("there are %d layers now", got)
	}
}

// With its trial for RFC 8888 Chromium takes that from our offer, and leaves
// transport-wide feedback: its bandwidth is what our reports by stream let it be, also
// after an offer of its own, which does not speak of them.
func TestChromium_HearsOfArrivalsByStream(t *testing.T) {
	trial := chromium.Flag("force-fieldtrials", "WebRTC-RFC8888CongestionControlFeedback/Enabled/")
	b := newTab(t, ConnConfig{Video: camera(t, "us"), Simulcast: true}, trial)
	if answer := b.call(960, 540); !strings.Contains(answer.SDP, " ack ccfb") || strings.Contains(answer.SDP, "transport-cc") {
		t.Fatalf("the answer is\n%s", answer.SDP)
	}
	b.flows("three layers", 3)
	acknowledged(t, b.conn)
	b.offered("{}")
	if way := b.conn.strand.session.Agreed().Sections[1].Arrivals; way != jsep.StreamReports {
		t.Errorf("after its offer arrivals are %s", way)
	}
	b.flows("three layers after its offer", 3)
	b.Eventually(patience, "it has measured what the way carries", `pc.getStats().then((all) => [...all.values()].some(({ availableOutgoingBitrate }) => availableOutgoingBitrate > 1e6))`, "null")
}

// The camera comes after the answer, and its packets come before the words
// about it, which go by a homeserver.
func TestChromium_LayersThatCameBeforeTheirDescription(t *testing.T) {
	b := newTab(t, ConnConfig{Video: camera(t, "us"), Simulcast: true})
	offer, err := b.conn.CreateOffer(t.Context(), OfferOptions{Gather: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Type, SDP string }
	b.Eval(fmt.Sprintf("answer(%s, null)", script(offer)), &answer)
	if err := b.conn.AcceptAnswer(t.Context(), Description(answer)); err != nil {
		t.Fatal(err)
	}
	b.grows("a call without a camera", Audio)
	b.Eval(`(async () => {
	const added = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360, frameRate: 15}});
	window.send_video = pc.addTrack(added.getVideoTracks()[0], stream);
	window.later = await offer();
})()`, nil)
	b.Eventually(10*time.Second, "packets leave before the offer does",
		`send_video.getStats().then(s => [...s.values()].some(r => r.type === 'outbound-rtp' && r.packetsSent > 10))`, "null")
	var made struct{ Type, SDP string }
	b.Eval("later", &made)
	ours, err := b.conn.AcceptOffer(t.Context(), Description(made), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	b.Eval(fmt.Sprintf("pc.setRemoteDescription(%s)", script(ours)), nil)
	b.flows("both layers", 2)
}

func TestChromium_SendsOneEncodingWhenNotAsked(t *testing.T) {
	b := newTab(t, ConnConfig{Video: camera(t, "us")})
	b.call(960, 540)
	layers := b.flows("one encoding", 1)
	if len(layers) != 1 || layers[0].RID != "" || !layers[0].Read {
		t.Errorf("layers are %+v", layers)
	}
}

// grows waits until a kind of media arrives at both ends: frames here, and
// decoded or received there.
func (b *tab) grows(what string, kinds ...Kind) {
	b.Helper()
	for _, kind := range kinds {
		frames := func() (sum uint64) {
			for _, received := range b.conn.Stats().Received {
				if received.Kind == kind && !received.Ended {
					sum += received.Frames
				}
			}
			return sum
		}
		before := frames()
		await(b.T, fmt.Sprintf("%s: %s from the page", what, kind), func() bool { return frames() > before+5 })
		received := fmt.Sprintf(`pc.getStats().then(s => [...s.values()].filter(r => r.type === 'inbound-rtp' && r.kind === '%s').reduce((n, r) => n + r.packetsReceived, 0))`, kind)
		var first, now uint64
		b.Eval(received, &first)
		await(b.T, fmt.Sprintf("%s: %s at the page", what, kind), func() bool {
			b.Eval(received, &now)
			return now > first+1
		})
	}
}

func TestChromium_AudioOnlyGrowsAPictureAndAScreen(t *testing.T) {
	b := newTab(t, ConnConfig{Video: camera(t, "us"), Simulcast: true})
	b.Eval(`(async () => {
	window.pc = new RTCPeerConnection();
	window.mic = await navigator.mediaDevices.getUserMedia({audio: true});
	pc.addTrack(mic.getAudioTracks()[0], mic);
})()`, nil)
	b.offered("{}")
	b.grows("sound only", Audio)

	// As js-sdk does: the answer goes out, then an offer with the camera comes.
	b.Eval(`(async () => {
	window.cam = await navigator.mediaDevices.getUserMedia({video: {width: 320, height: 240, frameRate: 15}});
	window.send_video = pc.addTrack(cam.getVideoTracks()[0], mic);
})()`, nil)
	b.offered("{}")
	b.grows("with the camera", Audio, Video)

	b.Eval(`(async () => {
	const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 180}), draw = canvas.getContext('2d');
	window.drawing = setInterval(() => { draw.fillStyle = 'hsl(' + Date.now() % 360 + ' 90% 50%)'; draw.fillRect(0, 0, 320, 180) }, 50);
	window.screen_ = canvas.captureStream(15);
	window.send_screen = pc.addTrack(screen_.getVideoTracks()[0], screen_);
})()`, nil)
	offer, _ := b.offered("{}")
	if got := strings.Count(offer.SDP, "\r\nm="); got != 3 {
		t.Errorf("the offer with the screen has %d m-lines, want 3", got)
	}
	var streams = map[string]bool{}
	await(t, "two pictures", func() bool {
		for _, received := range b.conn.Stats().Received {
			if received.Kind == Video && received.Frames > 10 && !received.Ended {
				streams[received.StreamID] = true
			}
		}
		return len(streams) == 2
	})
	b.Eval("pc.removeTrack(send_screen)", nil)
	b.offered("{}")
	b.grows("without the screen", Audio, Video)
	b.offered("{iceRestart: true}")
	b.grows("after the page's restart", Audio, Video)

	// And an offer of ours within the call that the page placed.
	b.takes(OfferOptions{Gather: time.Second})
	b.grows("after our offer", Audio, Video)
	b.Eval("window.send_screen = pc.addTrack(screen_.getVideoTracks()[0], screen_)", nil)
	b.offered("{}")
	b.grows("with the screen again", Audio, Video)
}

// takes makes the page answer another offer of ours.
func (b *tab) takes(options OfferOptions) Description {
	b.Helper()
	offer, err := b.conn.CreateOffer(b.Context(), options)
	if err != nil {
		b.Fatal(err)
	}
	var answer struct{ Type, SDP string }
	b.Eval(fmt.Sprintf("pc.setRemoteDescription(%s).then(() => pc.setLocalDescription()).then(gathered).then(() => pc.localDescription)", script(offer)), &answer)
	if err := b.conn.AcceptAnswer(b.Context(), Description(answer)); err != nil {
		b.Fatal(err)
	}
	return Description(answer)
}

func TestChromium_CalledSharesItsScreenAndSwitchesItsCameraOff(t *testing.T) {
	b := newTab(t, ConnConfig{Video: camera(t, "us"), Simulcast: true})
	b.call(320, 240)
	b.grows("called", Audio, Video)
	b.Eval(`(async () => {
	const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 180}), draw = canvas.getContext('2d');
	window.drawing = setInterval(() => { draw.fillStyle = 'hsl(' + Date.now() % 360 + ' 90% 50%)'; draw.fillRect(0, 0, 320, 180) }, 50);
	window.screen_ = canvas.captureStream(15);
	window.send_screen = pc.addTrack(screen_.getVideoTracks()[0], screen_);
})()`, nil)
	b.offered("{}")
	pictures := func() (count int) {
		for _, received := range b.conn.Stats().Received {
			if received.Kind == Video && received.Frames > 10 && !received.Ended {
				count++
			}
		}
		return count
	}
	await(t, "camera and screen", func() bool { return pictures() == 2 })
	b.Eval("pc.removeTrack(send_screen)", nil)
	b.offered("{}")
	await(t, "camera only", func() bool { return pictures() == 1 })
	b.grows("camera only", Audio, Video)
	b.takes(OfferOptions{Restart: true, Gather: time.Second})
	b.grows("after our restart", Audio, Video)

	b.Eval("send_video.replaceTrack(null)", nil)
	b.offered("{}")
	b.Eval(`navigator.mediaDevices.getUserMedia({video: {width: 320, height: 240}}).then(s => send_video.replaceTrack(s.getVideoTracks()[0]))`, nil)
	b.grows("with another camera", Audio, Video)
}
