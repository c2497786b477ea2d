package link

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hotel makes rooms and remembers which it forgot.
type hotel struct {
	mu      sync.Mutex
	made    int
	forgot  []string
	refuses error
}

func (h *hotel) Make(call, _ string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuses != nil {
		return "", h.refuses
	}
	h.made++
	return fmt.Sprintf("!%s:hs", call[:4]), nil
}

func (h *hotel) Forget(roomID string) { h.forgot = append(h.forgot, roomID) }

// start is an instant; tests move on from it by hand.
var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, config Config) (*Book, *hotel) {
	t.Helper()
	rooms := &hotel{}
	config.Rooms = rooms
	b, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return b, rooms
}

func TestNew_NamesAreUnguessableAndOpenTheirRoom(t *testing.T) {
	b, _ := open(t, Config{})
	seen := map[string]bool{}
	for range 50 {
		call, err := b.New("  Tea  ", "", start)
		if err != nil {
			t.Fatal(err)
		}
		if !id.MatchString(call.ID) || seen[call.ID] || call.Name != "Tea" {
			t.Fatalf("the call is %+v", call)
		}
		seen[call.ID] = true
		entered, err := b.Enter(call.ID, "not needed", "a", start)
		if err != nil || entered.Room != call.Room {
			t.Fatalf("entering gives %+v, %v", entered, err)
		}
	}
	for _, wrong := range []string{"", "lobby", strings.Repeat("a", 26)} {
		if _, err := b.Enter(wrong, "", "a", start); !errors.Is(err, ErrNoCall) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestEnter_WantsThePassPhrase(t *testing.T) {
	b, _ := open(t, Config{})
	call, err := b.New("", "correct horse", start)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(call.Hash, "horse") || !strings.HasPrefix(call.Hash, "$argon2id$") {
		t.Fatalf("what is kept is %q", call.Hash)
	}
	for phrase, want := range map[string]error{
		"correct horse": nil, "": ErrPass, "correct horse ": ErrPass, "Correct horse": ErrPass, strings.Repeat("x", 5000): ErrPass,
	} {
		if _, err := b.Enter(call.ID, phrase, "a", start); !errors.Is(err, want) {
			t.Errorf("%.20q gives %v, want %v", phrase, err, want)
		}
	}
	if found, err := b.Find(call.ID, start); err != nil || found.Room != call.Room {
		t.Errorf("who was let in before finds %+v, %v", found, err)
	}
}

func TestEnter_WrongPhrasesAreBoundAndRightOnesAreNot(t *testing.T) {
	b, _ := open(t, Config{})
	call, err := b.New("", "right", start)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * perAddress.burst {
		if _, err := b.Enter(call.ID, "right", "friend", start); err != nil {
			t.Fatalf("a right one is refused: %v", err)
		}
	}
	wrong := func(address string, now time.Time) error {
		_, err := b.Enter(call.ID, "", address, now) // an empty one is not hashed, so this is quick
		return err
	}
	for i := range perAddress.burst {
		if err := wrong("thief", start); !errors.Is(err, ErrPass) {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	var soon TooSoon
	if err := wrong("thief", start); !errors.As(err, &soon) || soon.Wait <= 0 || soon.Wait > perAddress.every {
		t.Fatalf("one more gives %v", err)
	}
	if _, err := b.Enter(call.ID, "right", "thief", start); !errors.As(err, &soon) {
		t.Errorf("who tried too often may go on trying: %v", err)
	}
	if _, err := b.Enter(call.ID, "right", "friend", start); err != nil {
		t.Errorf("another address is refused too: %v", err)
	}
	if err := wrong("thief", start.Add(perAddress.every)); !errors.Is(err, ErrPass) {
		t.Errorf("after the wait: %v", err)
	}
	// Many addresses together come to the bound of the call.
	tried := 0
	for i := range 3 * perCall.burst {
		if err := wrong(fmt.Sprint("thief", i), start.Add(perAddress.every)); errors.As(err, &soon) {
			break
		}
		tried++
	}
	if tried > perCall.burst {
		t.Errorf("%d wrong phrases were taken from many addresses at once, want at most %d", tried, perCall.burst)
	}
}

func TestEnter_ManyAtOnceDoNotPassTheBound(t *testing.T) {
	b, _ := open(t, Config{})
	call, err := b.New("", "right", start)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	results := make(chan error, 100)
	for range 40 {
		all.Go(func() {
			_, err := b.Enter(call.ID, "wrong", "thief", start)
			results <- err
		})
	}
	all.Wait()
	close(results)
	looked := 0
	for err := range results {
		if errors.Is(err, ErrPass) {
			looked++
		}
	}
	if looked != perAddress.burst {
		t.Errorf("%d phrases were looked at, want %d", looked, perAddress.burst)
	}
}

func TestBook_IsReadBackAsItWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "calls.json")
	b, _ := open(t, Config{File: file})
	plain, err := b.New("Tea", "", start)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := b.New("", "secret words", start)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "secret words") {
		t.Fatalf("the file holds the pass phrase, or %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	again, _ := open(t, Config{File: file})
	if got, err := again.Enter(plain.ID, "", "a", start); err != nil || got.Room != plain.Room || got.Name != "Tea" {
		t.Errorf("the plain call is %+v, %v", got, err)
	}
	if _, err := again.Enter(locked.ID, "secret words", "a", start); err != nil {
		t.Errorf("the locked call: %v", err)
	}
	if err := os.WriteFile(file, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{File: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("half a file gives %v", err)
	}
}

func TestExpire_ForgetsWhatNobodyUses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.json")
	b, rooms := open(t, Config{File: file, Keep: 24 * time.Hour})
	var calls []Call
	for range 3 {
		call, err := b.New("", "", start)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	day := start.Add(23 * time.Hour)
	if _, err := b.Enter(calls[1].ID, "", "a", day); err != nil {
		t.Fatal(err)
	}
	expire := func(now time.Time) {
		t.Helper()
		if err := b.Expire(now, func(room string) bool { return room == calls[2].Room }); err != nil {
			t.Fatal(err)
		}
	}
	expire(day)
	if b.Len() != 3 {
		t.Fatalf("%d calls are left too early", b.Len())
	}
	expire(start.Add(25 * time.Hour))
	if b.Len() != 2 || len(rooms.forgot) != 1 || rooms.forgot[0] != calls[0].Room {
		t.Fatalf("%d calls are left, rooms %v are forgotten", b.Len(), rooms.forgot)
	}
	again, _ := open(t, Config{File: file})
	if again.Len() != 2 {
		t.Errorf("the file has %d calls", again.Len())
	}
}

func TestNew_KeepsToItsBounds(t *testing.T) {
	b, rooms := open(t, Config{Max: 2})
	for name, want := range map[string]error{strings.Repeat("ä", maxName+1): ErrName, "a\x00b": ErrName, "\xff": ErrName} {
		if _, err := b.New(name, "", start); !errors.Is(err, want) {
			t.Errorf("the name %.10q gives %v", name, err)
		}
	}
	if _, err := b.New("", strings.Repeat("x", maxPhrase+1), start); !errors.Is(err, ErrPhrase) {
		t.Errorf("a long phrase gives %v", err)
	}
	rooms.refuses = errors.New("no room")
	if _, err := b.New("", "", start); !errors.Is(err, rooms.refuses) {
		t.Errorf("without a room: %v", err)
	}
	rooms.refuses = nil
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { _, _ = b.New("", "", start) })
	}
	all.Wait()
	if b.Len() != 2 || rooms.made != 2 {
		t.Errorf("%d calls and %d rooms, want 2", b.Len(), rooms.made)
	}
	if _, err := b.New("", "", start); !errors.Is(err, ErrFull) {
		t.Errorf("one more gives %v", err)
	}
}

// ask posts to the handler; headers as "Name: value".
func ask(t *testing.T, b *Book, method, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := b.Handler()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "http://here.example/call/new", strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler_MakesACallForOurOwnPagesOnly(t *testing.T) {
	b, _ := open(t, Config{Origins: []string{"https://friend.example"}})
	const kind = "Content-Type: application/json"
	for name, c := range map[string]struct {
		method, body string
		headers      []string
		status       int
		says         string
	}{
		"our page":               {"POST", `{"name":"Tea","pass":"x"}`, []string{kind, "Sec-Fetch-Site: same-origin", "Origin: http://here.example"}, 200, `"call":"`},
		"nothing but an object":  {"POST", `{}`, []string{kind + "; charset=utf-8"}, 200, `"call":"`},
		"an older browser":       {"POST", `{}`, []string{kind, "Origin: http://here.example"}, 200, `"call":"`},
		"a named friend":         {"POST", `{}`, []string{kind, "Sec-Fetch-Site: cross-site", "Origin: https://friend.example"}, 200, `"call":"`},
		"another site":           {"POST", `{}`, []string{kind, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, "not_allowed"},
		"another site, older":    {"POST", `{}`, []string{kind, "Origin: https://evil.example"}, 403, "not_allowed"},
		"a page without origin":  {"POST", `{}`, []string{kind, "Origin: null"}, 403, "not_allowed"},
		"a form":                 {"POST", `name=Tea`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "application/json"},
		"plain text":             {"POST", `{}`, []string{"Content-Type: text/plain"}, 415, "application/json"},
		"reading":                {"GET", ``, nil, 405, "POST"},
		"not JSON":               {"POST", `{`, []string{kind}, 400, "bad_message"},
		"a name that is none":    {"POST", `{"name":7}`, []string{kind}, 400, "bad_message"},
		"a name that is a novel": {"POST", `{"name":"` + strings.Repeat("x", 200) + `"}`, []string{kind}, 400, "too long"},
		"a large body":           {"POST", `{"name":"` + strings.Repeat("x", 5000) + `"}`, []string{kind}, 413, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			b.makers = limiter{}
			w := ask(t, b, c.method, c.body, c.headers...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestHandler_MakesNothingWhenItIsClosed(t *testing.T) {
	b, _ := open(t, Config{Closed: true})
	if w := ask(t, b, "POST", "{}", "Content-Type: application/json"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "not_allowed") || b.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHandler_HoldsBackWhoMakesManyCalls(t *testing.T) {
	b, rooms := open(t, Config{})
	last := 0
	for range makersRate.burst + 5 {
		w := ask(t, b, "POST", "{}", "Content-Type: application/json")
		if last = w.Code; last == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("it is not said when to try again")
		}
	}
	if last != http.StatusTooManyRequests || rooms.made != makersRate.burst {
		t.Errorf("the last is answered %d, %d calls were made; want 429 and %d", last, rooms.made, makersRate.burst)
	}
}

func TestRemoteAddress_CountsANetworkOfIPv6AsOne(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[::ffff:192.0.2.1]:5": "192.0.2.1", "strange": "strange",
	} {
		if got := remoteAddress(&http.Request{RemoteAddr: address}); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	b := &Book{hashes: make(chan struct{}, 1)}
	for _, hash := range []string{"", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "$$$$$"} {
		f.Add(hash)
	}
	f.Fuzz(func(t *testing.T, hash string) {
		if strings.Contains(hash, "m=") && !strings.Contains(hash, "m=8,t=1,p=1") {
			return // what the file says is only trusted with little memory here
		}
		if b.verify(hash, "phrase") {
			t.Fatalf("%q is the hash of a phrase nobody has hashed", hash)
		}
	})
}
