package focus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
)

// viewing is a page that answers offers: it sends its camera if it is to, in as many
// layers as the offer asks for, and shows what comes.
const viewing = `<!doctype html><link rel=icon href="data:,"><div id=pictures></div><script>
const pc = new RTCPeerConnection();
pc.ontrack = e => {
	if (e.track.kind !== 'video') return;
	const video = document.createElement('video');
	video.autoplay = video.muted = true;
	video.srcObject = new MediaStream([e.track]);
	pictures.append(video);
};
async function answer(offer, camera) {
	await pc.setRemoteDescription(offer);
	if (camera) {
		const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: camera});
		for (const track of stream.getTracks()) window['send_' + track.kind] = pc.addTrack(track, stream);
	}
	await pc.setLocalDescription();
	for (const sender of pc.getSenders()) { // a busy machine drops pictures, and makes none smaller
		const parameters = sender.getParameters();
		parameters.degradationPreference = 'maintain-resolution';
		if (sender.track?.kind === 'video') await sender.setParameters(parameters);
	}
	await new Promise(done => {
		const look = () => pc.iceGatheringState === 'complete' && done();
		pc.onicegatheringstatechange = look;
		look();
	});
	return pc.localDescription;
}
async function incoming() {
	const all = [...(await pc.getStats()).values()].filter(r => r.type === 'inbound-rtp' && r.kind === 'video');
	const r = all[0] || {};
	return {Frames: r.framesDecoded || 0, Keys: r.keyFramesDecoded || 0, Width: r.frameWidth || 0, Freezes: r.freezeCount || 0,
		Nacks: r.nackCount || 0, PLIs: r.pliCount || 0, Lost: r.packetsLost || 0, Dropped: r.framesDropped || 0, Codec: r.decoderImplementation || ''};
}
</script>`

// incoming is what a page says of the picture that it gets.
type incoming struct {
	Frames, Keys, Width, Freezes, Nacks, PLIs, Lost, Dropped int
	Codec                                                    string
}

// tab is a page of Chromium as a party.
type tab struct {
	t     *testing.T
	page  *browser.Page
	party *Party
	runs  sync.WaitGroup
	needs chan struct{} // capacity 1: a negotiation is needed
}

func enter(t *testing.T, s *Session, b *browser.Browser, name, camera string) *tab {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(viewing))
	}))
	t.Cleanup(server.Close)
	config := transport.BundleConfig{Name: name, Log: testLog(), Data: true}
	if camera != "null" {
		config.Lines = []transport.BundleLine{
			{Name: "sound", Kind: transport.Audio},
			{Name: "camera", Kind: transport.Video, Layers: []string{"q", "h", "f"}},
		}
	}
	party, err := s.Join(name, config)
	if err != nil {
		t.Fatal(err)
	}
	p := &tab{t: t, page: b.Open(t, server.URL), party: party, needs: make(chan struct{}, 1)}
	p.runs.Go(p.follow)
	t.Cleanup(func() { party.Leave(); p.runs.Wait() })
	p.call(camera)
	return p
}

// follow reads what the session says.
func (p *tab) follow() {
	for {
		event, err := p.party.Next(context.Background())
		if err != nil {
			return
		}
		if is[NegotiationNeeded](event) {
			select {
			case p.needs <- struct{}{}:
			default:
			}
		}
	}
}

// call has the page answer an offer of the session's.
func (p *tab) call(camera string) {
	p.t.Helper()
	offer, err := p.party.CreateOffer(p.t.Context(), patience, false)
	if err != nil {
		p.t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]string{"type": offer.Type, "sdp": offer.SDP})
	var answer struct{ Type, SDP string }
	p.page.Eval(fmt.Sprintf("answer(%s, %s)", text, camera), &answer)
	if err := p.party.AcceptAnswer(p.t.Context(), transport.Description(answer)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) incoming() (in incoming) {
	p.t.Helper()
	p.page.Eval("incoming()", &in)
	return in
}

// shows waits until a picture of a width has moved on.
func (p *tab) shows(what string, width int) incoming {
	p.t.Helper()
	var since, now incoming // since when it has the width
	until(p.t, what, func() bool {
		now = p.incoming()
		if since.Width != width || now.Width != width {
			since = now
			return false
		}
		return now.Frames >= since.Frames+10
	})
	return now
}

func TestChromium_GetsTheLayersThatItWishes(t *testing.T) {
	s := session(t, Config{})
	b := browser.Start(t)
	anna := enter(t, s, b, "anna", "{width: 960, height: 540, frameRate: 30}")
	bert := enter(t, s, b, "bert", "null")
	bert.page.Front()
	picture := func() (found Track) {
		for _, track := range s.Tracks() {
			if track.Owner == "anna" && track.Kind.String() == "video" {
				found = track
			}
		}
		return found
	}
	until(t, "anna's picture comes in three layers", func() bool {
		return picture().media != nil && len(picture().media.Layers()) == 3 && picture().media.Layers()[2].Width > 0
	})
	sub, err := bert.party.Subscribe(picture().Key, Wish{Width: 100, Height: 100})
	if err != nil {
		t.Fatal(err)
	}
	<-bert.needs
	bert.call("null")
	first := bert.shows("the smallest", 240)
	begun := time.Now()
	for range 2 {
		for _, step := range []struct {
			wish  Wish
			width int
		}{{Wish{Width: 480, Height: 270}, 480}, {Wish{}, 960}, {Wish{Width: 240, Height: 100}, 240}} {
			sub.Wish(step.wish)
			got := bert.shows(fmt.Sprintf("%+v", step.wish), step.width)
			t.Logf("after %v: %+v", time.Since(begun).Round(time.Millisecond), got)
		}
	}
	// A change that was not a clean one would be a request for a key frame, for packets,
	// or both, and a freeze. Browsers on a machine that has no time for them lose packets
	// and freeze by themselves: it counts where half of the camera's pictures were shown.
	got := bert.incoming()
	shown := float64(got.Frames-first.Frames) / time.Since(begun).Seconds()
	clean := got.PLIs <= first.PLIs+2 && got.Nacks <= first.Nacks+20 && got.Freezes <= first.Freezes+2
	if shown > 15 && got.Dropped == first.Dropped && !clean {
		t.Errorf("six layers later, at %.0f pictures in a second, it is %+v, after %+v", shown, got, first)
	}

	// Paused, nothing comes; then it goes on with a key frame.
	sub.Wish(Wish{Paused: true})
	until(t, "it pauses", func() bool {
		before := bert.incoming().Frames
		time.Sleep(300 * time.Millisecond)
		return bert.incoming().Frames == before
	})
	sub.Wish(Wish{})
	bert.shows("the largest again", 960)

	// Anna leaves: the picture goes away, and the description with the next exchange.
	anna.party.Leave()
	<-bert.needs
	bert.call("null")
	if _, err := bert.party.Subscribe(sub.Key(), Wish{}); err == nil {
		t.Error("what anna published is still there")
	}
}
