//go:build interop

package endtoend

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/internal/browser"
)

// TestInterop_PictureOfARealCall is the picture in the README: four browsers with
// cameras of their own, and the test card. UPDATE_DOCS=1 takes it anew.
func TestInterop_PictureOfARealCall(t *testing.T) {
	names := []string{"Ann", "Bo", "Carla", "Mia"}
	studio := browser.Start(t)
	cameras := film(t, studio, len(names))
	d := serve(t, "127.0.0.1", "--viewer=false")
	var guests []guest
	for i, name := range names {
		guests = append(guests, join(t, browser.Start(t, browser.Camera(cameras[i], "")), d.base(), "lobby", name))
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

// film makes camera files: two seconds of each scene, over and over.
func film(t *testing.T, b *browser.Browser, scenes int) (files []string) {
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
		p.Eval(fmt.Sprintf(`import("/fake.js").then(({ still }) => Array.from({ length: 30 }, (_, i) => still(%d, i * 66)))`, scene+scene/3), &frames)
		var jpegs []byte
		for _, frame := range frames {
			_, data, _ := strings.Cut(frame, ",")
			jpeg, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			jpegs = append(jpegs, jpeg...)
		}
		file := filepath.Join(t.TempDir(), fmt.Sprintf("scene%d.mjpeg", scene))
		if err := os.WriteFile(file, jpegs, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	p.Close()
	b.Kill()
	return files
}
