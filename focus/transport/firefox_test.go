//go:build interop

package transport

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	firefox "meshfocus/internal/browser"
)

// foxAnswering gives a page what it needs to take part in a call, in either
// role.
const foxAnswering = `(
	window.gathered = () => new Promise(done => {
		const look = () => pc.iceGatheringState === 'complete' && done();
		pc.onicegatheringstatechange = look;
		look();
	}),
	window.begin = async () => {
		const stream = window.stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240}});
		window.pc = new RTCPeerConnection();
		pc.ondatachannel = e => { window.channel = e.channel; };
		return stream;
	},
	window.answer = async offer => {
		if (!window.pc) {
			const stream = await begin();
			await pc.setRemoteDescription(offer);
			for (const track of stream.getTracks()) pc.addTrack(track, stream);
		} else {
			await pc.setRemoteDescription(offer);
		}
		await pc.setLocalDescription();
		await gathered();
		return {type: pc.localDescription.type, sdp: pc.localDescription.sdp};
	},
	window.offer = async restart => {
		if (!window.pc) {
			const stream = await begin();
			for (const track of stream.getTracks()) pc.addTrack(track, stream);
		}
		if (restart) pc.restartIce();
		await pc.setLocalDescription();
		await gathered();
		return {type: pc.localDescription.type, sdp: pc.localDescription.sdp};
	},
	window.got = async () => {
		let sum = 0;
		for (const s of (await pc.getStats()).values()) if (s.type === 'inbound-rtp' && s.kind === 'video') sum += s.packetsReceived;
		return sum;
	},
	true)`

// foxCall is a connection of ours to a page of Firefox.
type foxCall struct {
	*testing.T
	fox  *firefox.Firefox
	conn *Conn
}

// outward gives an address that is not loopback, on which Firefox sends nothing.
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
	t.Fatal("this machine has no address but loopback")
	panic("not reached")
}

func newFoxCall(t *testing.T, fox *firefox.Firefox) *foxCall {
	t.Helper()
	network := listen(t, Config{Addresses: []netip.Addr{outward(t)}, MDNS: true})
	conn := newConn(t, network, ConnConfig{Video: camera(t, "us"), Simulcast: true, DataChannel: true})
	observe(t, conn)
	fox.Eval("void (window.pc?.close(), window.pc = null, window.channel = null)", nil)
	return &foxCall{t, fox, conn}
}

// weOffer and theyOffer carry an exchange.
func (c *foxCall) weOffer(restart bool) (offer, answer Description) {
	c.Helper()
	offer, err := c.conn.CreateOffer(c.Context(), OfferOptions{Restart: restart, Gather: time.Second})
	if err != nil {
		c.Fatal(err)
	}
	c.fox.Eval("answer("+foxScript(offer)+")", &answer)
	if err := c.conn.AcceptAnswer(c.Context(), answer); err != nil {
		c.Fatal(err)
	}
	return offer, answer
}

func (c *foxCall) theyOffer(restart bool) {
	c.Helper()
	var offer Description
	c.fox.Eval(fmt.Sprintf("offer(%v)", restart), &offer)
	answer, err := c.conn.AcceptOffer(c.Context(), offer, time.Second)
	if err != nil {
		c.Fatal(err)
	}
	c.fox.Eval("pc.setRemoteDescription("+foxScript(answer)+")", nil)
}

func foxScript(d Description) string {
	text, _ := json.Marshal(map[string]string{"type": d.Type, "sdp": d.SDP})
	return string(text)
}

// flows waits until sound and picture grow here, and our picture there.
func (c *foxCall) flows(what string) {
	c.Helper()
	var before, now float64
	c.fox.Eval("got()", &before)
	for _, kind := range []Kind{Audio, Video} {
		count := func() (frames uint64) {
			for _, received := range c.conn.Stats().Received {
				if received.Kind == kind {
					frames += received.Frames
				}
			}
			return frames
		}
		first := count()
		await(c.T, what+": "+kind.String(), func() bool { return count() > first+15 })
	}
	await(c.T, what+": ours", func() bool { c.fox.Eval("got()", &now); return now > before+20 })
	for _, received := range c.conn.Stats().Received {
		if received.Kind == Video && (received.KeyFrames == 0 || received.Broken > 0) {
			c.Errorf("%s: %+v", what, received)
		}
	}
}

func TestInterop_Firefox_TakesPartInACallInEitherRole(t *testing.T) {
	fox := firefox.StartFirefox(t)
	fox.Eval(foxAnswering, nil)
	t.Run("called", func(t *testing.T) {
		c := newFoxCall(t, fox)
		_, answer := c.weOffer(false)
		if !strings.Contains(answer.SDP, "m=application") {
			t.Error("the data channel is not answered")
		}
		c.flows("our offer")
		fox.Eventually(patience, "our channel", "window.channel !== null")
		c.theyOffer(false)
		c.flows("an offer of theirs")
		c.weOffer(true)
		c.flows("our restart")
	})
	t.Run("calling", func(t *testing.T) {
		c := newFoxCall(t, fox)
		c.theyOffer(false)
		c.flows("their offer")
		c.theyOffer(true)
		c.flows("their restart")
		c.weOffer(false)
		c.flows("an offer of ours")
	})
}
