package appservice

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is a homeserver that has loaded one registration.
type fake struct {
	*httptest.Server
	noLogin bool // it makes devices by MSC4190 only
	limited int  // so many requests are answered 429 first

	mu      sync.Mutex
	users   map[string]bool            // guarded by mu
	devices map[string]string          // guarded by mu; token or "ours" by user/device
	rooms   map[string]map[string]bool // guarded by mu; who may come in or is in
	created map[string]any             // guarded by mu; the last body of createRoom
}

const (
	asToken = "as-token"
	hsToken = "hs-token"
	sender  = "@meshfocus:example.org"
)

func startFake(t *testing.T) *fake {
	f := &fake{users: map[string]bool{}, devices: map[string]string{}, rooms: map[string]map[string]bool{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) config() Config {
	return Config{Homeserver: f.URL, ASToken: asToken, HSToken: hsToken}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	status, answer := f.answer(r, body)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

type object = map[string]any

func no(status int, code string) (int, object) { return status, object{"errcode": code, "error": code} }

func (f *fake) answer(r *http.Request, body object) (int, object) {
	if f.limited > 0 {
		f.limited--
		return http.StatusTooManyRequests, object{"errcode": "M_LIMIT_EXCEEDED", "error": "slow", "retry_after_ms": 1}
	}
	user, device, ok := f.who(r)
	if !ok {
		return no(http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/"), "/")
	switch r.Method + " " + path[0] {
	case "GET account":
		return http.StatusOK, object{"user_id": user, "device_id": device}
	case "POST register":
		id := "@" + body["username"].(string) + ":example.org"
		if f.users[id] {
			return no(http.StatusBadRequest, "M_USER_IN_USE")
		}
		f.users[id] = body["inhibit_login"].(bool)
		return http.StatusOK, object{"user_id": id}
	case "POST login":
		return f.login(body)
	case "PUT devices":
		f.devices[user+"/"+path[1]] = "ours"
		return http.StatusCreated, object{}
	case "DELETE devices", "POST logout":
		delete(f.devices, user+"/"+device)
		if len(path) > 1 {
			delete(f.devices, user+"/"+path[1])
		}
		return http.StatusOK, object{}
	case "POST createRoom":
		f.rooms["!made:example.org"], f.created = map[string]bool{user: true}, body
		return http.StatusOK, object{"room_id": "!made:example.org"}
	case "POST join", "POST rooms":
		return f.room(user, path, body)
	}
	return no(http.StatusNotFound, "M_UNRECOGNIZED")
}

// who reads token and masquerade.
func (f *fake) who(r *http.Request) (user, device string, ok bool) {
	token, query := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.URL.Query()
	if token == asToken {
		if user = query.Get("user_id"); user == "" {
			return sender, "", true
		}
		device = query.Get("device_id")
		return user, device, f.users[user] && (device == "" || f.devices[user+"/"+device] == "ours")
	}
	for name, known := range f.devices {
		if known == token {
			user, device, _ = strings.Cut(name, "/")
			return user, device, true
		}
	}
	return "", "", false
}

func (f *fake) login(body object) (int, object) {
	if f.noLogin {
		return no(http.StatusBadRequest, "M_APPSERVICE_LOGIN_UNSUPPORTED")
	}
	user := body["identifier"].(object)["user"].(string)
	name := user + "/" + body["device_id"].(string)
	f.devices[name] = "token of " + name
	return http.StatusOK, object{"access_token": f.devices[name], "user_id": user, "device_id": body["device_id"]}
}

func (f *fake) room(user string, path []string, body object) (int, object) {
	members := f.rooms[path[1]]
	switch {
	case path[0] == "join" && members[user]:
		return http.StatusOK, object{"room_id": path[1]}
	case path[0] == "rooms" && path[2] == "invite" && members[user]:
		members[body["user_id"].(string)] = true
		return http.StatusOK, object{}
	case path[0] == "rooms" && path[2] == "leave":
		delete(members, user)
		return http.StatusOK, object{}
	}
	return no(http.StatusForbidden, "M_FORBIDDEN")
}
