package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"meshfocus/signalling/homeserver"
)

// foreign is a homeserver that has loaded our registration: an embedded one
// with the application service's requests (Application Service API) before it.
type foreign struct {
	*httptest.Server
	server *homeserver.Server

	mu     sync.Mutex
	tokens map[string]string // of our users by localpart; guarded by mu
}

const foreignToken = "as-token"

func startForeign(t *testing.T) *foreign {
	t.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "other.example"})
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{server: server, tokens: map[string]string{}}
	f.Server = httptest.NewServer(f)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; f.Close() })
	if err := server.EnsureUser("meshfocus", ""); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+foreignToken {
		f.server.Handler().ServeHTTP(w, r)
		return
	}
	text, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	var body struct {
		Username   string
		Device     string `json:"device_id"`
		Identifier struct{ User string }
	}
	_ = json.Unmarshal(text, &body)
	say := func(content map[string]any) { _ = json.NewEncoder(w).Encode(content) }
	switch path := strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/"); {
	case path == "register":
		_ = f.server.EnsureUser(body.Username, "")
		say(map[string]any{"user_id": "@" + body.Username + ":other.example"})
	case path == "login":
		local, _, _ := strings.Cut(strings.TrimPrefix(body.Identifier.User, "@"), ":")
		token, err := f.server.IssueToken(local, body.Device, "")
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
		}
		say(map[string]any{"access_token": token, "user_id": "@" + local + ":other.example", "device_id": body.Device})
	case strings.HasPrefix(path, "devices/"):
		say(map[string]any{})
	default:
		local, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("user_id"), "@"), ":")
		if local == "" {
			local = "meshfocus"
		}
		r.Header.Set("Authorization", "Bearer "+f.token(local))
		f.server.Handler().ServeHTTP(w, r)
	}
}

func (f *foreign) token(local string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tokens[local] == "" {
		f.tokens[local], _ = f.server.IssueToken(local, "SERVICE", "")
	}
	return f.tokens[local]
}

func TestGuests_AreOnAnotherHomeserverWhereWeAreRegistered(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	config := writeConfig(t, "call: {grace: 1s}\nappservice: {homeserver: '"+f.URL+"', as_token: "+foreignToken+", hs_token: other}\n")
	address, _ := startServe(t, "--config", config)
	call := newCall(t, address, `{"name":"Tea"}`)
	ada, ben := visit(t, address, call), visit(t, address, call, "name", "Ben")
	welcome := ada.get("welcome")
	if !strings.HasSuffix(welcome.Self.UserID, ":other.example") || welcome.Room.Name != "Tea" || ben.get("welcome").Room.ID != welcome.Room.ID {
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
	if lobby := visit(t, address, "lobby").get("welcome"); !strings.HasSuffix(lobby.Self.UserID, ":localhost") {
		t.Errorf("in the lobby the guest is %s", lobby.Self.UserID)
	}
	for _, v := range []*visitor{ada, ben} {
		v.write("type", "leave")
		v.get("left")
	}
	eventually(t, patience, "only our sender is in the room", func() bool { return len(f.server.Joined(welcome.Room.ID)) == 1 },
		func() string { return strings.Join(f.server.Joined(welcome.Room.ID), " ") })
}

func TestGuests_SayWhenTheOtherHomeserverDoesNotKnowUs(t *testing.T) {
	f := startForeign(t)
	config := writeConfig(t, "appservice: {homeserver: '"+f.URL+"', as_token: wrong, hs_token: other}\n")
	var out, errs buffer
	code := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--config", config}, streams{out: &out, err: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "another homeserver") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestRegistration_IsPrintedWithTokensToSet(t *testing.T) {
	var out, errs buffer
	std := streams{out: &out, err: &errs, environ: []string{"MESHFOCUS_APPSERVICE_SERVER_NAME=other.example"}}
	if code := run(t.Context(), []string{"config", "registration"}, std); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{"appservice.as_token: ", "as_token: ", "hs_token: ", `@web-.*:other\\.example`, "exclusive: true"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if code := run(t.Context(), []string{"config", "registration"}, streams{out: &out, err: &errs}); code != exitUsage || !strings.Contains(errs.String(), "appservice.server_name") {
		t.Errorf("without a server name: exit code %d, %s", code, errs.String())
	}
}
