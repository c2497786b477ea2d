package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"meshfocus/internal/browser"
	"meshfocus/web/stats"
)

// watch is put into pages before their own scripts. It keeps every connection
// so that links() can count what is decoded, notes when the first frame was,
// and makes the camera's picture small: two cores encode all of them.
const watch = `
const connections = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
	constructor(...options) {
		super(...options);
		connections.push(this);
		this.addEventListener("track", (event) => event.track.kind === "video" && firstFrame(event.receiver));
	}
};
async function firstFrame(receiver) { // asks no more often than it has to: a question costs milliseconds
	if (receiver.track.muted) await new Promise((go) => receiver.track.addEventListener("unmute", go, { once: true }));
	while (globalThis.seenAt === undefined) {
		for (const report of (await receiver.getStats()).values()) if (report.framesDecoded > 0) globalThis.seenAt ??= performance.now();
		await new Promise((go) => setTimeout(go, 20));
	}
}
addEventListener("submit", () => { globalThis.joinedAt = performance.now(); }, true);
const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (open) navigator.mediaDevices.getUserMedia = (wants) => open({ ...wants, video: wants.video && { ...wants.video, width: 320, height: 180, frameRate: 10 } });
globalThis.links = async () => Promise.all(connections.filter((c) => c.connectionState === "connected").map(async (c) => {
	const link = { framesIn: 0, audioIn: 0, framesOut: 0, audioOut: 0 };
	for (const report of (await c.getStats()).values()) {
		if (report.type === "inbound-rtp" && report.kind === "video") link.framesIn += report.framesDecoded;
		if (report.type === "inbound-rtp" && report.kind === "audio") link.audioIn += report.bytesReceived;
		if (report.type === "outbound-rtp" && report.kind === "video") link.framesOut += report.framesSent;
		if (report.type === "outbound-rtp" && report.kind === "audio") link.audioOut += report.bytesSent;
	}
	return link;
}));`

// traffic is one connection of a page, as links() counts it.
type traffic struct{ FramesIn, AudioIn, FramesOut, AudioOut int }

// openCall opens the pre-join of a call in a new tab.
func openCall(t *testing.T, b *browser.Browser, url string) *browser.Page {
	t.Helper()
	return openCallAs(t, b, url, watch)
}

// openCallAs is openCall with another script in place of watch.
func openCallAs(t *testing.T, b *browser.Browser, url, script string) *browser.Page {
	t.Helper()
	p := b.Open(t, "about:blank")
	p.Run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	}))
	p.Go(url)
	return p
}

// enterCall joins from the pre-join as a person does.
func enterCall(p *browser.Page, name string) {
	p.Eventually(patience, "the camera's picture", `[...document.querySelectorAll("video")].some((v) => v.videoWidth > 0)`, "document.body.innerText")
	p.Type(`input[name=name]`, name)
	p.Click(`button[type=submit]`)
}

func linksOf(p *browser.Page) (links []traffic) {
	p.Eval("links()", &links)
	return links
}

// flowing counts the connections on which sound and picture are decoded and
// sent; the viewer only takes.
func flowing(links []traffic) (both, out int) {
	for _, l := range links {
		sends := l.FramesOut > 0 && l.AudioOut > 0
		if sends {
			out++
		}
		if sends && l.FramesIn > 0 && l.AudioIn > 0 {
			both++
		}
	}
	return both, out
}

// TestBrowsers goes through what people do with one browser, whose start takes
// longer than each of it.
func TestBrowsers(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t)
	t.Run("a newcomer alone sees the test card", func(t *testing.T) { newcomerSeesTheCard(t, b, address) })
	t.Run("three pages and the test card see each other", func(t *testing.T) { threePagesAndTheCard(t, b, address) })
	stop()
	t.Run("media outlives a restart of the daemon", func(t *testing.T) { mediaOutlivesARestart(t, b) })
}

func threePagesAndTheCard(t *testing.T, b *browser.Browser, address string) {
	names := []string{"Ada", "Ben", "Cleo"}
	var pages []*browser.Page
	for _, name := range names {
		p := openCall(t, b, address+"/c/lobby")
		enterCall(p, name)
		pages = append(pages, p)
	}

	// Each page: both ways with the two others and the card, one way to the
	// viewer. That is 6 pairs among 4 parties, and 4 with the viewer.
	describe := func() string { return describePages(t, pages, address) }
	eventually(t, patience, "sound and picture on every link of every page", func() bool {
		for _, p := range pages {
			if both, out := flowing(linksOf(p)); both != 3 || out != 4 {
				return false
			}
		}
		return true
	}, describe)
	before := make([][]traffic, len(pages))
	for i, p := range pages {
		before[i] = linksOf(p)
	}
	eventually(t, patience, "frames and sound rising on every link", func() bool {
		for i, p := range pages {
			if !rising(before[i], linksOf(p)) {
				return false
			}
		}
		return true
	}, describe)
	eventually(t, patience, "sound and picture of every page at the card and the viewer", func() bool {
		status := getStatus(t, address)
		return arriving(status, "test card") == len(names) && arriving(status, "viewer") == len(names)+1
	}, describe)
	for i, p := range pages {
		for j, other := range names {
			if i != j {
				p.Eventually(patience, "the page shows "+other, fmt.Sprintf("document.body.innerText.includes(%q)", other), "document.body.innerText")
			}
		}
	}
}

// rising reports whether everything that was counted before grew.
func rising(before, now []traffic) bool {
	if len(now) < len(before) {
		return false
	}
	for i, was := range before {
		is := now[i]
		if is.FramesOut <= was.FramesOut || is.AudioOut <= was.AudioOut ||
			was.FramesIn > 0 && (is.FramesIn <= was.FramesIn || is.AudioIn <= was.AudioIn) {
			return false
		}
	}
	return true
}

// arriving counts the links of a lobby party on which sound and picture come.
func arriving(status stats.Status, role string) (count int) {
	for _, party := range status.Parties {
		for _, link := range party.Links {
			if party.Role == role && link.State == "connected" && link.InBitsPerSecond > 0 && len(link.Media) >= 2 {
				count++
			}
		}
	}
	return count
}

func describePages(t *testing.T, pages []*browser.Page, address string) string {
	var out strings.Builder
	for i, p := range pages {
		var text string
		_ = p.Try("document.body.innerText", &text)
		fmt.Fprintf(&out, "page %d: %+v\n%s\n%s\n", i, linksOf(p), text, strings.Join(p.Console(), "\n"))
	}
	status, _ := json.MarshalIndent(getStatus(t, address).Parties, "", " ")
	return out.String() + string(status)
}

func newcomerSeesTheCard(t *testing.T, b *browser.Browser, address string) {
	var took []time.Duration
	const rounds = 5
	for range rounds {
		p := openCall(t, b, address+"/c/lobby") // a new tab each time: a reload goes straight in
		enterCall(p, "Ada")
		p.Eventually(patience, "the first frame of the card", "globalThis.seenAt", "links()")
		var ms float64
		p.Eval("seenAt - joinedAt", &ms)
		took = append(took, time.Duration(ms*float64(time.Millisecond)))
		p.Go("about:blank") // which says goodbye
		p.Close()
	}
	slices.Sort(took)
	t.Logf("from the click on Join to the first frame of the card: median %s of %d, from %s to %s",
		took[rounds/2].Round(time.Millisecond), rounds, took[0].Round(time.Millisecond), took[rounds-1].Round(time.Millisecond))
}

func mediaOutlivesARestart(t *testing.T, b *browser.Browser) {
	data := t.TempDir()
	address, stop := startServe(t, "--data", data, "--lobby=false")
	call := newCall(t, address, `{"pass":"correct horse"}`)
	both := func(pages []*browser.Page, links int) bool {
		for _, p := range pages {
			if flow, _ := flowing(linksOf(p)); flow != links {
				return false
			}
		}
		return true
	}
	join := func(name string) *browser.Page {
		p := openCall(t, b, address+"/c/"+call)
		enterCall(p, name)
		p.Eventually(patience, "the page asks for the pass phrase", `document.querySelector("input[name=pass]")?.offsetParent`, "document.body.innerText")
		p.Type(`input[name=pass]`, "correct horse")
		p.Click(`button[type=submit]`)
		return p
	}
	pages := []*browser.Page{join("Ada"), join("Ben")}
	words := func() string {
		var out []string
		for _, p := range pages {
			var text string
			_ = p.Try("document.body.innerText", &text)
			out = append(out, fmt.Sprintf("%+v", linksOf(p)), text, strings.Join(p.Console(), "\n"))
		}
		return strings.Join(out, "\n")
	}
	eventually(t, patience, "Ada and Ben see each other", func() bool { return both(pages, 1) }, words)

	for _, p := range pages { // that the socket cannot be opened meanwhile is no fault of the page
		p.Expect("WebSocket connection to")
	}
	stop()
	before := [][]traffic{linksOf(pages[0]), linksOf(pages[1])}
	eventually(t, patience, "frames rising while the daemon is away", func() bool {
		return rising(before[0], linksOf(pages[0])) && rising(before[1], linksOf(pages[1]))
	}, words)
	_, _ = startServe(t, "--data", data, "--lobby=false", "--listen", strings.TrimPrefix(address, "http://"))
	restarted := time.Now()
	eventually(t, patience, "both browsers have their seats again", func() bool {
		calls := getStatus(t, address).Calls
		return calls.Seats == 2 && calls.Away == 0
	}, words)
	t.Logf("both were back %s after the daemon", time.Since(restarted).Round(10*time.Millisecond))
	pages = append(pages, join("Cleo"))
	eventually(t, patience, "a third sees both", func() bool { return both(pages, 2) }, words)
	var connections []traffic
	eventually(t, patience, "Ada has two connections", func() bool {
		connections = linksOf(pages[0])
		return len(connections) == 2
	}, words)
	if connections[0].FramesIn < before[0][0].FramesIn {
		t.Errorf("Ada's connection to Ben is another one: %+v, was %+v", connections, before[0])
	}
}
