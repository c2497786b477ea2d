package rival

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
	"meshfocus/focus/transport/srtp"
)

// guarded lets in who has the token, and counts sessions that end.
func guarded(handler http.Handler, token string, ended *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions && r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodDelete {
			ended.Add(1)
		}
		handler.ServeHTTP(w, r)
	})
}

// TestWHIP_PublishesAndSubscribes at our own forwarder and the plain one, twice: the
// first sessions have to have ended for the second.
func TestWHIP_PublishesAndSubscribes(t *testing.T) {
	our, err := ours.New(ours.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer our.Close()
	simple, err := plain.New()
	if err != nil {
		t.Fatal(err)
	}
	defer simple.Close()
	for name, forwarder := range map[string]door.Forwarder{"ours": our, "plain": simple} {
		t.Run(name, func(t *testing.T) {
			var ended atomic.Int32
			server := httptest.NewServer(guarded(door.Handler(forwarder), "open sesame", &ended))
			defer server.Close()
			whip := &WHIP{PublishURL: server.URL + "/whip/a", SubscribeURL: server.URL + "/whep/a", Bearer: "open sesame"}
			if version, err := whip.Version(t.Context()); err != nil || !strings.HasPrefix("http://"+version, server.URL) {
				t.Errorf("version %q, %v", version, err)
			}
			for range 2 {
				watch(t, whip)
			}
			if got := ended.Load(); got != 4 || whip.Fault() != nil {
				t.Errorf("%d of 4 sessions were ended; %v", got, whip.Fault())
			}
		})
	}
}

// watch has one publish and one watch until something arrives.
func watch(t *testing.T, whip *WHIP) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM})
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()
	server, err := whip.Start(ctx, Place{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	publisher, err := load.Publisher("ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Publish(ctx, publisher); err != nil {
		t.Fatal(err)
	}
	if err := publisher.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	load.Pace(100, 1)
	subscriber, err := load.Subscriber("ben", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Subscribe(ctx, subscriber, []*party.End{publisher}); err != nil {
		t.Fatal(err)
	}
	for load.Counts().Received == 0 {
		if ctx.Err() != nil {
			t.Fatal("nothing arrives")
		}
		load.Refresh()
		time.Sleep(20 * time.Millisecond)
	}
	if usage, err := UsageOf(server.PID()); err != nil || usage != (Usage{}) {
		t.Errorf("a server elsewhere uses %+v, %v", usage, err)
	}
}

// TestWHIP_SaysWhatIsWrong in a line, and whether there is use in another round.
func TestWHIP_SaysWhatIsWrong(t *testing.T) {
	answer := func(code int, kind, body string, location bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			if location {
				w.Header().Set("Location", "/session")
			}
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, body)
		}
	}
	for _, c := range []struct {
		handler http.HandlerFunc
		want    string
		final   bool
	}{
		{answer(401, "text/plain", "", false), "401 Unauthorized: the token (--bearer) is refused", true},
		{answer(403, "text/plain", "", false), "403 Forbidden: the token", true},
		{answer(404, "text/plain", "", false), "404 Not Found: there is no such stream", true},
		{answer(400, "text/plain", "no", false), "400 Bad Request: no", true},
		{answer(405, "text/plain", "no POST\nhere", false), "405 Method Not Allowed: no POST here", true},
		{answer(406, "application/sdp", "v=0", true), "wants to make offers itself", true},
		{answer(200, "text/html", "<html>", true), "not SDP but text/html: <html>", true},
		{answer(201, "application/sdp", "v=0\r\n", false), "does not say where its session ends", true},
		{answer(503, "text/plain", "full", false), "503 Service Unavailable: full", false},
		{answer(409, "text/plain", "another publishes", false), "409 Conflict", false},
		{nil, "does not answer", true},
	} {
		server := httptest.NewServer(c.handler)
		if c.handler == nil {
			server.Close()
		}
		whip := &WHIP{PublishURL: server.URL + "/a?key=secret"}
		started, err := whip.Start(t.Context(), Place{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = started.(*sessions).open(t.Context(), whip.PublishURL, "v=0", 0)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n?") {
			t.Errorf("%v, want %q", err, c.want)
		}
		if (whip.Fault() != nil) != c.final {
			t.Errorf("%q: for good: %v, want %v", c.want, whip.Fault(), c.final)
		}
		server.Close()
	}
}

// TestWHIP_WaitsForAStream that is about to begin.
func TestWHIP_WaitsForAStream(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			http.Error(w, "not yet", http.StatusNotFound)
			return
		case 2:
			http.Error(w, "the publisher is about to be another", http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "b")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, "v=0\r\n")
	}))
	defer server.Close()
	whip := &WHIP{}
	s := &sessions{whip: whip}
	answer, err := s.open(t.Context(), server.URL+"/whep/a", "v=0", time.Minute)
	if err != nil || answer != "v=0\r\n" || asked.Load() != 3 || whip.Fault() != nil {
		t.Errorf("%q, %v, after %d", answer, err, asked.Load())
	}
	if want := server.URL + "/whep/b"; len(s.all) != 1 || s.all[0] != want {
		t.Errorf("sessions %q, want %s", s.all, want)
	}
}
