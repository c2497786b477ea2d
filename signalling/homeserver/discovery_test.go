package homeserver

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestVersions_AdvertiseWhatCallsNeed(t *testing.T) {
	a := newAPI(t, Config{})
	got := a.nobody().do("GET", "/_matrix/client/versions", nil).ok()
	for _, feature := range []string{"org.matrix.msc4140", "org.matrix.msc4354", "org.matrix.msc4143", "org.matrix.msc4222"} {
		got.is("true", "unstable_features", feature)
	}
	if len(got.list("versions")) == 0 {
		t.Error("no version of the specification")
	}
}

func TestWellKnown_NamesTheServer(t *testing.T) {
	a := newAPI(t, Config{})
	a.nobody().do("GET", "/.well-known/matrix/client", nil).ok().is(`{"m.homeserver":{"base_url":"http://example.com"}}`)
	b := newAPI(t, Config{BaseURL: "https://hs.example", Transports: []json.RawMessage{json.RawMessage(`{"type":"full_mesh"}`)}})
	b.nobody().do("GET", "/.well-known/matrix/client", nil).ok().is(`"https://hs.example"`, "m.homeserver", "base_url").
		is(`[{"type":"full_mesh"}]`, "org.matrix.msc4143.rtc_foci")
}

func TestTransports_NeedATokenAndAreGivenAsConfigured(t *testing.T) {
	paths := []string{"/_matrix/client/v1/rtc/transports", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"}
	none, some := newAPI(t, Config{}), newAPI(t, Config{Transports: []json.RawMessage{
		json.RawMessage(`{"type":"org.example.new","x":{"y":1}}`), json.RawMessage(`{"type":"full_mesh","max_participants":8}`),
	}})
	for _, path := range paths {
		none.nobody().do("GET", path, nil).refused(401, codeMissingToken)
		(&caller{api: none, token: "x"}).do("GET", path, nil).refused(401, codeUnknownToken)
		none.user("alice").do("GET", path, nil).ok().is(`{}`)
		got := some.user("alice").do("GET", path, nil).ok()
		for _, name := range []string{"rtc_transports", "transports"} {
			got.is(`[{"type":"org.example.new","x":{"y":1}},{"max_participants":8,"type":"full_mesh"}]`, name)
		}
	}
}

func TestTurnServer_IsEmptyFixedOrMadePerUser(t *testing.T) {
	newAPI(t, Config{}).user("alice").do("GET", "voip/turnServer", nil).ok().is(`{}`)
	fixed := &TurnServers{URIs: []string{"turn:h:3478?transport=udp"}, Username: "u", Password: "p"}
	newAPI(t, Config{Turn: fixed}).user("alice").do("GET", "voip/turnServer", nil).ok().
		is(`{"password":"p","ttl":86400,"uris":["turn:h:3478?transport=udp"],"username":"u"}`)
	made := &TurnServers{URIs: []string{"turn:h"}, Lifetime: time.Minute, Credentials: func(user string, _ time.Duration) (string, string) {
		return "for " + user, "secret"
	}}
	a := newAPI(t, Config{Turn: made})
	a.user("alice").do("GET", "/_matrix/client/r0/voip/turnServer", nil).ok().is(`"for @alice:hs"`, "username").is("60", "ttl")
	a.nobody().do("GET", "voip/turnServer", nil).refused(401, codeMissingToken)
}

func TestClients_FindNothingBrokenAtStart(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	for path, want := range map[string]string{
		"thirdparty/protocols":              `{}`,
		"pushers":                           `{"pushers":[]}`,
		"notifications":                     `{"notifications":[]}`,
		"account/3pid":                      `{"threepids":[]}`,
		"/_matrix/client/v1/media/config":   `{"m.upload.size":0}`,
		"/_matrix/media/v3/config":          `{"m.upload.size":0}`,
		"/_matrix/client/r0/account/whoami": `{"device_id":"ALICE","is_guest":false,"user_id":"@alice:hs"}`,
		"presence/@alice:hs/status":         `{"presence":"offline"}`,
	} {
		alice.do("GET", path, nil).ok().is(want)
	}
	alice.do("PUT", "presence/@alice:hs/status", obj{"presence": "online"}).ok()
	alice.do("PUT", "presence/@alice:hs/status", obj{"presence": "asleep"}).refused(400, codeInvalidParam)
	alice.do("GET", "account/whoami?access_token="+alice.token, nil).ok()
	inQuery := &caller{api: a}
	inQuery.do("GET", "account/whoami?access_token="+alice.token, nil).ok()
}

func TestNew_SaysWhatIsWrongWithTheConfiguration(t *testing.T) {
	for name, config := range map[string]Config{
		"no name":           {},
		"name with a slash": {ServerName: "a/b"},
		"unknown mode":      {ServerName: "hs", Registration: "maybe"},
		"token without any": {ServerName: "hs", Registration: RegistrationToken},
		"transport unnamed": {ServerName: "hs", Transports: []json.RawMessage{json.RawMessage(`{"url":"x"}`)}},
		"transport of text": {ServerName: "hs", Transports: []json.RawMessage{json.RawMessage(`"full_mesh"`)}},
	} {
		if _, err := New(config); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	folder := t.TempDir()
	newAPI(t, Config{DataDir: folder}).stop()
	if _, err := New(Config{DataDir: folder, ServerName: "renamed"}); !errors.Is(err, ErrConfig) {
		t.Errorf("data of another name: %v", err)
	}
	newAPI(t, Config{DataDir: folder}).stop() // and it can be opened again after that
}
