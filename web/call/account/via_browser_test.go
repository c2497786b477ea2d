package account

import (
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
	"meshfocus/mesh/forward"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/via"
)

// Whose user comes first in the order of names places the call, so here the page
// calls the member that forwards and offers its picture in layers. Chromium sends all
// three of them where the picture is large enough: two of 640 by 360. Another who goes
// by that member is met through it.
func TestAccount_GoesByAMemberThatForwards(t *testing.T) {
	h := startHome(t)
	h.person(t, "zoe")
	house, err := forward.Open(transport.Config{Loopback: true, TCP: true}, forward.AsItFits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = house.Close() })
	focus := startPartyAs(t, h, "zz-focus", h.account(t, "zz-focus"), func(c *headless.Config) { c.Clip, c.Forward, c.House = nil, true, house })
	bob := startPartyAs(t, h, "bob", h.account(t, "bob"), func(c *headless.Config) {
		c.Via, c.ViaLimits = headless.ViaFocus, via.Limits{Outage: time.Minute, Drought: time.Minute} // the machine may be busy
	})
	p := browser.Start(t).Open(t, h.pages+"/account/?via=focus")
	signIn(p, h.base, "zoe", passPhrase)
	self := device(p)
	p.Eval(`(() => {
		const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
		navigator.mediaDevices.getUserMedia = (wants) => open({ ...wants, video: wants.video && { width: 1280, height: 720, frameRate: 10 } });
	})()`, nil)
	callRoom(p, "#call:test.local")
	const busy = 90 * time.Second
	p.Eventually(busy, "the page goes by the member that forwards", `meshfocus.call.snapshot().through?.state === "through"`, explain)
	const lines = `[...meshfocus.call.mesh.peers.values()].filter(({ line }) => line).map(({ connection: { pc } }) => [pc.localDescription, pc.remoteDescription].map(({ sdp }) => /a=simulcast:.*/.exec(sdp)?.[0].trim()).join())`
	p.Eventually(busy, "it called, offered three layers, and they are taken", lines+`.join() === "a=simulcast:send q;h;f,a=simulcast:recv q;h;f"`, lines)
	p.Eventually(busy, "it gets bob through it", `meshfocus.call.snapshot().peers.some(({ user_id, via, state, stats }) => user_id === "@bob:test.local" && via && state === "connected" && stats?.framesDecoded > 5)`, explain)
	until(t, busy, "bob gets it, too", func() bool {
		for _, link := range bob.links(zoe) {
			if link.Stats == nil {
				continue
			}
			frames := map[transport.Kind]uint64{}
			for _, r := range link.Stats.Received {
				frames[r.Kind] += r.Frames
			}
			if link.Peer == self && link.Behind == focus.Party() && frames[transport.Audio] >= 20 && frames[transport.Video] >= 10 {
				return true
			}
		}
		return false
	}, func() any { return bob.Status() })
	began := time.Now()
	p.Eventually(busy, "it sends all three", `meshfocus.call.snapshot().peers.some(({ caller, forwards, stats }) => caller && forwards && stats?.layersOut === 3)`, layersOut)
	var sent any
	p.Eval(layersOut, &sent)
	t.Logf("after %v it sends %v", time.Since(began), sent)
}

// layersOut is what the page's connection with the member that forwards says of its
// layers, and of the bandwidth it believes in.
const layersOut = `(async () => { for (const { line, connection } of meshfocus.call.mesh.peers.values()) if (line) {
	const all = [...(await connection.pc.getStats()).values()];
	return [...all.filter(({ type, kind }) => type === "outbound-rtp" && kind === "video")
		.map(({ rid, active, frameWidth, framesSent, targetBitrate, qualityLimitationReason }) => ({ rid, active, frameWidth, framesSent, targetBitrate, qualityLimitationReason })),
		...all.filter(({ type, nominated }) => type === "candidate-pair" && nominated).map(({ availableOutgoingBitrate }) => ({ availableOutgoingBitrate }))];
} })()`
