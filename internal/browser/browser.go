// Package browser drives a headless Chromium in tests: pages that call with
// the fake camera and microphone, evaluated, photographed and killed.
//
// It is a thin layer over chromedp, whose contexts stay reachable for what is
// not offered here. A test starts a Browser, opens Pages in it and asks them
// with Eval; what a page says on its console, and every uncaught error, is
// kept and by default fails the test. Chromium has to be in the PATH. A Firefox
// stands beside it, which can do less: one page that evaluates what it is told.
package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// Patience bounds the start of a browser and each Eval.
const Patience = 60 * time.Second

// Browser is one Chromium with a profile of its own.
type Browser struct {
	ctx    context.Context // of the whole browser
	cancel context.CancelFunc
	pid    int
}

// Option changes how Chromium is started.
type Option = chromedp.ExecAllocatorOption

// Flag gives a command line flag; value is a string or a bool.
func Flag(name string, value any) Option { return chromedp.Flag(name, value) }

// Camera lets the fake camera show a file (Y4M or MJPEG) and the fake
// microphone play one (WAV) in place of their test patterns.
func Camera(video, audio string) Option {
	return func(a *chromedp.ExecAllocator) {
		if video != "" {
			Flag("use-file-for-fake-video-capture", video)(a)
		}
		if audio != "" {
			Flag("use-file-for-fake-audio-capture", audio)(a)
		}
	}
}

// Profile keeps what the browser stores in a directory that exists, so that
// another browser can go on with it after the first has ended.
func Profile(directory string) Option { return chromedp.UserDataDir(directory) }

// Start starts Chromium; it ends with the test.
func Start(t testing.TB, options ...Option) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; make test installs it, or asks for it")
	}
	all := []Option{
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile(t)), chromedp.WSURLReadTimeout(Patience),
		Flag("disable-background-networking", true), Flag("disable-component-update", true),
		Flag("disable-sync", true), Flag("disable-extensions", true), Flag("hide-scrollbars", true),
		Flag("disable-background-timer-throttling", true), Flag("disable-renderer-backgrounding", true),
		Flag("disable-backgrounding-occluded-windows", true), Flag("disable-dev-shm-usage", true),
		Flag("autoplay-policy", "no-user-gesture-required"), Flag("mute-audio", true),
		Flag("use-fake-device-for-media-stream", true), Flag("use-fake-ui-for-media-stream", true),
		// One group of processes, so that Kill leaves no child behind.
		chromedp.ModifyCmdFunc(ownGroup),
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), append(all, options...)...)
	ctx, stop := chromedp.NewContext(allocator)
	b := &Browser{ctx: ctx, cancel: func() { stop(); stopAllocator() }}
	t.Cleanup(b.close)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	b.pid = chromedp.FromContext(ctx).Browser.Process().Pid
	return b
}

// profile is a directory that goes when the test does. Chromium may write
// into it until its last process has ended, hence not t.TempDir.
func profile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium-"+strings.Map(plain, filepath.Base(t.Name()))+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func plain(r rune) rune {
	if r < 'A' || r > 'z' {
		return '-'
	}
	return r
}

func (b *Browser) close() {
	grace, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if b.pid != 0 {
		_ = chromedp.Run(grace, chromedp.ActionFunc(func(ctx context.Context) error {
			return browser.Close().Do(ctx)
		}))
	}
	b.Kill()
	b.cancel()
}

// Kill ends all processes of the browser at once, as a crash does: its pages
// say goodbye to nobody.
func (b *Browser) Kill() { b.tell(kill) }

// Sleep stops all processes of the browser, as a closed lid does; Wake lets
// them go on.
func (b *Browser) Sleep() { b.tell(sleep) }

// Wake lets the browser go on after Sleep.
func (b *Browser) Wake() { b.tell(wake) }

func (b *Browser) tell(s signal) {
	if b.pid != 0 {
		tell(b.pid, s)
	}
}
