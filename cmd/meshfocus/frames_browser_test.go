package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"meshfocus/internal/browser"
	"meshfocus/web/stats"
)

// holdKeys keeps the keys of others from the worker in which frames are opened,
// or gives it others, until release() is called.
const holdKeys = `
const post = Worker.prototype.postMessage, kept = [];
globalThis.keys = "hold";
Worker.prototype.postMessage = function (order, ...rest) {
	if (order?.do !== "take" || keys === "pass") return post.call(this, order, ...rest);
	kept.push([this, order]);
	if (keys === "forge") post.call(this, { ...order, raw: new Uint8Array(16) });
};
globalThis.forge = () => {
	globalThis.keys = "forge";
	for (const [worker, order] of kept) post.call(worker, { ...order, raw: new Uint8Array(16) });
};
globalThis.release = () => {
	globalThis.keys = "pass";
	for (const [worker, order] of kept.splice(0)) post.call(worker, order);
};`

const (
	others = `meshfocus.call.snapshot().peers.map(({ name, state, words, stats }) => ({ name, state, words, frames: stats?.framesDecoded }))`
	card   = `meshfocus.call.snapshot().peers.find(({ name }) => name === "Test card")`
)

// TestBrowsers_FramesEncryptedOnceMore: guests by link, whose keys travel by the
// gateway, with parties in Go, under the policy that the page comes with.
func TestBrowsers_FramesEncryptedOnceMore(t *testing.T) {
	b := browser.Start(t)
	address, stop := startServe(t, "--media-encryption", "on")
	defer stop()
	ada := b.Open(t, "about:blank")
	ada.Run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(watch + holdKeys).Do(ctx)
		return err
	}))
	ada.Go(address + "/c/lobby")
	enterCall(ada, "Ada")

	says := func(what, words string) {
		t.Helper()
		ada.Eventually(patience, what, fmt.Sprintf("%s?.words.includes(%q)", card, words), others)
		var frames int
		if ada.Eval(card+".stats?.framesDecoded ?? 0", &frames); frames != 0 {
			t.Errorf("%s, and %d frames of the card were decoded", what, frames)
		}
	}
	says("Ada is told that the card's key has not come", "the key for them has not come")
	ada.Eval("forge()", nil)
	says("Ada is told that it is another", "another key than the one that was sent")
	ada.Eval("release()", nil)
	ada.Eventually(patience, "the key brings the card's picture", card+".words === '' && "+card+".stats?.framesDecoded > 10", others)

	eventually(t, patience, "the viewer opens frames of Ada and of the card, the card those of Ada", func() bool {
		status := getStatus(t, address)
		return opening(status, "viewer") == 2 && opening(status, "test card") == 1
	}, func() string { return describePages(t, []*browser.Page{ada}, address) })
	recordsEncrypted(t, address)
	plainIsTold(t, address, ada)
}

// opening counts the links of a lobby party on which frames are opened.
func opening(status stats.Status, role string) (count int) {
	for _, party := range status.Parties {
		for _, link := range party.Links {
			if party.Role == role && link.FramesOpened > 20 && link.Unread == "" {
				count++
			}
		}
	}
	return count
}

// joinLobby runs `join` until leave is called, which gives its last line.
func joinLobby(t *testing.T, address, name string, args ...string) (out *buffer, leave func() line) {
	t.Helper()
	token := register(t, address, name, "a password")
	args = append([]string{"join", "--homeserver", address, "--json"}, append(args, "#lobby:localhost")...)
	ctx, cancel := context.WithCancel(t.Context())
	out = new(buffer)
	var errs buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, args, streams{out: out, err: &errs, environ: []string{"MESHFOCUS_TOKEN=" + token}})
	}()
	return out, func() line {
		t.Helper()
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("join ended with %d: %s", code, errs.String())
		}
		return lastLine(t, out)
	}
}

func lastLine(t *testing.T, out *buffer) line {
	t.Helper()
	if !strings.Contains(out.String(), "\n") {
		return line{}
	}
	_, last := readLines(t, out.String())
	return last
}

// recordsEncrypted: what a participant in Go records of a page and of a party in
// Go can be played.
func recordsEncrypted(t *testing.T, address string) {
	t.Helper()
	out, leave := joinLobby(t, address, "recorder", "--record", t.TempDir(), "--media-encryption", "on")
	opened := func() (count int) {
		for _, link := range lastLine(t, out).Links {
			if link.FramesOpened > 250 && link.Unread == "" {
				count++
			}
		}
		return count
	}
	eventually(t, viaPatience, "the recorder opens frames of Ada and of the card", func() bool { return opened() == 2 }, out.String)
	large := 0
	for _, file := range leave().Recordings {
		if info, err := os.Stat(file); err != nil || info.Size() < 20_000 {
			continue // the viewer's holds silence
		}
		large++
		// The decoders are asked, not the clock of the file: on a busy machine two
		// packets of sound may come to lie on one millisecond of it.
		for _, what := range [][]string{{"-an", "-f", "rawvideo"}, {"-vn", "-f", "s16le"}} {
			args := append([]string{"-v", "error", "-xerror", "-err_detect", "explode", "-i", file}, append(what, "-y", os.DevNull)...)
			if said, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
				t.Errorf("%s does not decode as %s: %v\n%s", filepath.Base(file), what[2], err, said)
			}
		}
	}
	if large != 2 {
		t.Errorf("%d recordings hold a picture", large)
	}
}

// plainIsTold: who does not encrypt is not shown, and hears of it.
func plainIsTold(t *testing.T, address string, ada *browser.Page) {
	t.Helper()
	clip := filepath.Join("..", "..", "internal", "testcard", "card")
	_, leave := joinLobby(t, address, "plain", "--publish", clip+".ivf", "--publish", clip+".ogg")
	ada.Eventually(patience, "Ada is told of one who does not encrypt",
		`meshfocus.call.snapshot().peers.some(({ name, words }) => name === "plain" && words.includes("without the encryption that this call asks for"))`, others)
	leave()
}
