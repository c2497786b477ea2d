package browser

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPage_HasCameraAndTellsItsTroubles(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><link rel=icon href='data:,'><p id=word>hello</p><input id=field value=old>"))
	}))
	defer server.Close()
	b := Start(t)
	p := b.Open(t, server.URL)

	var tracks []string
	p.Eval("navigator.mediaDevices.getUserMedia({audio: true, video: true}).then(s => s.getTracks().map(t => t.kind).sort())", &tracks)
	if strings.Join(tracks, " ") != "audio video" {
		t.Errorf("the fake devices give %v", tracks)
	}
	p.Type("#field", "new")
	p.Eventually(Patience, "the field holds what was typed", "document.querySelector('#field').value === 'new'", "document.body.innerHTML")
	p.Size(360, 640, true)
	p.Screenshot(filepath.Join(t.TempDir(), "page.png"))

	p.Expect("on purpose")
	p.Eval("console.error('on purpose')", nil)
	p.Eval("setTimeout(() => { throw new Error('thrown on purpose too') })", nil)
	for deadline := time.Now().Add(Patience); len(p.Console()) < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the console holds %q", p.Console())
		}
	}
	if got := p.Troubles(); len(got) != 0 {
		t.Errorf("expected troubles are held against the page: %q", got)
	}
}

func TestBrowser_CanBeKilled(t *testing.T) {
	b := Start(t)
	p := b.Open(t, "about:blank")
	b.Kill()
	if err := p.Try("1", nil); err == nil {
		t.Error("a killed browser answers")
	}
}
