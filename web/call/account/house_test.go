package account

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
	"meshfocus/web/call"
)

const patience = 60 * time.Second

// home is a homeserver with a room, and the pages beside it on another origin,
// as they are when a homeserver is not ours.
type home struct {
	server *homeserver.Server
	base   string // of the homeserver
	pages  string // of the call pages
	roomID string
}

func startHome(t *testing.T) *home {
	t.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "test.local", Registration: homeserver.RegistrationOpen})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Run(ctx) })
	t.Cleanup(func() { cancel(); loops.Wait() })
	h := &home{server: server, base: listen(t, server.Handler()), pages: listen(t, call.Handler())}
	if err := server.EnsureUser("host", ""); err != nil {
		t.Fatal(err)
	}
	if h.roomID, err = server.EnsureRoom("call", "Call", "host", homeserver.PresetPublic); err != nil {
		t.Fatal(err)
	}
	return h
}

// listen serves on a port of its own until the test ends, and gives its address.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	return "http://" + listener.Addr().String()
}

// account gives credentials of a user who is made if need be.
func (h *home) account(t *testing.T, name string) matrix.Config {
	t.Helper()
	if err := h.server.EnsureUser(name, ""); err != nil {
		t.Fatal(err)
	}
	token, err := h.server.IssueToken(name, strings.ToUpper(name)+"DEVICE", name)
	if err != nil {
		t.Fatal(err)
	}
	return matrix.Config{Homeserver: h.base, Token: token}
}

// party is a headless participant that runs.
type party struct{ *headless.Participant }

// startParty lets a headless party call that sends and takes Olm only.
func startParty(t *testing.T, h *home, name string, account matrix.Config) *party {
	t.Helper()
	return startPartyAs(t, h, name, account, func(*headless.Config) {})
}

// startPartyAs is startParty with changes.
func startPartyAs(t *testing.T, h *home, name string, account matrix.Config, change func(*headless.Config)) *party {
	t.Helper()
	account.Encrypt = matrix.EncryptRequire
	config := headless.Config{
		Account: account, Room: h.roomID, CallID: "tea", Clip: &headless.Clip{Video: testcard.Video, Audio: testcard.Audio},
		Media: transport.Config{Loopback: true, TCP: true}, Log: testLog(t, name),
	}
	change(&config)
	participant, err := headless.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := participant.Run(ctx); err != nil {
			t.Errorf("%s ended with: %v", name, err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return &party{participant}
}

func testLog(t *testing.T, name string) *slog.Logger {
	level := slog.LevelWarn
	if os.Getenv("MESHFOCUS_TEST_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})).With("test", name)
}

// links are those to one user.
func (p *party) links(userID string) (found []headless.Link) {
	for _, link := range p.Status().Links {
		if link.Peer.UserID == userID {
			found = append(found, link)
		}
	}
	return found
}

// receives reports whether sound and picture of a device arrive here, all of
// whose messages came in Olm.
func (p *party) receives(from message.Party) bool {
	for _, link := range p.links(from.UserID) {
		if link.Peer != from || link.Stats == nil || !link.Encrypted {
			continue
		}
		frames := map[transport.Kind]uint64{}
		for _, received := range link.Stats.Received {
			frames[received.Kind] += received.Frames
		}
		return frames[transport.Audio] >= 20 && frames[transport.Video] >= 10
	}
	return false
}

// until waits for a condition, and says what there was instead.
func until(t *testing.T, limit time.Duration, what string, is func() bool, why func() any) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) { // the pace of looking
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%+v", limit, what, why())
		}
	}
}

// signIn fills in the form of the page.
func signIn(p *browser.Page, homeserver, user, password string) {
	fillIn(p, homeserver, user, password)
	waitForRooms(p)
}

// fillIn asks to be signed in.
func fillIn(p *browser.Page, homeserver, user, password string) {
	p.Eventually(patience, "the form is shown", "!document.querySelector('#sign-in').hidden && !document.querySelector('#user').disabled", "document.body.innerText")
	p.Type("#homeserver", homeserver)
	p.Type("#user", user)
	p.Type("#password", password)
	p.Click("#sign-in [type=submit]")
}

func waitForRooms(p *browser.Page) {
	p.Eventually(patience, "rooms are offered", "!document.querySelector('#choose').hidden && !document.querySelector('#room').disabled", "document.body.innerText")
}

const passPhrase = "a pass phrase"

// person is a user who can sign in.
func (h *home) person(t *testing.T, name string) {
	t.Helper()
	if err := h.server.EnsureUser(name, passPhrase); err != nil {
		t.Fatal(err)
	}
}

// request is one of the client-server API, below v3.
func (h *home) request(t *testing.T, token, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, h.base+"/_matrix/client/v3"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		t.Fatalf("%s %s: %s %s", method, path, answer.Status, words)
	}
	if out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
}
