package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/browser"
)

// through says how a page goes through the member that forwards, and what comes of
// whom by which way.
const through = `(({ through, peers }) => ({
	through, connections: connections.filter((c) => c.connectionState === "connected").length,
	peers: peers.map(({ name, state, words, via, streams, stats }) => ({ name, state, words, via: via?.name, streams: streams.length,
		frames: stats?.framesDecoded, picture: stats && [stats.width, stats.height], layersOut: stats?.layersOut })),
}))(meshfocus.call.snapshot())`

// viaPatience is long: pages encode and decode on a machine that does other things
// as well.
const viaPatience = 90 * time.Second

// seen waits until a page decodes pictures of somebody that come through the focus,
// or directly: more than when it began to wait.
func seen(p *browser.Page, of, via string) {
	is := fmt.Sprintf(`meshfocus.call.snapshot().peers.find(({ name, via, state }) => name === %q && (via?.name ?? "") === %q && state === "connected")?.stats?.framesDecoded`, of, via)
	p.Eventually(viaPatience, of+"'s pictures come, via "+via, is+" > 0", through)
	p.Eval("globalThis.framesBefore = "+is, nil)
	p.Eventually(viaPatience, of+"'s pictures go on, via "+via, is+" > framesBefore + 10", through)
}

// tabs are pages in a call, by name.
type tabs map[string]*browser.Page

func (c tabs) enter(t *testing.T, b *browser.Browser, address, name string) {
	t.Helper()
	c[name] = openCall(t, b, address)
	enterCall(c[name], name)
}

// sees waits until all see all others of these names by the same way.
func (c tabs) sees(via string, names ...string) {
	for _, name := range names {
		for _, other := range names {
			if other != name {
				seen(c[name], other, via)
			}
		}
	}
}

// onFocus is a page's peer that forwards.
const onFocus = `meshfocus.call.mesh.peers.get([...meshfocus.call.snapshot().peers].find(({ forwards }) => forwards).key)`

func TestBrowsers_ThroughTheMemberThatForwards(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t, "--forward")
	defer stop()
	c := tabs{}
	for _, name := range []string{"Ada", "Ben", "Cleo"} {
		c.enter(t, b, address+"/c/lobby?via=focus", name)
	}
	c.sees("Focus", "Ada", "Ben", "Cleo")
	for name, p := range c {
		seen(p, "Test card", "")
		p.Eventually(viaPatience, name+" has connections with the focus, the card and the viewer alone", "("+through+").connections === 3", through)
	}
	// The page's own end is closed without a word: no byte comes any more, as when the
	// machine at the other end is gone.
	t.Run("when the way to it ends they meet directly", func(t *testing.T) {
		at := time.Now()
		for _, name := range []string{"Ada", "Ben"} {
			c[name].Eval(onFocus+".connection.pc.close()", nil)
		}
		c.sees("", "Ada", "Ben")
		t.Logf("direct after %v", time.Since(at))
	})
}

func TestBrowsers_ThroughAFocusThatHasNoKey(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t, "--forward", "--media-encryption", "on")
	defer stop()
	c := tabs{}
	for _, name := range []string{"Ada", "Ben"} {
		c.enter(t, b, address+"/c/lobby?via=focus", name)
	}
	c.sees("Focus", "Ada", "Ben")
}

// showsScreen is whether a page shows pictures of somebody's screen.
func showsScreen(of string) string {
	return fmt.Sprintf(`meshfocus.call.snapshot().peers.filter(({ name }) => name === %q).flatMap(({ streams }) => streams)
		.some(({ purpose, stream }) => purpose === "m.screenshare" && [...document.querySelectorAll("video")].some((v) => v.srcObject?.id === stream.id && v.videoWidth > 0))`, of)
}

// calls names a page's calls: another name is another connection.
const calls = `[...meshfocus.call.mesh.peers.values()].map(({ negotiation }) => negotiation.call?.id).sort().join()`

// One who knows nothing of a focus, or wants none, is met directly by all, also by
// those who meet each other through it; and all see a screen, whichever way it takes.
func TestBrowsers_DirectBesideThoseThroughAFocus(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t, "--forward", "--lobby=false")
	defer stop()
	link := address + "/c/" + newCall(t, address, "{}")
	c := tabs{}
	c.enter(t, b, link+"?via=focus", "Ada")
	c.enter(t, b, link+"?via=focus", "Ben")
	c.enter(t, b, link, "Dora")
	c.sees("Focus", "Ada", "Ben")
	for _, name := range []string{"Ada", "Ben"} {
		seen(c["Dora"], name, "")
		seen(c[name], "Dora", "")
		c[name].Eventually(viaPatience, name+" has connections with the focus and Dora alone", "("+through+").connections === 2", through)
	}
	t.Run("two screens, shared at once, are seen by all", func(t *testing.T) {
		var before, after string
		c["Ada"].Eval(calls, &before)
		for _, name := range []string{"Ada", "Ben"} {
			c[name].Click(".tool-screen")
		}
		at := time.Now()
		for name, p := range c {
			for _, of := range []string{"Ada", "Ben"} {
				if of != name {
					p.Eventually(viaPatience, name+" sees "+of+"'s screen", showsScreen(of), through)
				}
			}
		}
		c["Ada"].Eval(calls, &after)
		t.Logf("all screens are seen after %v", time.Since(at))
		if before != after {
			t.Errorf("Ada was called anew: %s, was %s", after, before)
		}
	})
	t.Run("and are gone when they end", func(t *testing.T) {
		c["Ada"].Click(".tool-screen")
		for _, name := range []string{"Ben", "Dora"} {
			c[name].Eventually(viaPatience, name+" sees Ada's screen no more", "!("+showsScreen("Ada")+")", through)
		}
		c["Ada"].Eventually(viaPatience, "Ada sees Ben's still", showsScreen("Ben"), through)
		c.sees("Focus", "Ada", "Ben")
	})
}

// layersSent says of each connection that is up which encodings of a picture leave
// by it, or have left, as rid, width and whether pictures leave now, the smallest first.
const layersSent = `(async () => Promise.all(connections.filter((c) => c.connectionState === "connected").map(async (c) =>
	[...(await c.getStats()).values()].filter(({ type, kind, framesSent }) => type === "outbound-rtp" && kind === "video" && framesSent > 0)
		.sort((one, other) => one.frameWidth - other.frameWidth).map(({ rid, active, frameWidth, framesPerSecond }) => ({ rid, width: frameWidth, live: active && framesPerSecond > 0 })))))()`

// layer is one of them.
type layer struct {
	RID   string
	Width int
	Live  bool
}

// gets waits until a page gets pictures of somebody through the focus that are as wide
// as is wanted, by what the other sends at the time. The machine may be too slow for
// all of 1280 pixels: then every layer is smaller, or the largest rests.
func (c tabs) gets(t *testing.T, name, of, what string, wanted func(width int, sent []layer) bool) {
	t.Helper()
	var sent [][]layer
	var width int
	eventually(t, viaPatience, fmt.Sprintf("%s gets of %s %s", name, of, what), func() bool {
		err := c[of].Try(layersSent, &sent)
		if err == nil {
			err = c[name].Try(fmt.Sprintf(`meshfocus.call.snapshot().peers.find(({ name, via }) => name === %q && via)?.stats?.width ?? 0`, of), &width)
		}
		return err == nil && len(sent) == 1 && len(sent[0]) > 0 && wanted(width, sent[0])
	}, func() string { return fmt.Sprintf("%d of %+v", width, sent) })
	t.Logf("%s: %d of %+v", what, width, sent)
}

// smallest and largest are what can be wanted.
func smallest(width int, sent []layer) bool { return 0 < width && width <= sent[0].Width }

func largest(width int, sent []layer) bool {
	top := 0
	for _, l := range sent {
		if l.Live {
			top = l.Width
		}
	}
	return top > sent[0].Width && width >= top
}

// A large picture is published once, in layers, and who shows it small gets a small
// one.
func TestBrowsers_GetTheLayerThatTheirTileIsFor(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t, "--forward", "--lobby=false")
	defer stop()
	link := address + "/c/" + newCall(t, address, "{}") + "?via=focus"
	c := tabs{"Ada": openCallAs(t, b, link, strings.Replace(watch, "width: 320, height: 180", "width: 1280, height: 720", 1))}
	enterCall(c["Ada"], "Ada")
	c.enter(t, b, link, "Ben")
	ben := c["Ben"]
	c.sees("Focus", "Ada", "Ben")
	ben.Front() // a page that nobody sees has no sizes to tell
	ben.Size(400, 640, false)

	c["Ada"].Eventually(viaPatience, "Ada publishes three layers, on her only connection",
		layersSent+`.then((all) => all.length === 1 && all[0].map(({ rid }) => rid).join("") === "qhf")`, layersSent)
	c.gets(t, "Ben", "Ada", "the smallest where he shows her small", smallest)
	at := time.Now()
	c.gets(t, "Ben", "Ada", "the smallest, while the others rest", func(width int, sent []layer) bool {
		return smallest(width, sent) && len(sent) == 3 && !sent[1].Live && !sent[2].Live
	})
	t.Logf("what nobody wants rests after %v", time.Since(at))
	at = time.Now()
	ben.Size(1600, 1000, false)
	c.gets(t, "Ben", "Ada", "the largest where he shows her large", func(width int, sent []layer) bool {
		return largest(width, sent) && sent[1].Live
	})
	t.Logf("and is there again after %v", time.Since(at))
	ben.Size(400, 640, false)
	c.gets(t, "Ben", "Ada", "the smallest again", smallest)
}
