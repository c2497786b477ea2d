package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnvironment); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// fakeHomeserver behaves as one without delayed events and transports: paths
// it does not know are 404s, and of a query it reads what it knows.
type fakeHomeserver struct {
	*httptest.Server
	asked atomic.Int64 // requests of any kind
	whois atomic.Int64 // whoami requests

	mu     sync.Mutex
	tokens map[string]string           // token → "user device"
	soft   bool                        // tokens that are gone may be renewed
	down   bool                        // answers 503
	had    map[string]http.HandlerFunc // by path, before all else
	events []string                    // "METHOD uri token body" of PUT rooms/…
	flags  map[string]bool             // unstable_features
	seen   map[string]*http.Request    // last request by path, with its headers
	limits map[string]int              // 429s to come, by token
	answer func(w http.ResponseWriter) // to PUT rooms/…; nil is 200
	came   chan struct{}               // one for each event
}

func newFake(t *testing.T) *fakeHomeserver {
	t.Helper()
	f := &fakeHomeserver{
		tokens: map[string]string{"alice1": "@alice:x A1", "alice2": "@alice:x A2", "bob1": "@bob:x B1", "guest1": "@guest:x G1"},
		had:    map[string]http.HandlerFunc{}, flags: map[string]bool{"other": true}, seen: map[string]*http.Request{},
		limits: map[string]int{}, came: make(chan struct{}, 1000),
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeHomeserver) serve(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	f.mu.Lock()
	down, had := f.down, f.had[r.URL.EscapedPath()]
	f.seen[r.URL.EscapedPath()] = r
	f.mu.Unlock()
	path := r.URL.EscapedPath()
	switch {
	case down:
		http.Error(w, "<html>", http.StatusServiceUnavailable)
	case had != nil:
		had(w, r)
	case path == pathVersions:
		f.mu.Lock()
		defer f.mu.Unlock()
		say(w, 200, map[string]any{"versions": []string{"v1.1"}, "unstable_features": f.flags, "server": "kept"})
	case path == pathWhoami:
		f.whois.Add(1)
		f.whoami(w, r)
	case strings.HasPrefix(path, "/_matrix/client/v3/rooms/") && !strings.Contains(path, "/delayed_event/") && r.Method == http.MethodPut:
		f.put(w, r)
	case strings.HasPrefix(path, "/_matrix/client/v3/logout"):
		f.logout(w, r)
	default:
		say(w, 404, map[string]any{"errcode": "M_UNRECOGNIZED", "error": "no"})
	}
}

func say(w http.ResponseWriter, status int, body any) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// knows answers the token's owner, or a 401.
func (f *fakeHomeserver) knows(w http.ResponseWriter, r *http.Request) (user, device string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	user, device, ok = strings.Cut(f.tokens[accessToken(r)], " ")
	if !ok {
		say(w, 401, map[string]any{"errcode": "M_UNKNOWN_TOKEN", "error": "no", "soft_logout": f.soft})
	}
	return user, device, ok
}

func (f *fakeHomeserver) whoami(w http.ResponseWriter, r *http.Request) {
	user, device, ok := f.knows(w, r)
	if !ok {
		return
	}
	if assert := r.URL.Query().Get("user_id"); assert != "" {
		user = assert
	}
	say(w, 200, map[string]any{"user_id": user, "device_id": device, "is_guest": strings.HasPrefix(user, "@guest")})
}

func (f *fakeHomeserver) put(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := f.knows(w, r); !ok {
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limits[accessToken(r)] > 0 {
		f.limits[accessToken(r)]--
		say(w, 429, map[string]any{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10})
		return
	}
	f.events = append(f.events, fmt.Sprintf("%s %s %s", r.RequestURI, accessToken(r), body))
	defer func() { f.came <- struct{}{} }()
	if f.answer != nil {
		f.answer(w)
		return
	}
	say(w, 200, map[string]any{"event_id": "$1"})
}

func (f *fakeHomeserver) logout(w http.ResponseWriter, r *http.Request) {
	user, _, ok := f.knows(w, r)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for token, owner := range f.tokens {
		if token == accessToken(r) || strings.HasSuffix(r.URL.Path, "/all") && strings.HasPrefix(owner, user+" ") {
			delete(f.tokens, token)
		}
	}
	say(w, 200, map[string]any{})
}

func (f *fakeHomeserver) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeHomeserver) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.events...)
}

// awaitEvent waits for the next event that the homeserver takes.
func (f *fakeHomeserver) awaitEvent(t *testing.T) {
	t.Helper()
	select {
	case <-f.came:
	case <-time.After(time.Minute):
		t.Fatalf("no event came; so far %q", f.sent())
	}
}

// front is a Server that runs, with a client in front of it.
type front struct {
	*Server
	t    *testing.T
	at   string // base URL
	stop func() // ends it, as a process would end
}

// start runs a Server in front of f until the test ends or stop is called.
func start(t *testing.T, f *fakeHomeserver, change func(*Config)) *front {
	t.Helper()
	config := Config{URL: f.URL}
	if change != nil {
		change(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	served := httptest.NewServer(s.Handler())
	stop := sync.OnceFunc(func() {
		served.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return &front{Server: s, t: t, at: served.URL, stop: stop}
}

// ask makes a request; the answer is decoded.
func (f *front) ask(method, path, token, body string) (status int, answer map[string]any) {
	f.t.Helper()
	status, _, answer = f.askWith(method, path, token, body)
	return status, answer
}

func (f *front) askWith(method, path, token, body string) (status int, header http.Header, answer map[string]any) {
	f.t.Helper()
	r, err := http.NewRequest(method, f.at+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(text) > 0 && json.Unmarshal(text, &answer) != nil {
		f.t.Fatalf("%s %s answered %d %q, which is no object", method, path, response.StatusCode, text)
	}
	return response.StatusCode, response.Header, answer
}

// waiting is what Stats says of events that wait.
func (f *front) waiting() Stats {
	stats := f.Stats()
	return Stats{Delayed: stats.Delayed, Devices: stats.Devices}
}

// awaitEnd waits until an event is over, and gives what became of it.
func (f *front) awaitEnd(id, token string) (finalised map[string]any) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		_, answer := f.ask("GET", stableManage+"/"+id, token, "")
		if finalised, _ = answer["finalised"].(map[string]any); finalised != nil {
			return finalised
		}
	}
	f.t.Fatalf("%s does not end", id)
	return nil
}

// scheduled schedules and gives the delay ID.
func (f *front) scheduled(path, token, body string) string {
	f.t.Helper()
	status, answer := f.ask("PUT", path, token, body)
	id, _ := answer["delay_id"].(string)
	if status != 200 || id == "" {
		f.t.Fatalf("scheduling answered %d %v", status, answer)
	}
	return id
}

const (
	leavePath    = "/_matrix/client/v3/rooms/%21a%3Ax/state/m.call.member/_%40alice%3Ax_A1"
	leaveURI     = leavePath + "?org.matrix.msc4140.delay="
	managePath   = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
	schedulePath = "/_matrix/client/unstable/org.matrix.msc4140/rooms/%21a%3Ax/delayed_event/"
	stablePath   = "/_matrix/client/v3/rooms/%21a%3Ax/delayed_event/"
	stableManage = "/_matrix/client/v1/delayed_events"
	unstableRTC  = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"
)
