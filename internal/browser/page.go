package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Page is one tab. Its methods fail the test that opened it when the browser
// does not do as told; they may be called from that test's goroutine only.
type Page struct {
	// Ctx is the tab's chromedp context.
	Ctx context.Context

	t     testing.TB
	close context.CancelFunc

	mu       sync.Mutex
	console  []string // guarded by mu
	troubles []string // guarded by mu
	expected []string // guarded by mu
}

// Open opens a tab at an address. An error on its console or an uncaught
// exception fails the test when it ends, unless Expect named it.
func (b *Browser) Open(t testing.TB, address string) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &Page{Ctx: ctx, t: t, close: cancel}
	chromedp.ListenTarget(ctx, p.hear)
	t.Cleanup(func() {
		cancel()
		if troubles := p.Troubles(); len(troubles) > 0 {
			t.Errorf("the page %s said:\n%s", address, strings.Join(troubles, "\n"))
		}
	})
	p.run(runtime.Enable(), log.Enable(), chromedp.Navigate(address))
	return p
}

// Size is that of a window in CSS pixels; a phone has touch and a denser
// screen.
func (p *Page) Size(width, height int64, phone bool) {
	p.t.Helper()
	scale := 1.0
	if phone {
		scale = 2
	}
	p.run(emulation.SetDeviceMetricsOverride(width, height, scale, phone), emulation.SetTouchEmulationEnabled(phone))
}

// Dark asks the page for its dark colours, or for its light ones.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// Front puts the tab before the others of its browser. Tabs open behind, and
// what is hidden draws no frames and moves nothing.
func (p *Page) Front() { p.t.Helper(); p.run(page.BringToFront()) }

// NoCache keeps the tab out of the cache that all tabs of a browser share.
// There the second who asks for an address waits for the first, for up to
// 20 s: two Matrix clients that sync from the same position, say.
func (p *Page) NoCache() {
	p.t.Helper()
	p.run(network.Enable(), network.SetCacheDisabled(true))
}

// Go leads the tab to another address.
func (p *Page) Go(address string) { p.t.Helper(); p.run(chromedp.Navigate(address)) }

// Reload loads the page again.
func (p *Page) Reload() { p.t.Helper(); p.run(chromedp.Reload()) }

// Close closes the tab, as a person does.
func (p *Page) Close() { p.close() }

// Run does anything that chromedp can.
func (p *Page) Run(actions ...chromedp.Action) { p.t.Helper(); p.run(actions...) }

// Click clicks what a CSS selector names, once it can be seen.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// Type replaces what stands in a field.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	name, _ := json.Marshal(selector)
	p.run(chromedp.WaitVisible(selector, chromedp.ByQuery),
		chromedp.Evaluate(fmt.Sprintf("document.querySelector(%s).select()", name), nil),
		chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// Eval evaluates an expression, waits for it if it is a promise, and reads
// the answer into a Go value by way of JSON; nil throws the answer away.
func (p *Page) Eval(expression string, answer any) {
	p.t.Helper()
	if err := p.Try(expression, answer); err != nil {
		p.t.Fatalf("evaluating %.200s: %v\nconsole:\n%s", expression, err, p.said())
	}
}

// Try is Eval for what may fail. It may be called from any goroutine.
func (p *Page) Try(expression string, answer any) error {
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	var text string
	wrapped := "(async () => JSON.stringify((await (" + expression + ")) ?? null))()"
	err := chromedp.Run(ctx, chromedp.Evaluate(wrapped, &text, func(e *runtime.EvaluateParams) *runtime.EvaluateParams {
		return e.WithAwaitPromise(true)
	}))
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal([]byte(text), answer)
}

// Eventually waits until an expression, or what it promises, is true, and on failure says what
// explain evaluates to.
func (p *Page) Eventually(limit time.Duration, what, expression, explain string) {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		var is bool
		err := p.Try("(async () => !!await ("+expression+"))()", &is)
		if is {
			return
		}
		if time.Now().After(deadline) {
			var why json.RawMessage
			if explain != "" {
				_ = p.Try(explain, &why)
			}
			p.t.Fatalf("not within %s: %s (%v)\n%s\nconsole:\n%s", limit, what, err, why, p.said())
		}
		time.Sleep(25 * time.Millisecond) // the pace of looking, not a wait
	}
}

// Screenshot writes a PNG of what the window shows.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	var png []byte
	p.run(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(file, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Expect says that a trouble with this text in it belongs to the test.
func (p *Page) Expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, part)
}

// Troubles are the errors so far that nobody expected.
func (p *Page) Troubles() (unexpected []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, trouble := range p.troubles {
		for _, part := range p.expected {
			if strings.Contains(trouble, part) {
				continue next
			}
		}
		unexpected = append(unexpected, trouble)
	}
	return unexpected
}

// Console is everything that the page said.
func (p *Page) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.console...)
}

// The end of what a page says is enough for a report.
const mostLines, longestLine = 15, 200

// Essence is what of a page's words matters to who reads of a failure: the end, each
// line cut, and no traces. It alters nothing.
func Essence(said []string) (lines []string) {
	for _, line := range said {
		if strings.Contains(line, " trace: ") {
			continue
		}
		line = strings.ToValidUTF8(line, "")
		if runes := []rune(line); len(runes) > longestLine {
			line = string(runes[:longestLine-1]) + "…"
		}
		lines = append(lines, line)
	}
	return lines[max(0, len(lines)-mostLines):]
}

// said is the console for a report, all of it for who debugs.
func (p *Page) said() string {
	said := p.Console()
	if os.Getenv("MESHFOCUS_TEST_DEBUG") == "" {
		said = Essence(said)
	}
	return strings.Join(said, "\n")
}

func (p *Page) run(actions ...chromedp.Action) {
	p.t.Helper()
	// Not a derived context: chromedp ties a tab to the first one it sees.
	done := make(chan error, 1)
	go func() { done <- chromedp.Run(p.Ctx, actions...) }()
	select {
	case err := <-done:
		if err != nil {
			p.t.Fatalf("the browser: %v\nconsole:\n%s", err, p.said())
		}
	case <-time.After(Patience):
		p.t.Fatalf("the browser did not do it within %s\nconsole:\n%s", Patience, p.said())
	}
}

// hear keeps what the page says; it is called by chromedp's reader.
func (p *Page) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		words := make([]string, len(e.Args))
		for i, arg := range e.Args {
			words[i] = string(arg.Value)
			if arg.Description != "" {
				words[i] = arg.Description
			}
		}
		p.note(string(e.Type)+": "+strings.Join(words, " "), e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert)
	case *runtime.EventExceptionThrown:
		p.note("uncaught: "+e.ExceptionDetails.Error(), true)
	case *log.EventEntryAdded:
		p.note(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL), e.Entry.Level == log.LevelError && !ofTheMachine(e.Entry.Text))
	}
}

// ofTheMachine reports whether Chromium logs as an error what no page can help: the
// machine was too busy for its sound, which goes on by itself.
func ofTheMachine(logged string) bool {
	return strings.Contains(logged, "AudioContext encountered an error from the audio device")
}

func (p *Page) note(text string, trouble bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.console = append(p.console, time.Now().Format("15:04:05.000 ")+text)
	if trouble {
		p.troubles = append(p.troubles, text)
	}
}
