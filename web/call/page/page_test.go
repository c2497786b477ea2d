package page

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/web/call"
)

// patience bounds what a page is waited for.
const patience = 60 * time.Second

// serve serves the page under its true headers, with a library that plays the
// others (test/fake.js) in the place of the real one.
func serve(t *testing.T) string {
	t.Helper()
	real := call.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/call/lib/index.js":
			w.Header().Set("Content-Type", "text/javascript")
			http.ServeFile(w, r, "test/fake.js")
		case "/call/new":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"call":"abcdefghijklmnopqrstuvwxyz"}`))
		default:
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// joined opens a page that has gone through the pre-join into the call.
func joined(t *testing.T, b *browser.Browser, address string) *browser.Page {
	t.Helper()
	p := b.Open(t, address)
	p.Front()
	p.Type("input[name=name]", "Mia")
	p.Click("button[type=submit]")
	p.Eventually(patience, "the room is shown", "document.querySelector('.room .tile')", "document.body.textContent")
	return p
}

func TestScripts_PassTheirOwnTests(t *testing.T) {
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	run(t, "node", append([]string{"--test"}, files...)...)
}

func TestScripts_HaveTheTypesTheySay(t *testing.T) {
	run(t, "../../../internal/npm/node_modules/.bin/tsc", "-p", "jsconfig.json")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// TestPage_WeighsLittle measures what the browser asks for until it is in a
// call, as it comes over the network: the files are served compressed.
func TestPage_WeighsLittle(t *testing.T) {
	base := serve(t)
	p := joined(t, browser.Start(t), base+"/c/lobby")
	var names []string
	p.Eval("performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname).filter((n) => !n.startsWith('/call/lib/'))", &names)
	library := map[string]bool{}
	imported(t, "index.js", library)
	delete(library, "index.js") // another plays it here
	for file := range library {
		names = append(names, "/call/lib/"+file)
	}
	if len(library) < 20 {
		t.Errorf("%d files of the library are found; imports are not followed", len(library))
	}
	plain, sent := 0, 0
	for _, name := range append(names, "/") {
		plain += weigh(t, base+name, "identity")
		sent += weigh(t, base+name, "gzip")
	}
	t.Logf("%d files, %d bytes, %d over the network", len(names)+1, plain, sent)
	if sent >= 120_000 {
		t.Errorf("the page weighs %d bytes over the network, want less than 120000", sent)
	}
}

// from is what a module of the library imports, types apart.
var from = regexp.MustCompile(`(?m)^(?:import|export)\b[^"]*"\./(\w+\.js)"`)

// imported collects what is loaded with a module of the library. What is imported
// when it is asked for is not.
func imported(t *testing.T, file string, seen map[string]bool) {
	t.Helper()
	if seen[file] {
		return
	}
	seen[file] = true
	body, err := os.ReadFile(filepath.Join("..", "lib", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range from.FindAllStringSubmatch(string(body), -1) {
		imported(t, match[1], seen)
	}
}

func weigh(t *testing.T, address, encoding string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", encoding)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, status %d", address, err, response.StatusCode)
	}
	return len(body)
}

// overlaps looks at the boxes of all tiles: inside the grid, apart from one
// another, of a shape between upright 3:4 and 16:9, and large enough to see.
const overlaps = `(() => {
  const grid = document.querySelector('.grid').getBoundingClientRect();
  const tiles = [...document.querySelectorAll('.tile')].map((t) => t.getBoundingClientRect());
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page is wider than the window');
  tiles.forEach((a, i) => {
    if (a.left < grid.left - 1 || a.right > grid.right + 1 || a.top < grid.top - 1 || a.bottom > grid.bottom + 1) wrong.push(i + ' sticks out');
    if (a.width / a.height < 0.74 || a.width / a.height > 1.8) wrong.push(i + ' has the shape ' + a.width + ' by ' + a.height);
    if (a.width < 80 || a.height < 60) wrong.push(i + ' is too small');
    tiles.forEach((b, j) => { if (j > i && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) wrong.push(i + ' lies on ' + j); });
  });
  return wrong;
})()`

func TestGrid_ShowsOneToTwelveTilesApart(t *testing.T) {
	b := browser.Start(t)
	p := joined(t, b, serve(t)+"/c/lobby?dull")
	// The last is a desktop at a zoom of 200 %.
	for _, window := range []struct{ width, height int64 }{{1280, 800}, {360, 740}, {740, 360}, {640, 400}} {
		p.Size(window.width, window.height, window.width == 360)
		for tiles := 1; tiles <= 12; tiles++ {
			p.Eval("fake.fill("+strconv.Itoa(tiles-1)+")", nil)
			p.Eventually(patience, strconv.Itoa(tiles)+" tiles have their places at "+strconv.Itoa(int(window.width)),
				"document.querySelectorAll('.tile').length === "+strconv.Itoa(tiles)+" && "+overlaps+".length === 0", overlaps)
		}
	}
}

func TestGrid_GivesASharedScreenTheStage(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=4")
	p.Eval("fake.share(1)", nil)
	p.Eventually(patience, "the screen is much larger than the cameras", `(() => {
	  const area = (e) => e ? e.getBoundingClientRect().width * e.getBoundingClientRect().height : 0;
	  const screen = area(document.querySelector('.tile.screen'));
	  return screen > 5 * Math.max(...[...document.querySelectorAll('.tile.camera')].map(area));
	})()`, "document.querySelector('.grid').innerHTML")
}

func TestGrid_KeepsFocusAndPicturesWhenItIsDrawnAgain(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=3")
	p.Eval(`(() => {
	  document.querySelectorAll('.info')[1].focus();
	  globalThis.was = { focus: document.activeElement, videos: [...document.querySelectorAll('video')], emptied: 0 };
	  was.videos.forEach((v) => { v.addEventListener('emptied', () => was.emptied++); v.addEventListener('pause', () => was.emptied++); });
	  fake.fill(6); fake.set(0, { speaking: true }); fake.share(2);
	})()`, nil)
	p.Eventually(patience, "the new tiles are there", "document.querySelectorAll('.tile').length === 8 && document.querySelector('.tile.speaking')", "")
	var same bool
	p.Eval("was.focus === document.activeElement && was.videos.every((v) => v.isConnected && !v.paused) && was.emptied === 0", &same)
	if !same {
		t.Error("a redraw took the focus away or stopped a picture")
	}
}

func TestKeys_WorkAllControls(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=3")
	press := func(key string) {
		t.Helper()
		p.Eval("(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', {key: '"+key+"', bubbles: true}))", nil)
	}
	for _, step := range []struct{ key, what, holds string }{
		{"m", "the microphone is off", "fake.media.audioMuted && document.querySelector('.tool-mic').getAttribute('aria-pressed') === 'true'"},
		{"m", "the microphone is on", "!fake.media.audioMuted"},
		{"v", "the camera is off", "fake.media.videoMuted && document.querySelector('.tile.own .avatar').checkVisibility()"},
		{"v", "the camera is on", "!fake.media.videoMuted"},
		{"s", "the screen is shared", "fake.media.screen && document.querySelector('.tile.own.screen')"},
		{"s", "the screen is no longer shared", "!fake.media.screen && !document.querySelector('.tile.own.screen')"},
		{"d", "details are shown", "document.querySelectorAll('.facts:not([hidden])').length === 3 && document.querySelector('.facts').textContent.includes('VP8')"},
		{"Escape", "details are hidden", "document.querySelectorAll('.facts:not([hidden])').length === 0"},
		{"p", "the pair matrix is shown", "document.querySelector('.pairs[open] table').rows.length === 5 && document.querySelector('.summary').textContent === 'All 12 directions flow.'"},
		{"p", "the pair matrix is closed", "!document.querySelector('.pairs[open]')"},
		{"?", "the help is shown", "document.querySelector('.help[open]')"},
	} {
		press(step.key)
		p.Eventually(patience, step.what, step.holds, "document.activeElement.outerHTML")
	}
}
