//go:build interop

package link

import (
	"encoding/json"
	"fmt"
	"testing"

	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/browser"
)

// foxOffering is what a page needs to offer sound and a data channel.
const foxOffering = `(window.heard = '', window.offer = async () => {
	if (!window.pc) {
		const stream = window.stream = await navigator.mediaDevices.getUserMedia({audio: true});
		window.pc = new RTCPeerConnection();
		pc.addTrack(stream.getAudioTracks()[0], stream);
		window.channel = pc.createDataChannel('words');
		channel.onopen = () => channel.send('from the page');
		channel.onmessage = e => { window.heard = e.data; };
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
}, true)`

func TestInterop_Link_ConnectsToFirefoxAndThroughARestart(t *testing.T) {
	fox := browser.StartFirefox(t)
	fox.Eval(foxOffering, nil)
	for _, client := range []bool{false, true} {
		t.Run(fmt.Sprintf("client %v", client), func(t *testing.T) {
			fox.Eval("void (window.pc?.close(), window.pc = null, window.heard = '')", nil)
			callsFirefox(t, fox, client)
		})
	}
}

// callsFirefox answers a page in a role of DTLS, and again with a restart.
func callsFirefox(t *testing.T, fox *browser.Firefox, client bool) {
	t.Helper()
	answer := func(e *end, candidates []string) {
		t.Helper()
		text, _ := json.Marshal(map[string]string{"type": "answer", "sdp": e.answerBoth(candidates)})
		fox.Eval(fmt.Sprintf("pc.setRemoteDescription(%s)", text), nil)
	}
	l := newLaneOn(t, outward(t))
	e := newEnd(t, Config{Port: l.port})
	e.client = client
	e.StartData()
	var sdp string
	fox.Eval("offer()", &sdp)
	peer, candidates := described(t, sdp)
	peer.Client = client
	if err := e.Connect(peer); err != nil {
		t.Fatal(err)
	}
	answer(e, e.candidates())
	e.addUsable(candidates)
	e.awaitState(StateConnected)
	keys := await(t, "keys", e.keys)
	if p := keys.Open.Profile(); !client && p != srtp.AES128GCM {
		t.Errorf("profile is %v, want %v", p, srtp.AES128GCM)
	}
	l.awaitSound(t, keys)
	channel := await(t, "channel", e.opens)
	hears(t, channel, "from the page")
	say(t, channel, "before")
	fox.Eventually(patience, "our words", "heard === 'before'")

	before := e.current.Load()
	fox.Eval("offer()", &sdp)
	peer, candidates = described(t, sdp)
	if _, err := e.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := e.Resume(peer.Credentials); err != nil {
		t.Fatal(err)
	}
	answer(e, e.candidates())
	e.addUsable(candidates)
	await(t, "new generation", awaitTrue(func() bool { return e.current.Load() != before }))
	for len(l.media) > 0 {
		<-l.media
	}
	l.awaitSound(t, keys)
	say(t, channel, "after")
	fox.Eventually(patience, "our words", "heard === 'after'")
}
