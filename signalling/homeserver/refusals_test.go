package homeserver

import (
	"net/url"
	"strings"
	"testing"
)

// TestAPI_RefusesInTheWordsOfTheSpecification sends what breaks a rule and
// expects the status and the errcode.
func TestAPI_RefusesInTheWordsOfTheSpecification(t *testing.T) {
	a := newAPI(t, Config{Registration: RegistrationOpen, Guests: true})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	event := alice.send(room, "here")
	private := alice.room(obj{"preset": "private_chat"})
	guest := a.nobody()
	guest.token = guest.do("POST", "register?kind=guest", obj{}).ok().text("access_token")
	stranger := a.nobody()
	stranger.token = "mfs_guess"

	big := strings.Repeat("x", maxEvent)
	long := strings.Repeat("k", maxField+1)
	escaped := url.PathEscape(room)
	for _, test := range []struct {
		name, method, path string
		who                *caller
		body               any
		status             int
		code               string
	}{
		{"unknown path", "GET", "nowhere", alice, nil, 404, codeUnrecognized},
		{"path outside of the API", "GET", "/_matrix/federation/v1/version", alice, nil, 404, codeUnrecognized},
		{"root", "GET", "/", a.nobody(), nil, 404, codeUnrecognized},
		{"wrong method", "DELETE", "account/whoami", alice, nil, 405, codeUnrecognized},
		{"no token", "GET", "account/whoami", a.nobody(), nil, 401, codeMissingToken},
		{"unknown token", "GET", "account/whoami", stranger, nil, 401, codeUnknownToken},
		{"guest creates a room", "POST", "createRoom", guest, obj{}, 403, codeGuestForbidden},
		{"guest joins where guests may not", "POST", "join/" + escaped, guest, obj{}, 403, codeGuestForbidden},

		{"no JSON", "POST", "createRoom", alice, `{"name"`, 400, codeNotJSON},
		{"trailing JSON", "POST", "createRoom", alice, `{} {}`, 400, codeNotJSON},
		{"no UTF-8", "POST", "createRoom", alice, "{\"name\":\"\xff\"}", 400, codeNotJSON},
		{"array", "POST", "createRoom", alice, `[]`, 400, codeBadJSON},
		{"wrong type", "POST", "createRoom", alice, `{"name":7}`, 400, codeBadJSON},
		{"wrong type inside", "POST", "createRoom", alice, `{"initial_state":[{"type":{}}]}`, 400, codeBadJSON},
		{"unknown preset", "POST", "createRoom", alice, obj{"preset": "party"}, 400, codeInvalidParam},
		{"unknown room version", "POST", "createRoom", alice, obj{"room_version": "1"}, 400, codeUnsupportedRoom},
		{"power levels that are no numbers", "POST", "createRoom", alice, obj{"power_level_content_override": obj{"ban": "50"}}, 400, codeBadJSON},
		{"state of an array", "POST", "createRoom", alice, obj{"initial_state": []any{obj{"type": "m.x", "content": []int{1}}}}, 400, codeBadJSON},
		{"invitation of nobody", "POST", "createRoom", alice, obj{"invite": []string{"@nobody:hs"}}, 404, codeNotFound},
		{"invitation of no ID", "POST", "createRoom", alice, obj{"invite": []string{"bob"}}, 400, codeInvalidParam},

		{"content is empty", "PUT", in(room, "send", "m.x", "1"), alice, "", 400, codeNotJSON},
		{"content is null", "PUT", in(room, "send", "m.x", "1"), alice, `null`, 400, codeBadJSON},
		{"content is a string", "PUT", in(room, "send", "m.x", "1"), alice, `"x"`, 400, codeBadJSON},
		{"content has a fraction", "PUT", in(room, "send", "m.x", "1"), alice, `{"x":1.5}`, 400, codeBadJSON},
		{"content has a huge number", "PUT", in(room, "send", "m.x", "1"), alice, `{"x":[9007199254740992]}`, 400, codeBadJSON},
		{"content is too large", "PUT", in(room, "send", "m.x", "1"), alice, obj{"x": big}, 413, codeTooLarge},
		{"delayed content is too large", "PUT", in(room, "send", "m.x", "1") + "?org.matrix.msc4140.delay=1", alice, obj{"x": big}, 413, codeTooLarge},
		{"type is too long", "PUT", in(room, "send", long, "1"), alice, obj{}, 413, codeTooLarge},
		{"state key is too long", "PUT", in(room, "state", "m.x", long), alice, obj{}, 413, codeTooLarge},
		{"body is enormous", "PUT", in(room, "send", "m.x", "1"), alice, obj{"x": strings.Repeat("x", maxBody)}, 413, codeTooLarge},

		{"sending outside", "PUT", in(room, "send", "m.x", "1"), bob, obj{}, 403, codeForbidden},
		{"state outside", "PUT", in(room, "state", "m.x", ""), bob, obj{}, 403, codeForbidden},
		{"reading outside", "GET", in(private, "messages") + "?dir=b", bob, nil, 403, codeForbidden},
		{"reading state outside", "GET", in(private, "state"), bob, nil, 403, codeForbidden},
		{"members outside", "GET", in(private, "members"), bob, nil, 403, codeForbidden},
		{"typing outside", "PUT", in(room, "typing", "@bob:hs"), bob, obj{"typing": true}, 403, codeForbidden},
		{"receipt outside", "POST", in(room, "receipt", "m.read", event), bob, obj{}, 403, codeForbidden},
		{"room that is not there", "PUT", in("!none:hs", "send", "m.x", "1"), bob, obj{}, 403, codeForbidden},
		{"joining what is not there", "POST", "join/%21none:hs", bob, nil, 404, codeNotFound},
		{"joining an alias that is not there", "POST", "join/%23none:hs", bob, nil, 404, codeNotFound},
		{"joining without invitation", "POST", "join/" + url.PathEscape(private), bob, nil, 403, codeForbidden},
		{"knocking", "POST", "knock/" + url.PathEscape(private), bob, obj{}, 403, codeForbidden},
		{"path traversal in a room ID", "GET", "rooms/..%2F..%2Fetc%2Fpasswd/state", bob, nil, 403, codeForbidden},
		{"path traversal in a path", "GET", "rooms/../../../versions", bob, nil, 404, codeUnrecognized},
		{"NUL in an ID", "GET", "rooms/%00/state", bob, nil, 400, codeInvalidParam},
		{"no UTF-8 in an ID", "GET", "rooms/%ff/state", bob, nil, 400, codeInvalidParam},
		{"event that is not there", "GET", in(room, "event", "$none"), alice, nil, 404, codeNotFound},
		{"context of nothing", "GET", in(room, "context", "$none"), alice, nil, 404, codeNotFound},
		{"state that is not there", "GET", in(room, "state", "m.none", ""), alice, nil, 404, codeNotFound},
		{"redaction of nothing", "PUT", in(room, "redact", "$none", "1"), alice, obj{}, 404, codeNotFound},
		{"receipt of an unknown type", "POST", in(room, "receipt", "m.seen", event), alice, obj{}, 400, codeInvalidParam},
		{"messages without direction", "GET", in(room, "messages"), alice, nil, 400, codeInvalidParam},
		{"messages from nowhere", "GET", in(room, "messages") + "?dir=b&from=x", alice, nil, 400, codeInvalidParam},
		{"messages with a wrong limit", "GET", in(room, "messages") + "?dir=b&limit=ten", alice, nil, 400, codeInvalidParam},
		{"invitation without a user", "POST", in(room, "invite"), alice, obj{}, 400, codeMissingParam},
		{"invitation of a stranger", "POST", in(room, "invite"), alice, obj{"user_id": "@x:elsewhere"}, 404, codeNotFound},
		{"kick of who is not there", "POST", in(room, "kick"), alice, obj{"user_id": "@bob:hs"}, 403, codeForbidden},
		{"unban of who is not banned", "POST", in(room, "unban"), alice, obj{"user_id": "@bob:hs"}, 403, codeForbidden},
		{"second m.room.create", "PUT", in(room, "state", "m.room.create", ""), alice, obj{}, 403, codeForbidden},
		{"membership of an unknown kind", "PUT", in(room, "state", "m.room.member", "@alice:hs"), alice, obj{"membership": "sit"}, 400, codeBadJSON},
		{"member event about no user", "PUT", in(room, "state", "m.room.member", "alice"), alice, obj{"membership": "ban"}, 400, codeInvalidParam},
		{"state under another's ID", "PUT", in(room, "state", "m.x", "@bob:hs"), alice, obj{}, 403, codeForbidden},

		{"sync with a strange token", "GET", "sync?since=yesterday", alice, nil, 400, codeInvalidParam},
		{"sync from the future", "GET", "sync?since=s999999_0_0", alice, nil, 400, codeInvalidParam},
		{"sync with a negative timeout", "GET", "sync?timeout=-1", alice, nil, 400, codeInvalidParam},
		{"sync with an unknown filter", "GET", "sync?filter=99", alice, nil, 400, codeInvalidParam},
		{"sync with a broken filter", "GET", "sync?filter=" + url.QueryEscape(`{"room":[]}`), alice, nil, 400, codeInvalidParam},
		{"filter of another", "POST", "user/@bob:hs/filter", alice, obj{}, 403, codeForbidden},
		{"filter that is not there", "GET", "user/@alice:hs/filter/99", alice, nil, 404, codeNotFound},
		{"filter of the wrong shape", "POST", "user/@alice:hs/filter", alice, obj{"room": "all"}, 400, codeBadJSON},

		{"to-device without messages", "PUT", "sendToDevice/m.x/1", alice, obj{}, 400, codeMissingParam},
		{"to-device of a string", "PUT", "sendToDevice/m.x/1", alice, obj{"messages": obj{"@bob:hs": obj{"BOB": "hi"}}}, 400, codeBadJSON},
		{"to-device of the wrong shape", "PUT", "sendToDevice/m.x/1", alice, obj{"messages": obj{"@bob:hs": "hi"}}, 400, codeBadJSON},
		{"keys of another device", "POST", "keys/upload", alice, obj{"device_keys": obj{"user_id": "@alice:hs", "device_id": "OTHER"}}, 400, codeInvalidParam},
		{"one-time key without algorithm", "POST", "keys/upload", alice, obj{"one_time_keys": obj{"AAAA": "x"}}, 400, codeInvalidParam},
		{"key changes without tokens", "GET", "keys/changes", alice, nil, 400, codeInvalidParam},
		{"cross-signing key of another", "POST", "keys/device_signing/upload", alice, obj{"master_key": obj{"user_id": "@bob:hs", "usage": []string{"master"}, "keys": obj{"ed25519:A": "A"}}}, 400, codeInvalidParam},

		{"account data of another", "PUT", "user/@bob:hs/account_data/x", alice, obj{}, 403, codeForbidden},
		{"account data that is not there", "GET", "user/@alice:hs/account_data/x", alice, nil, 404, codeNotFound},
		{"account data of the server", "PUT", "user/@alice:hs/account_data/m.push_rules", alice, obj{}, 405, codeBadJSON},
		{"account data too large", "PUT", "user/@alice:hs/account_data/x", alice, obj{"x": big}, 413, codeTooLarge},
		{"profile of nobody", "GET", "profile/@nobody:hs", alice, nil, 404, codeNotFound},
		{"name of another", "PUT", "profile/@bob:hs/displayname", alice, obj{"displayname": "B"}, 403, codeForbidden},
		{"name that is a number", "PUT", "profile/@alice:hs/displayname", alice, obj{"displayname": 7}, 400, codeBadJSON},
		{"device that is not there", "GET", "devices/NONE", alice, nil, 404, codeNotFound},
		{"alias of another server", "PUT", "directory/room/%23x:elsewhere", alice, obj{"room_id": room}, 400, codeInvalidParam},
		{"alias that is none", "PUT", "directory/room/x", alice, obj{"room_id": room}, 400, codeInvalidParam},
		{"alias that is not there", "GET", "directory/room/%23x:hs", alice, nil, 404, codeNotFound},
		{"no key backup", "GET", "room_keys/version", alice, nil, 404, codeNotFound},
		{"media", "GET", "/_matrix/client/v1/media/download/hs/abc", alice, nil, 404, codeNotFound},
		{"old media", "POST", "/_matrix/media/v3/upload", alice, "data", 403, codeForbidden},
		{"login type that is not there", "POST", "login", a.nobody(), obj{"type": "m.login.sso"}, 400, codeUnknown},
		{"login without a type", "POST", "login", a.nobody(), obj{}, 400, codeMissingParam},
		{"login without a user", "POST", "login", a.nobody(), obj{"type": "m.login.password"}, 400, codeMissingParam},
		{"login as nobody", "POST", "login", a.nobody(), obj{"type": "m.login.password", "user": "nobody", "password": "x"}, 403, codeForbidden},
		{"login without a password set", "POST", "login", a.nobody(), obj{"type": "m.login.password", "user": "alice", "password": ""}, 403, codeForbidden},
		{"name with capitals", "GET", "register/available?username=Alice", a.nobody(), nil, 400, codeInvalidUsername},
		{"name in use", "GET", "register/available?username=alice", a.nobody(), nil, 400, codeUserInUse},
		{"name for guests", "GET", "register/available?username=17", a.nobody(), nil, 400, codeExclusive},
		{"delay that is no number", "PUT", in(room, "send", "m.x", "1") + "?org.matrix.msc4140.delay=soon", alice, obj{}, 400, codeInvalidParam},
		{"delay below zero", "PUT", in(room, "state", "m.x", "") + "?org.matrix.msc4140.delay=-5", alice, obj{}, 400, codeInvalidParam},
		{"sticky below zero", "PUT", in(room, "send", "m.x", "1") + "?org.matrix.msc4354.sticky_duration_ms=-5", alice, obj{}, 400, codeInvalidParam},
		{"delayed event that is not there", "POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x/send", alice, nil, 404, codeNotFound},
		{"delayed action that is not there", "POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x/hurry", alice, nil, 404, codeUnrecognized},
		{"delayed action in the body that is not there", "POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x", alice, obj{"action": "hurry"}, 400, codeInvalidParam},
		{"delayed without action", "POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x", alice, obj{}, 400, codeMissingParam},
	} {
		t.Run(test.name, func(t *testing.T) {
			who := *test.who
			who.api = &api{t: t, server: a.server, handler: a.handler}
			answer := who.do(test.method, test.path, test.body).refused(test.status, test.code)
			if answer.text("error") == "" {
				t.Error("the answer does not say in words what was wrong")
			}
		})
	}
}

func TestAPI_LetsBrowsersIn(t *testing.T) {
	a := newAPI(t, Config{})
	for _, path := range []string{"sync", "/.well-known/matrix/client", "nowhere"} {
		preflight := a.nobody().do("OPTIONS", path, nil)
		if preflight.status != 204 && preflight.status != 200 {
			t.Errorf("OPTIONS %s: %d", path, preflight.status)
		}
		for _, answer := range []reply{preflight, a.nobody().do("GET", path, nil)} {
			if got := answer.header.Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("%s: allowed origin %q", answer.request, got)
			}
			if got := answer.header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "Authorization") {
				t.Errorf("%s: allowed headers %q", answer.request, got)
			}
		}
	}
}
