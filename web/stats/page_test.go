package stats

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startPage runs a page on a server; both end with the test.
func startPage(t *testing.T, source func() Status) *httptest.Server {
	t.Helper()
	page := New(source, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- page.Run(ctx) }()
	server := httptest.NewServer(page.Handler())
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("status loop ended with %v", err)
		}
		server.Close()
	})
	return server
}

func dial(t *testing.T, server *httptest.Server, origin string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+"/status/feed", http.Header{"Origin": {origin}})
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, response, err
}

func TestFeed_PushesEachPictureToAViewer(t *testing.T) {
	taken := 0
	server := startPage(t, func() Status { taken++; return Status{Users: taken} })
	conn, _, err := dial(t, server, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for range 3 {
		var got Status
		if err := conn.ReadJSON(&got); err != nil {
			t.Fatal(err)
		}
		if got.Users <= last {
			t.Fatalf("picture %d came after picture %d", got.Users, last)
		}
		last = got.Users
	}
}

func TestFeed_RefusesAnotherSitesPage(t *testing.T) {
	server := startPage(t, func() Status { return Status{} })
	_, response, err := dial(t, server, "https://elsewhere.example")
	if err == nil {
		t.Fatal("a page of another origin may read the status")
	}
	if response.StatusCode != http.StatusForbidden {
		t.Fatalf("answered %d, want 403", response.StatusCode)
	}
}

func TestFeed_TellsViewersThatTheDaemonStops(t *testing.T) {
	page := New(func() Status { return Status{} }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- page.Run(ctx) }()
	server := httptest.NewServer(page.Handler())
	defer server.Close()
	conn, _, err := dial(t, server, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Fatalf("the socket ended with %v, want a going-away close", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestStatusJSON_IsTheSamePicture(t *testing.T) {
	server := startPage(t, func() Status { return Status{Lobby: "#lobby:localhost"} })
	conn, _, err := dial(t, server, server.URL) // once a viewer has a picture there is one
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(server.URL + "/status.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got Status
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Lobby != "#lobby:localhost" {
		t.Fatalf("lobby is %q", got.Lobby)
	}
}

func TestPage_LoadsNothingFromElsewhereAndInlinesNothing(t *testing.T) {
	server := startPage(t, func() Status { return Status{} })
	remote := regexp.MustCompile(`(?:src|href|@import|url\()\s*=?\s*["'(]?\s*(?:https?:)?//`)
	inline := regexp.MustCompile(`(?i)<script>|\son[a-z]+=|\sstyle=`)
	for _, path := range []string{"/status", "/status/style.css", "/status/page.js"} {
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, status %d", path, err, response.StatusCode)
		}
		if !strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s comes without a strict Content-Security-Policy", path)
		}
		if remote.Match(body) {
			t.Errorf("%s loads something from elsewhere", path)
		}
		if path == "/status" && inline.Match(body) {
			t.Errorf("%s has inline code or style, which the policy forbids", path)
		}
	}
}
