package link

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"meshfocus/internal/browser"

	"meshfocus/focus/transport/srtp"
)

// offering is a page that offers sound and a data channel.
const offering = `<!doctype html><link rel=icon href="data:,"><script>
let pc, channel, heard = '';
async function offer() {
	if (!pc) {
		const stream = await navigator.mediaDevices.getUserMedia({audio: true});
		pc = new RTCPeerConnection();
		pc.addTrack(stream.getAudioTracks()[0], stream);
		channel = pc.createDataChannel('words');
		channel.onopen = () => channel.send('from the page');
		channel.onmessage = e => { heard = e.data; };
	} else {
		pc.restartIce();
	}
	await pc.setLocalDescription();
	await new Promise(done => {
		const look = () => pc.iceGatheringState === 'complete' && done();
		pc.onicegatheringstatechange = look;
		look();
	});
	return pc.localDescription.sdp;
}
</script>`

// outward gives an address of this machine that a browser would use.
func outward(t *testing.T) netip.Addr {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range all {
		if prefix, err := netip.ParsePrefix(each.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			return prefix.Addr()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// answerTo has the page take a description by hand.
func (e *end) answerTo(page *browser.Page, candidates []string) {
	e.t.Helper()
	text, _ := json.Marshal(map[string]string{"type": "answer", "sdp": e.answerBoth(candidates)})
	page.Eval(fmt.Sprintf("pc.setRemoteDescription(%s)", text), nil)
}

// answerBoth answers sound and data.
func (e *end) answerBoth(candidates []string) string {
	return withoutMedia(strings.Replace(e.answer(candidates), "BUNDLE 0", "BUNDLE 0 1", 1) +
		strings.Replace(e.section(candidates), "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", 1))
}

// withoutMedia makes the second section one of data.
func withoutMedia(sdp string) string {
	media, data, _ := strings.Cut(sdp, "m=application")
	var kept strings.Builder
	for line := range strings.Lines(data) {
		switch {
		case strings.HasPrefix(line, "a=mid:"):
			kept.WriteString("a=mid:1\r\na=sctp-port:5000\r\n")
		case strings.HasPrefix(line, "a=rtp"), strings.HasPrefix(line, "a=rtcp"), strings.HasPrefix(line, "a=ssrc"),
			strings.HasPrefix(line, "a=msid"), strings.HasPrefix(line, "a=sendrecv"):
		default:
			kept.WriteString(line)
		}
	}
	return media + "m=application" + kept.String()
}

func TestLink_ConnectsToChromiumAndThroughARestart(t *testing.T) {
	t.Parallel() // waits most of the time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(offering))
	}))
	t.Cleanup(server.Close)
	chromium := browser.Start(t)
	for _, client := range []bool{false, true} {
		t.Run(fmt.Sprintf("client %v", client), func(t *testing.T) {
			callsChromium(t, chromium.Open(t, server.URL), client)
		})
	}
}

// callsChromium answers a page in a role of DTLS, and again with a restart.
func callsChromium(t *testing.T, page *browser.Page, client bool) {
	t.Helper()
	l := newLaneOn(t, outward(t))
	e := newEnd(t, Config{Port: l.port})
	e.client = client
	e.StartData()

	var sdp string
	page.Eval("offer()", &sdp)
	peer, candidates := described(t, sdp)
	peer.Client = client
	if err := e.Connect(peer); err != nil {
		t.Fatal(err)
	}
	e.answerTo(page, e.candidates())
	e.addUsable(candidates)
	e.awaitState(StateConnected)
	keys := await(t, "keys", e.keys)
	if p := keys.Open.Profile(); !client && p != srtp.AES128GCM {
		t.Errorf("profile is %v, want %v", p, srtp.AES128GCM)
	}
	l.awaitSound(t, keys)
	channel := await(t, "channel", e.opens)
	if channel.Label() != "words" {
		t.Errorf("label is %q", channel.Label())
	}
	hears(t, channel, "from the page")
	say(t, channel, "before")
	page.Eventually(patience, "our words", "heard === 'before'", "heard")

	before := e.current.Load()
	page.Eval("offer()", &sdp)
	peer, candidates = described(t, sdp)
	if _, err := e.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := e.Resume(peer.Credentials); err != nil {
		t.Fatal(err)
	}
	e.answerTo(page, e.candidates())
	e.addUsable(candidates)
	await(t, "new generation", awaitTrue(func() bool { return e.current.Load() != before }))
	if state := e.State(); state != StateConnected {
		t.Errorf("state is %s after a restart", state)
	}
	for len(l.media) > 0 {
		<-l.media
	}
	l.awaitSound(t, keys)
	say(t, channel, "after")
	page.Eventually(patience, "our words", "heard === 'after'", "heard")
}

// awaitSound waits for a packet of Opus that the keys open.
func (l *lane) awaitSound(t *testing.T, keys Secured) {
	t.Helper()
	for {
		if packet := await(t, "sound", l.media).datagram; packet[1]&0x7f == 111 {
			opened(t, keys, packet)
			return
		}
	}
}

// addUsable gives candidates to the Link, but for names.
func (e *end) addUsable(candidates []string) {
	for _, candidate := range candidates {
		if !strings.Contains(candidate, ".local ") {
			e.add([]string{candidate})
		}
	}
}
