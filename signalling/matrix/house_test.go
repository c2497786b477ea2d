package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// house is a homeserver behind real HTTP, with a gate in front of it that can
// refuse requests. It is the fake of this package or the embedded one.
type house struct {
	t    testing.TB
	http *httptest.Server
	gate *gate
	room string
	// issue gives the token of a user's device.
	issue func(user, device string) string
	// transport is nil for real HTTP; http is nil without it.
	transport http.RoundTripper
	// repeatable gives every account the same dice.
	repeatable bool

	fake   *fake              // nil with the embedded homeserver
	server *homeserver.Server // nil with the fake
	halt   func()
}

// engines runs a test against both homeservers.
func engines(t *testing.T, test func(*testing.T, *house)) {
	t.Run("fake", func(t *testing.T) { test(t, newHouse(t)) })
	t.Run("embedded", func(t *testing.T) { test(t, newEmbeddedHouse(t)) })
}

// gate stands before the homeserver. Guard may answer a request itself and
// then returns true; it is called for one request at a time.
type gate struct {
	guarding sync.Mutex

	mutex sync.Mutex
	inner http.Handler
	guard func(http.ResponseWriter, *http.Request) bool
	seen  []string // "METHOD path" of every request
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mutex.Lock()
	g.seen = append(g.seen, r.Method+" "+r.URL.Path)
	inner, guard := g.inner, g.guard
	g.mutex.Unlock()
	if guard != nil {
		if g.ask(guard, w, r) {
			return
		}
	}
	inner.ServeHTTP(w, r)
}

func (g *gate) ask(guard func(http.ResponseWriter, *http.Request) bool, w http.ResponseWriter, r *http.Request) bool {
	g.guarding.Lock()
	defer g.guarding.Unlock()
	return guard(w, r)
}

// between changes what a guard looks at, while no request is with it.
func (g *gate) between(change func()) {
	g.guarding.Lock()
	defer g.guarding.Unlock()
	change()
}

func (g *gate) set(guard func(http.ResponseWriter, *http.Request) bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.guard = guard
}

func (g *gate) count(part string) int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	n := 0
	for _, request := range g.seen {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

// newHouse starts the fake homeserver over real HTTP.
func newHouse(t testing.TB) *house {
	t.Helper()
	fake := newFake()
	h := &house{t: t, gate: &gate{inner: fake.mux}, room: fakeRoom, issue: fake.issue, fake: fake}
	h.http = httptest.NewServer(h.gate)
	t.Cleanup(h.http.Close)
	return h
}

// newEmbeddedHouse starts the embedded homeserver over real HTTP.
func newEmbeddedHouse(t testing.TB, change ...func(*homeserver.Config)) *house {
	t.Helper()
	config := homeserver.Config{ServerName: "test"}
	for _, c := range change {
		c(&config)
	}
	h := &house{t: t, gate: &gate{}}
	h.boot(config)
	h.http = httptest.NewServer(h.gate)
	t.Cleanup(h.http.Close)
	return h
}

// password gives a user of the embedded homeserver one.
func (h *house) password(user string) {
	h.t.Helper()
	if err := h.server.EnsureUser(user, "password of "+user); err != nil {
		h.t.Fatal(err)
	}
}

// boot makes an embedded homeserver and puts it behind the gate; halt ends it.
func (h *house) boot(config homeserver.Config) {
	h.t.Helper()
	server, err := homeserver.New(config)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Run(ctx) }()
	h.halt = sync.OnceFunc(func() { cancel(); <-done })
	h.t.Cleanup(h.halt)
	h.server = server
	h.issue = func(user, device string) string {
		if err := server.EnsureUser(user, ""); err != nil {
			h.t.Fatal(err)
		}
		token, err := server.IssueToken(user, device, "")
		if err != nil {
			h.t.Fatal(err)
		}
		return token
	}
	if err = server.EnsureUser("owner", ""); err != nil {
		h.t.Fatal(err)
	}
	if h.room, err = server.EnsureRoom("lobby", "Lobby", "owner", homeserver.PresetPublic); err != nil {
		h.t.Fatal(err)
	}
	h.gate.mutex.Lock()
	h.gate.inner = server.Handler()
	h.gate.mutex.Unlock()
}

// config is that of a user's device, by token.
func (h *house) config(user, device string) Config {
	h.t.Helper()
	address := "http://homeserver.test"
	if h.http != nil {
		address = h.http.URL
	}
	return Config{Homeserver: address, Transport: h.transport, Token: h.issue(user, device), Log: testLog(h.t).With("who", user+"/"+device)}
}

// open logs a device in and lets it join the room.
func (h *house) open(config Config) *Account {
	h.t.Helper()
	account, err := Open(h.t.Context(), config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = account.Close() })
	if h.repeatable {
		account.dice = seeded()
	}
	if _, err = account.JoinRoom(h.t.Context(), h.room); err != nil {
		h.t.Fatal(err)
	}
	return account
}

// start runs an account until the test ends or stop is called.
func start(t testing.TB, account *Account) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- account.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run of %s ended with %v", account.Party(), err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// enter opens a device, follows the room with a sink and runs it.
func (h *house) enter(config Config) (*Account, *sink) {
	h.t.Helper()
	account := h.open(config)
	got := newSink()
	account.Subscribe(h.room, got)
	start(h.t, account)
	got.wait(h.t, "first facts", func(s *sink) bool { return s.facts.RoomID == h.room })
	return account, got
}

// sink collects what an account pushes.
type sink struct {
	mutex    sync.Mutex
	changed  chan struct{}
	facts    membership.Facts
	received []Received
	order    []string // "facts" and "signals" as they came
	onFacts  func(*sink)
}

func newSink() *sink { return &sink{changed: make(chan struct{})} }

func (s *sink) SetFacts(facts membership.Facts) {
	s.note(func() {
		s.facts, s.order = facts, append(s.order, "facts")
		if s.onFacts != nil {
			s.onFacts(s)
		}
	})
}

func (s *sink) Receive(all []Received) {
	s.note(func() { s.received, s.order = append(s.received, all...), append(s.order, "signals") })
}

func (s *sink) note(change func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait blocks until the condition holds; it is called with the mutex held.
func (s *sink) wait(t testing.TB, what string, condition func(*sink) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		s.mutex.Lock()
		met, changed := condition(s), s.changed
		s.mutex.Unlock()
		if met {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// known gives the newest facts.
func (s *sink) known() membership.Facts {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.facts
}

// members computes who is in the call by the sink's facts. Called with the
// mutex held or after all is quiet.
func (s *sink) members(confID string) []string {
	var names []string
	for _, session := range membership.Compute(s.facts, time.Now()).Sessions {
		if session.ConfID == confID {
			for _, member := range session.Members {
				names = append(names, member.String()+"="+member.SessionID)
			}
		}
	}
	return names
}

func (s *sink) take() []Received {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	got := s.received
	s.received = nil
	return got
}

// hangup is a small signal; n makes it recognisable.
func hangup(from *Account, room string, n int) message.Signal {
	seq := uint32(n)
	return message.Signal{Kind: message.Hangup, Reason: message.ReasonUserHangup, Envelope: message.Envelope{
		CallID: fmt.Sprintf("call%d", n), ConfID: message.SlotRoom, RoomID: room, Seq: &seq,
		PartyID: from.Party().DeviceID, DeviceID: from.Party().DeviceID,
		SenderSessionID: "s1", DestSessionID: "s2", MessageID: message.MessageIDPrefix + fmt.Sprint(n),
	}}
}

// deliver sends and waits for the homeserver's word.
func deliver(t *testing.T, from *Account, to message.Party, signal message.Signal) error {
	t.Helper()
	done := make(chan error, 1)
	from.Send(to, signal, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("nobody said what became of the signal")
		return nil
	}
}

// post sends a to-device message past all that Send checks.
func (h *house) post(from *Account, eventType string, to message.Party, content string) {
	h.t.Helper()
	body := map[string]any{"messages": map[string]any{to.UserID: map[string]any{to.DeviceID: json.RawMessage(content)}}}
	path := clientPath("v3", "sendToDevice", eventType, rand.Text())
	if err := from.call(h.t.Context(), http.MethodPut, path, nil, body, nil); err != nil {
		h.t.Fatal(err)
	}
}

// eventually polls a condition that has no event of its own.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testLog shows everything when asked by MESHFOCUS_TEST_LOG.
func testLog(t testing.TB) *slog.Logger {
	if os.Getenv("MESHFOCUS_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
