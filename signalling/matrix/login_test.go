package matrix

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpen_SaysInOneLineWhatIsWrong(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	closed.Close()
	notMatrix := httptest.NewServer(http.FileServer(http.Dir(t.TempDir())))
	defer notMatrix.Close()
	hello := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"hello":1}`)) }))
	defer hello.Close()
	h := newEmbeddedHouse(t)
	good := h.config("alice", "A")
	h.password("alice")
	at := func(homeserver string) Config { c := good; c.Homeserver = homeserver; return c }
	for _, test := range []struct {
		name   string
		config Config
		is     error
		says   []string
	}{
		{"nobody there", at(nobody), ErrUnreachable, []string{nobody, "connection refused", "is the address right and the server running?"}},
		{"no such host", at("http://no-such-host.invalid"), ErrUnreachable, []string{"no-such-host.invalid"}},
		{"something else there", at(notMatrix.URL), ErrUnreachable, []string{notMatrix.URL, "404"}},
		{"something else that speaks JSON", at(hello.URL), ErrUnreachable, []string{"names no version"}},
		{"no address", at("://"), nil, []string{`"://"`, "give a URL like"}},
		{"wrong scheme", at("ftp://x"), nil, []string{"ftp://x", "give a URL like"}},
		{"wrong token", Config{Homeserver: h.http.URL, Token: "no"}, ErrBadToken, []string{"use access token"}},
		{"wrong password", Config{Homeserver: h.http.URL, UserID: "alice", Password: "no"}, ErrBadLogin, []string{"log in as alice"}},
		{"no such user", Config{Homeserver: h.http.URL, UserID: "@zoe:test", Password: "no"}, ErrBadLogin, []string{"log in as @zoe:test"}},
		{"another device's token", Config{Homeserver: h.http.URL, Token: good.Token, DeviceID: "B"}, nil, []string{"belongs to device A", "not to B"}},
		{"nothing to log in with", Config{Homeserver: h.http.URL}, nil, []string{"no credentials", "access token"}},
		{"an empty state directory", Config{Homeserver: h.http.URL, StateDir: t.TempDir()}, nil, []string{"holds no account"}},
		{"no homeserver", Config{Token: "x"}, nil, []string{"homeserver is empty"}},
		{"password without user", Config{Homeserver: h.http.URL, Password: "x"}, nil, []string{"give the user ID"}},
		{"token and password", Config{Homeserver: h.http.URL, Token: "x", UserID: "u", Password: "x"}, nil, []string{"one of them is enough"}},
		{"unknown mode", Config{Homeserver: h.http.URL, Token: "x", Encrypt: 99}, nil, []string{"auto, require, prefer or off"}},
		{"unknown policy", Config{Homeserver: h.http.URL, Token: "x", Trust: 99}, nil, []string{"any, known, cross_signed or verified"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			account, err := Open(t.Context(), test.config)
			if err == nil {
				account.Close()
				t.Fatal("no error")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("err %v, want %v", err, test.is)
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestOpen_EndsWithItsContext_WhenTheHomeserverIsSilent(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Config{Homeserver: silent.URL, Token: "x"})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("err %v, want ErrUnreachable for want of an answer", err)
	}
}

func TestOpen_WaitsForAHomeserverThatLimitsLogins(t *testing.T) {
	h := newEmbeddedHouse(t)
	h.password("alice")
	refused := 0
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		limited := strings.HasSuffix(r.URL.Path, "/login") && refused < 2
		if limited {
			refused++
			refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 10})
		}
		return limited
	})
	account, err := Open(t.Context(), Config{Homeserver: h.http.URL, UserID: "alice", Password: "password of alice", DeviceID: "P"})
	if err != nil {
		t.Fatal(err)
	}
	defer account.Close()
	if got := account.Party().String(); got != "@alice:test/P" || refused != 2 {
		t.Errorf("we are %s after %d refusals", got, refused)
	}
}

func TestOpen_LogsInAgainForTheSameDevice_WhenTheStoredTokenIsDead(t *testing.T) {
	h := newEmbeddedHouse(t)
	h.password("alice")
	config := Config{
		Homeserver: h.http.URL, UserID: "alice", Password: "password of alice",
		StateDir: filepath.Join(t.TempDir(), "state"), Log: testLog(t),
	}
	bob, heard := h.enter(h.config("bob", "B"))
	var device string
	for round := range 3 {
		alice := h.open(config)
		if round == 0 {
			device = alice.Party().DeviceID
		}
		if got := alice.Party().DeviceID; got != device {
			t.Fatalf("round %d is device %s, want %s again", round, got, device)
		}
		stop := start(t, alice)
		if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, round)); err != nil {
			t.Fatal(err)
		}
		heard.wait(t, "the signal", func(s *sink) bool { return len(s.received) == round+1 && s.received[round].Encrypted })
		stop()
		if round == 0 { // the token dies, as after a logout elsewhere; the device with it
			if err := alice.call(t.Context(), http.MethodPost, clientPath("v3", "logout"), nil, struct{}{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		alice.Close()
	}
}

func TestLogout_EndsTheTokenAndForgetsTheAccount(t *testing.T) {
	h := newEmbeddedHouse(t)
	config := h.config("alice", "A")
	config.StateDir = t.TempDir()
	alice := h.open(config)
	if err := alice.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice.Close()
	if _, err := Open(t.Context(), config); !errors.Is(err, ErrBadToken) {
		t.Errorf("the token still works: %v", err)
	}
	config.Token = ""
	if _, err := Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "holds no account") {
		t.Errorf("the directory still holds the account: %v", err)
	}
}

func TestFindHomeserver_FollowsWellKnown(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"delegates", 200, `{"m.homeserver":{"base_url":"https://matrix.example/"}}`, "https://matrix.example"},
		{"delegates to nobody", 404, ``, "https://example.org"},
		{"delegates badly", 200, `{"m.homeserver":{}}`, ""},
		{"is no JSON", 200, `<html>`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := direct{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/.well-known/matrix/client" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			})}
			got, err := findHomeserver(t.Context(), "example.org", transport)
			if test.want == "" {
				if !errors.Is(err, ErrUnreachable) {
					t.Errorf("err %v, want ErrUnreachable", err)
				}
				return
			}
			if err != nil || got.String() != test.want {
				t.Errorf("got %v, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestJoinRoom_SaysWhyNot(t *testing.T) {
	h := newEmbeddedHouse(t)
	if err := h.server.EnsureUser("owner", ""); err != nil {
		t.Fatal(err)
	}
	closed, err := h.server.EnsureRoom("closed", "Closed", "owner", "private_chat")
	if err != nil {
		t.Fatal(err)
	}
	alice := h.open(h.clear("alice", "A"))
	for _, test := range []struct {
		room string
		want error
	}{
		{closed, ErrNotAllowed}, {"#nobody:test", ErrNotFound}, {"#lobby:test", nil},
	} {
		if _, err := alice.JoinRoom(t.Context(), test.room); !errors.Is(err, test.want) {
			t.Errorf("join %s: %v, want %v", test.room, err, test.want)
		}
	}
}

func TestFault_IsClassifiedByStatusAndCode(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   faultKind
	}{
		{429, "M_LIMIT_EXCEEDED", faultLimited}, {400, "M_LIMIT_EXCEEDED", faultLimited},
		{401, "M_UNKNOWN_TOKEN", faultToken}, {401, "", faultToken},
		{403, "M_FORBIDDEN", faultForbidden}, {404, "M_NOT_FOUND", faultNotFound},
		{404, "M_UNRECOGNIZED", faultUnrecognised}, {404, "", faultUnrecognised}, {405, "", faultUnrecognised},
		{400, "M_UNRECOGNIZED", faultUnrecognised}, {400, "M_BAD_JSON", faultRefused}, {413, "M_TOO_LARGE", faultRefused},
		{500, "M_UNKNOWN", faultServer}, {502, "", faultServer}, {408, "", faultServer}, {200, "", faultServer},
	} {
		if got := kindOf(test.status, test.code); got != test.want {
			t.Errorf("HTTP %d %s is %s, want %s", test.status, test.code, got, test.want)
		}
	}
}

func TestRetryAfter_BelievesBodyThenHeader_WithinReason(t *testing.T) {
	header := func(text string) http.Header { return http.Header{"Retry-After": {text}} }
	for _, test := range []struct {
		name   string
		header http.Header
		extra  map[string]any
		want   time.Duration
	}{
		{"body", header("9"), map[string]any{"retry_after_ms": 1500.0}, 1500 * time.Millisecond},
		{"header", header("9"), nil, 9 * time.Second},
		{"neither", http.Header{}, nil, 0},
		{"too long", header("99999999"), nil, 10 * time.Minute},
		{"too long in the body", nil, map[string]any{"retry_after_ms": 1e300}, 10 * time.Minute},
		{"nonsense", header("-1"), map[string]any{"retry_after_ms": "soon"}, 0},
	} {
		if got := retryAfter(test.header, test.extra); got != test.want {
			t.Errorf("%s gives %s, want %s", test.name, got, test.want)
		}
	}
}

func TestNames_OfModesAndPoliciesReadBack(t *testing.T) {
	for mode := EncryptAuto; mode <= EncryptOff; mode++ {
		if got, err := ParseEncryptMode(mode.String()); err != nil || got != mode {
			t.Errorf("%s reads as %s, %v", mode, got, err)
		}
	}
	for policy := TrustCrossSigned; policy <= TrustKnown; policy++ {
		if got, err := ParseTrustPolicy(policy.String()); err != nil || got != policy {
			t.Errorf("%s reads as %s, %v", policy, got, err)
		}
	}
	if _, err := ParseEncryptMode("maybe"); err == nil {
		t.Error("an unknown mode is taken")
	}
	if _, err := ParseTrustPolicy("maybe"); err == nil {
		t.Error("an unknown policy is taken")
	}
}
