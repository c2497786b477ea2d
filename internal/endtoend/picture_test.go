//go:build interop

package endtoend

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/internal/browser"
)

// TestInterop_PictureOfARealCall is the picture in the README: four browsers with
// cameras of their own, and the test card. UPDATE_DOCS=1 takes it anew. Two cores encode
// sixteen pictures meanwhile: cameras make ten a second, small ones unless they are for
// the README, and all windows but Mia's are small.
func TestInterop_PictureOfARealCall(t *testing.T) {
	names, width := []string{"Ann", "Bo", "Carla", "Mia"}, 320
	if os.Getenv("UPDATE_DOCS") != "" {
		width = 640
	}
	studio := browser.Start(t)
	cameras := film(t, studio, len(names), width)
	d := serve(t, "127.0.0.1", "--viewer=false")
	var guests []guest
	for i, name := range names {
		g := join(t, browser.Start(t, browser.Camera(cameras[i], "")), d.base(), "lobby", name)
		g.Size(480, 300, false)
		guests = append(guests, g)
	}
	mia := guests[len(guests)-1]
	mia.Size(1280, 800, false)
	for _, g := range guests {
		g.sees(t, joinLimit, "Test card")
	}
	mia.sees(t, joinLimit, "Ann", "Bo", "Carla", "Test card")
	mia.Eventually(joinLimit, "all 20 directions flow",
		`[...meshfocus.call.snapshot().matrix.cells.values()].filter(({ audio, video }) => audio === "flows" && video === "flows").length === 20`,
		`fetch("/status.json").then((r) => r.json()).then(({ parties }) => ({ parties, cells: [...meshfocus.call.snapshot().matrix.cells.entries()] }))`)
	if os.Getenv("UPDATE_DOCS") == "" {
		return
	}
	mia.Screenshot("../../docs/call.png")
	mia.Click(".tool-mesh")
	mia.Eventually(joinLimit, "the pair matrix is shown", "document.querySelector('dialog[open] table')", "document.body.textContent")
	mia.Eventually(joinLimit, "it says that all flows", "document.querySelector('.pairs .summary').textContent.startsWith('All 20')", "document.querySelector('.pairs').textContent")
	mia.Screenshot("../../docs/call-pairs-real.png")
}

// film makes camera files: two seconds of each scene, over and over, so many pixels wide.
func film(t *testing.T, b *browser.Browser, scenes, width int) (files []string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<!doctype html><link rel=icon href="data:,">`))
			return
		}
		http.ServeFile(w, r, filepath.Join("../../web/call/page/test", filepath.Base(r.URL.Path)))
	}))
	defer server.Close()
	p := b.Open(t, server.URL+"/?dull")
	for scene := range scenes {
		var frames []string
		p.Eval(fmt.Sprintf(`import("/fake.js").then(({ still }) => Array.from({ length: 20 }, (_, i) => still(%d, i * 100)))`, scene+scene/3), &frames)
		var jpegs bytes.Buffer
		for _, frame := range frames {
			_, data, _ := strings.Cut(frame, ",")
			jpeg, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			jpegs.Write(jpeg)
		}
		file := filepath.Join(t.TempDir(), fmt.Sprintf("scene%d.y4m", scene)) // which says how many a second; of MJPEG Chromium shows thirty
		ffmpeg := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "mjpeg", "-r", "10", "-i", "-",
			"-vf", fmt.Sprintf("scale=%d:-2", width), "-pix_fmt", "yuv420p", file)
		ffmpeg.Stdin = &jpegs
		if output, err := ffmpeg.CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, output)
		}
		files = append(files, file)
	}
	p.Close()
	b.Kill()
	return files
}
