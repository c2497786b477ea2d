package rival

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestLiveKitAt_SaysItsVersion as the server says it to who joins, and leaves again.
func TestLiveKitAt_SaysItsVersion(t *testing.T) {
	left := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/rtc" || strings.Count(r.URL.Query().Get("access_token"), ".") != 2 {
			t.Errorf("%s", r.URL)
		}
		socket, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer socket.Close()
		for _, message := range [][]byte{appendBytes(nil, responsePublished, ""), appendBytes(nil, responseJoin, appendBytes(nil, joinVersion, "1.13.5"))} {
			_ = socket.WriteMessage(websocket.BinaryMessage, message)
		}
		_, data, err := socket.ReadMessage()
		request, _ := readProtobuf(data)
		_, ok := request.bytes[requestLeave]
		left <- ok && err == nil
	}))
	defer server.Close()
	version, err := LiveKitAt{URL: server.URL + "/base", Key: "k", Secret: "s"}.Version(t.Context())
	if want := "1.13.5 at " + strings.TrimPrefix(server.URL, "http://"); err != nil || version != want {
		t.Errorf("%q, %v, want %q", version, err, want)
	}
	if !<-left {
		t.Error("it did not leave")
	}
}

// TestLiveKitAt_SaysWhatIsWrong in a line without the token.
func TestLiveKitAt_SaysWhatIsWrong(t *testing.T) {
	text := func(code int, says string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, says, code) }
	}
	for _, c := range []struct {
		handler http.HandlerFunc
		want    string
	}{
		{text(401, "invalid API\nkey"), "401 Unauthorized: the token is refused, for its key or its secret: invalid API key"},
		{func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "invalid token: "+r.URL.Query().Get("access_token")+", error: signature", http.StatusUnauthorized)
		}, "secret: invalid token: ..., error: signature"},
		{text(403, ""), "403 Forbidden: the token is refused"},
		{text(404, "no such page"), "is no LiveKit: 404 Not Found: no such page"},
		{text(200, "hello"), "is no LiveKit: 200 OK: hello"},
		{func(w http.ResponseWriter, r *http.Request) {
			socket, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
			if err == nil {
				_ = socket.WriteMessage(websocket.TextMessage, []byte("hello"))
				_ = socket.Close()
			}
		}, "is no LiveKit: not a protobuf message"},
		{nil, "does not answer"},
	} {
		server := httptest.NewServer(c.handler)
		if c.handler == nil {
			server.Close()
		}
		_, err := LiveKitAt{URL: server.URL + "?x=secret"}.Version(t.Context())
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "x=") || strings.Contains(err.Error(), "access_token") {
			t.Errorf("%v, want %q", err, c.want)
		}
		server.Close()
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (LiveKitAt{URL: silent.URL}).Version(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
}

func TestLiveKitAt_HasARoomOfItsOwn(t *testing.T) {
	if a, b := (LiveKitAt{}).site().room, (LiveKitAt{}).site().room; a == b || !strings.HasPrefix(a, "meshbench-") {
		t.Errorf("%s, %s", a, b)
	}
}
