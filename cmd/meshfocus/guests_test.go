package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/signalling/socket"
)

// visitor is a browser's side of the websocket. It reads all the time, as browsers
// do, who would lose their sockets if they answered no pings.
type visitor struct {
	t    *testing.T
	conn *websocket.Conn

	mu     sync.Mutex
	frames []frame // guarded by mu; those that nobody has looked at
	ended  error   // guarded by mu; why no more come
}

// frame is any frame of the gateway, as far as these tests look.
type frame struct {
	Type    string
	Seat    string
	Resumed bool
	Code    string
	Words   string
	Self    struct {
		UserID    string `json:"user_id"`
		DeviceID  string `json:"device_id"`
		SessionID string `json:"session_id"`
		Name      string
	}
	Room struct {
		ID, Name string
		ConfID   string `json:"conf_id"`
	}
	Events []struct {
		Type, Sender string
		StateKey     string `json:"state_key"`
		Content      json.RawMessage
	}
	Members []struct {
		UserID string `json:"user_id"`
		Name   string
	}
	Reports []struct {
		Party struct {
			UserID string `json:"user_id"`
		}
		Report struct{ Links []any }
	}
	From struct {
		UserID string `json:"user_id"`
	}
	Event string
	Retry int64 `json:"retry_after_ms"`
}

// connect opens the websocket as a page of an origin would; "" is no browser.
func connect(t *testing.T, address, origin string) (*visitor, *http.Response, error) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{socket.Protocol}, HandshakeTimeout: patience,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	conn, response, err := dialer.Dial(strings.Replace(address, "http", "ws", 1)+"/call/socket", header)
	if err != nil {
		return nil, response, err
	}
	v := &visitor{t: t, conn: conn}
	var reading sync.WaitGroup
	reading.Go(v.read)
	t.Cleanup(func() { v.close(); reading.Wait() })
	return v, response, nil
}

// read keeps what comes.
func (v *visitor) read() {
	for {
		var f frame
		err := v.conn.ReadJSON(&f)
		v.mu.Lock()
		if v.ended = err; err == nil {
			v.frames = append(v.frames, f)
		}
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// next gives the frame that came first of those that nobody has looked at.
func (v *visitor) next() (f frame, ok bool, ended error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.frames) == 0 {
		return frame{}, false, v.ended
	}
	f, v.frames = v.frames[0], v.frames[1:]
	return f, true, nil
}

// visit connects and says hello; fields as key, value, …
func visit(t *testing.T, address, call string, fields ...any) *visitor {
	t.Helper()
	v, _, err := connect(t, address, address)
	if err != nil {
		t.Fatal(err)
	}
	v.write(append([]any{"type", "hello", "version", 1, "call", call, "name", "Ada"}, fields...)...)
	return v
}

func (v *visitor) close() { _ = v.conn.Close() }

func (v *visitor) write(fields ...any) {
	v.t.Helper()
	object := map[string]any{}
	for i := 0; i < len(fields); i += 2 {
		object[fields[i].(string)] = fields[i+1]
	}
	if err := v.conn.WriteJSON(object); err != nil {
		v.t.Fatal(err)
	}
}

// until reads frames to the first one of which is says so.
func (v *visitor) until(what string, is func(frame) bool) frame {
	v.t.Helper()
	var seen []string
	for deadline := time.Now().Add(patience); ; {
		f, ok, err := v.next()
		switch {
		case ok && is(f):
			return f
		case ok:
			seen = append(seen, f.Type+" "+f.Words)
		case err != nil || time.Now().After(deadline):
			v.t.Fatalf("no %s: %v after %v", what, err, seen)
		default:
			time.Sleep(10 * time.Millisecond) // the pace of looking
		}
	}
}

func (v *visitor) get(kind string) frame {
	v.t.Helper()
	return v.until(kind, func(f frame) bool { return f.Type == kind })
}

// enterAndBeCalled becomes a member and waits for that to be said and for the
// invite of the test card, which may come before.
func (v *visitor) enterAndBeCalled() {
	v.t.Helper()
	v.write("type", "enter", "feeds", []string{"m.usermedia"})
	entered, invited := false, false
	v.until("membership and invite of the test card", func(f frame) bool {
		entered = entered || f.Type == "entered"
		invited = invited || f.Type == "signal" && f.From.UserID == "@testcard:localhost" && f.Event == "m.call.invite"
		return entered && invited
	})
}

// memberOf says whether a state shows a user in the call, in both forms.
func memberOf(f frame, user string) bool {
	slot, conference := false, false
	for _, e := range f.Events {
		if e.Sender != user || string(e.Content) == "{}" {
			continue
		}
		conference = conference || e.StateKey == user && strings.Contains(string(e.Content), `"m.call_id"`)
		slot = slot || e.StateKey != user && strings.Contains(e.Type, "member")
	}
	return slot && conference
}

func TestGuest_MeetsTheTestCardInTheLobby(t *testing.T) {
	t.Parallel()
	address, stop := startServe(t, "--config", writeConfig(t, "call: {grace: 1s}\n"))
	v := visit(t, address, "lobby")
	welcome := v.get("welcome")
	if !guestName.MatchString(strings.TrimSuffix(strings.TrimPrefix(welcome.Self.UserID, "@"), ":localhost")) ||
		welcome.Self.Name != "Ada" || welcome.Room.Name != "Lobby" || welcome.Room.ConfID != "lobby" || welcome.Seat == "" || welcome.Resumed {
		t.Fatalf("the welcome is %+v", welcome)
	}
	v.until("state with the test card in slot and conference", func(f frame) bool { return f.Type == "state" && memberOf(f, "@testcard:localhost") })
	entered := time.Now()
	v.enterAndBeCalled()
	t.Logf("the card's invite came %s after enter", time.Since(entered).Round(time.Millisecond))
	reports := v.until("report of the card", func(f frame) bool { return f.Type == "reports" && len(f.Reports) > 0 })
	if user := reports.Reports[0].Party.UserID; !strings.HasPrefix(user, "@testcard") && !strings.HasPrefix(user, "@viewer") {
		t.Errorf("a report comes from %s", user)
	}
	if status := getStatus(t, address); status.Calls.Sockets != 1 || status.Calls.Seats != 1 || status.Calls.Rooms != 1 {
		t.Errorf("the status counts %+v", status.Calls)
	}
	before := getStatus(t, address).Users
	v.write("type", "leave")
	v.get("left")
	eventually(t, patience, "the guest's user is gone", func() bool { return getStatus(t, address).Users == before-1 }, func() string {
		return fmt.Sprintf("%d users, were %d; %+v", getStatus(t, address).Users, before, getStatus(t, address).Calls)
	})
	stop()
}

// newCall makes a call as the page does.
func newCall(t *testing.T, address, body string) string {
	t.Helper()
	response, err := client().Post(address+"/call/new", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Call, Words string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.Call) != 26 {
		t.Fatalf("%d %v %v", response.StatusCode, answer, err)
	}
	return answer.Call
}

// client takes any certificate and keeps no connection.
func client() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

func TestCall_IsOpenToWhoKnowsLinkAndPassPhrase(t *testing.T) {
	t.Parallel()
	address, _ := startServe(t, "--lobby=false")
	plain, locked := newCall(t, address, `{"name":"Tea <b>"}`), newCall(t, address, `{"pass":"correct horse"}`)

	ada, ben := visit(t, address, plain), visit(t, address, plain, "name", "Ben")
	welcome := ada.get("welcome")
	if welcome.Room.Name != "Tea <b>" || welcome.Room.ConfID != madeCall || ben.get("welcome").Room.ID != welcome.Room.ID {
		t.Fatalf("the welcome is %+v", welcome)
	}
	for _, v := range []*visitor{ada, ben} {
		v.write("type", "enter", "feeds", []string{"m.usermedia"})
		v.get("entered")
	}
	ada.until("state with Ben", func(f frame) bool {
		for _, member := range f.Members {
			if member.Name == "Ben" && memberOf(f, member.UserID) {
				return true
			}
		}
		return false
	})
	for _, c := range []struct {
		call, pass, code string
	}{
		{locked, "correct horse", ""}, {locked, "wrong horse", "wrong_pass"}, {locked, "", "wrong_pass"},
		{strings.Repeat("a", 26), "", "no_such_call"}, {"lobby", "", "no_such_call"},
	} {
		f := visit(t, address, c.call, "pass", c.pass).until("answer", func(f frame) bool { return f.Type == "welcome" || f.Type == "error" })
		if f.Code != c.code || c.code != "" && f.Words == "" {
			t.Errorf("%s with %q is answered %s %s %q, want %q", c.call[:5], c.pass, f.Type, f.Code, f.Words, c.code)
		}
	}
}

func TestCall_IsThereAfterARestartAndSoIsTheSeat(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	address, stop := startServe(t, "--data", data, "--lobby=false")
	call := newCall(t, address, `{"pass":"correct horse"}`)
	v := visit(t, address, call, "pass", "correct horse")
	before := v.get("welcome")
	v.write("type", "enter", "feeds", []string{"m.usermedia"})
	v.get("entered")
	stop()
	for _, name := range []string{"calls.json", "seats.key"} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}

	address, _ = startServe(t, "--data", data, "--lobby=false")
	v = visit(t, address, call, "seat", before.Seat, "session", before.Self.SessionID) // and no pass phrase
	after := v.get("welcome")
	if after.Self != before.Self || after.Room.ID != before.Room.ID {
		t.Errorf("after the restart the seat is %+v, was %+v", after.Self, before.Self)
	}
	if kept, err := os.ReadDir(filepath.Join(data, "guests")); err != nil || len(kept) != 1 {
		t.Errorf("the keys of %d guests are kept, %v", len(kept), err)
	}
	v.write("type", "enter", "feeds", []string{"m.usermedia"})
	v.until("state with ourselves", func(f frame) bool { return f.Type == "state" && memberOf(f, after.Self.UserID) })
	if f := visit(t, address, call, "seat", "nonsense").until("answer", func(f frame) bool { return f.Type == "welcome" || f.Type == "error" }); f.Code != "wrong_pass" {
		t.Errorf("a made-up seat is answered %s %s", f.Type, f.Code)
	}
}

// Its keys are kept, so that nobody has to forget the old ones.
func TestGuest_IsCalledByTheTestCardAfterARestartToo(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	seat, device := "", ""
	for _, round := range []string{"first", "again"} {
		address, stop := startServe(t, "--data", data)
		v := visit(t, address, "lobby", "seat", seat)
		welcome := v.get("welcome")
		if device != "" && welcome.Self.DeviceID != device {
			t.Errorf("%s: the device is %s, was %s", round, welcome.Self.DeviceID, device)
		}
		seat, device = welcome.Seat, welcome.Self.DeviceID
		v.enterAndBeCalled()
		stop()
	}
}

func TestSocket_PagesOfOtherOriginsAreRefused(t *testing.T) {
	address, _ := startServe(t, "--lobby=false", "--public-url", "https://call.example.org", "--config", writeConfig(t, "call: {origins: ['https://friend.example']}\n"))
	for origin, want := range map[string]int{
		"https://evil.example": http.StatusForbidden, "null": http.StatusForbidden, "http://call.example.org": http.StatusForbidden,
		address: http.StatusSwitchingProtocols, "https://friend.example": http.StatusSwitchingProtocols, "https://call.example.org": http.StatusSwitchingProtocols,
	} {
		_, response, err := connect(t, address, origin)
		if response == nil || response.StatusCode != want {
			t.Errorf("a page of %s is answered %+v %v, want %d", origin, response, err, want)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), "POST", address+"/call/new", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Origin": {"https://evil.example"}}
	response, err := client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another origin makes a call: %d", response.StatusCode)
	}
}

func TestCall_NobodyMakesOneWhereThatIsOff(t *testing.T) {
	address, _ := startServe(t, "--lobby=false", "--new-calls=false")
	response, err := client().Post(address+"/call/new", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte("not_allowed")) {
		t.Errorf("%d %s %v", response.StatusCode, body, err)
	}
}

// daemonForTest is one that does not run, over a homeserver in memory.
func daemonForTest(t *testing.T) *daemon {
	t.Helper()
	l, err := load("", []string{"MESHFOCUS_LISTEN=127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDaemon(l.Config, newLogger(l.Log, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.homeserver.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = d.door.close()
	})
	return d
}

func TestSweep_RemovesGuestsWhoseBrowserDidNotComeBack(t *testing.T) {
	d := daemonForTest(t)
	for _, name := range []string{"web-abcdefgh", "web-seatedaa", "web-master", "anna"} {
		if err := d.homeserver.EnsureUser(name, ""); err != nil {
			t.Fatal(err)
		}
	}
	release, err := d.guests.hold(t.Context(), "web-seatedaa")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	left := func() string { return strings.Join(d.homeserver.Localparts(""), " ") }
	d.guests.sweep(now)
	d.guests.sweep(now.Add(orphanTime - time.Second))
	if got := left(); got != "anna web-abcdefgh web-master web-seatedaa" {
		t.Errorf("too early, of the users are left: %s", got)
	}
	d.guests.sweep(now.Add(orphanTime))
	if got := left(); got != "anna web-master web-seatedaa" {
		t.Errorf("of the users are left: %s", got)
	}
	release()
	d.guests.sweep(now.Add(orphanTime))
	d.guests.sweep(now.Add(2 * orphanTime))
	if got := left(); got != "anna web-master" {
		t.Errorf("after the seat's end are left: %s", got)
	}
}
