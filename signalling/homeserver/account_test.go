package homeserver

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answerUIA asks, expects a challenge with one stage and answers it.
func answerUIA(c *caller, method, path, stage string, body obj, auth obj) reply {
	c.t.Helper()
	first := c.do(method, path, body)
	if first.status != 401 || first.code != "" {
		c.t.Fatalf("%s: %d %v, want a challenge without errcode", first.request, first.status, first.body)
	}
	first.is(`["`+stage+`"]`, "flows", 0, "stages")
	auth["type"], auth["session"] = stage, first.text("session")
	again := obj{"auth": auth}
	for name, value := range body {
		again[name] = value
	}
	return c.do(method, path, again)
}

func TestRegister_OpenTakesADummyStage(t *testing.T) {
	a := newAPI(t, Config{Registration: RegistrationOpen})
	nobody := a.nobody()
	nobody.do("GET", "register/available?username=alice", nil).ok().is("true", "available")
	got := answerUIA(nobody, "POST", "register", stageDummy, obj{
		"username": "alice", "password": "secret", "device_id": "PHONE",
	}, obj{}).ok().is(`"@alice:hs"`, "user_id").is(`"PHONE"`, "device_id")
	alice := &caller{api: a, token: got.text("access_token")}
	alice.do("GET", "account/whoami", nil).ok().is(`"@alice:hs"`, "user_id").is("false", "is_guest")
	nobody.do("POST", "register", obj{"username": "alice", "password": "x"}).refused(400, codeUserInUse)
	nobody.do("POST", "register", obj{"username": "Al ice", "password": "x"}).refused(400, codeInvalidUsername)

	unsigned := answerUIA(nobody, "POST", "register", stageDummy, obj{
		"username": "bob", "password": "secret", "inhibit_login": true,
	}, obj{}).ok()
	if unsigned.at("access_token") != nil {
		t.Errorf("inhibit_login gave a token: %v", unsigned.body)
	}
	if name := answerUIA(nobody, "POST", "register", stageDummy, obj{"password": "x"}, obj{}).ok().text("user_id"); !isNumber(strings.TrimSuffix(name[1:], ":hs")) {
		t.Errorf("the server chose the name %s; it should be a number", name)
	}
}

func TestRegister_TokenGatedAsksForAToken(t *testing.T) {
	a := newAPI(t, Config{Registration: RegistrationToken, RegistrationTokens: []string{"family", "club"}})
	nobody := a.nobody()
	nobody.do("GET", "/_matrix/client/v1/register/m.login.registration_token/validity?token=club", nil).ok().is("true", "valid")
	nobody.do("GET", "/_matrix/client/v1/register/m.login.registration_token/validity?token=Club", nil).ok().is("false", "valid")
	body := obj{"username": "alice", "password": "secret"}
	wrong := answerUIA(nobody, "POST", "register", stageToken, body, obj{"token": "friends"}).refused(401, codeForbidden)
	wrong.is(`["m.login.registration_token"]`, "flows", 0, "stages")
	dummy := obj{"type": stageDummy, "session": wrong.text("session")}
	nobody.do("POST", "register", obj{"username": "alice", "password": "secret", "auth": dummy}).refused(401, codeForbidden)
	answerUIA(nobody, "POST", "register", stageToken, body, obj{"token": "club"}).ok().is(`"@alice:hs"`, "user_id")
}

func TestRegister_ClosedLeavesTheOwnerToMakeUsers(t *testing.T) {
	a := newAPI(t, Config{})
	a.nobody().do("POST", "register", obj{"username": "alice", "password": "x"}).refused(403, codeForbidden)
	a.nobody().do("POST", "register?kind=guest", obj{}).refused(403, codeGuestForbidden)
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	login := obj{"type": "m.login.password", "identifier": obj{"type": "m.id.user", "user": "alice"}, "password": "secret"}
	a.nobody().do("POST", "login", login).ok()
	if err := a.server.EnsureUser("alice", ""); err != nil { // leaves it as it is
		t.Fatal(err)
	}
	a.nobody().do("POST", "login", login).ok()
	if err := a.server.EnsureUser("alice", "changed"); err != nil {
		t.Fatal(err)
	}
	a.nobody().do("POST", "login", login).refused(403, codeForbidden)
	if err := a.server.EnsureUser("Not valid", ""); err == nil {
		t.Error("a user with a space was made")
	}
	if _, err := a.server.IssueToken("nobody", "", ""); !errors.Is(err, ErrNoUser) {
		t.Errorf("token for nobody: %v", err)
	}
	if _, err := a.server.EnsureRoom("x", "X", "nobody", PresetPublic); !errors.Is(err, ErrNoUser) {
		t.Errorf("room by nobody: %v", err)
	}
}

func TestGuests_ComeInAndMayDoLittle(t *testing.T) {
	a := newAPI(t, Config{Guests: true})
	alice := a.user("alice")
	room, err := a.server.EnsureRoom("lobby", "Lobby", "alice", PresetPublic)
	if err != nil {
		t.Fatal(err)
	}
	in1 := a.nobody().do("POST", "register?kind=guest", obj{}).ok()
	guest := &caller{api: a, id: in1.text("user_id"), token: in1.text("access_token")}
	guest.do("GET", "account/whoami", nil).ok().is("true", "is_guest")
	guest.join(room)
	guest.send(room, "hello")
	guest.do("GET", "voip/turnServer", nil).ok()
	guest.do("GET", "/_matrix/client/v1/rtc/transports", nil).ok()
	guest.do("POST", in(room, "invite"), obj{"user_id": alice.id}).refused(403, codeGuestForbidden)
	guest.do("POST", "account/password", obj{}).refused(403, codeGuestForbidden)
	for _, kind := range []string{"org.matrix.msc3401.call", "org.matrix.msc3401.call.member", "org.matrix.msc4143.rtc.member", "org.matrix.msc4143.rtc.slot"} {
		guest.state(room, kind, "k", obj{}).ok()
	}
	guest.state(room, "m.room.name", "", obj{"name": "Mine"}).refused(403, codeForbidden)
}

func TestLogin_TakesPasswordsInBothSpellings(t *testing.T) {
	a := newAPI(t, Config{})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]obj{
		"identifier":         {"identifier": obj{"type": "m.id.user", "user": "alice"}},
		"whole ID":           {"identifier": obj{"type": "m.id.user", "user": "@alice:hs"}},
		"r0":                 {"user": "alice"},
		"device that exists": {"user": "alice", "device_id": "SAME"},
	} {
		t.Run(name, func(t *testing.T) {
			body["type"], body["password"] = "m.login.password", "secret"
			a.nobody().do("POST", "/_matrix/client/r0/login", body).ok().is(`"@alice:hs"`, "user_id")
			body["password"] = "Secret"
			a.nobody().do("POST", "login", body).refused(403, codeForbidden)
		})
	}
	elsewhere := obj{"type": "m.login.password", "password": "secret", "user": "@alice:elsewhere"}
	a.nobody().do("POST", "login", elsewhere).refused(403, codeForbidden)
}

func TestLogin_AgainOnADeviceEndsTheOldToken(t *testing.T) {
	a := newAPI(t, Config{})
	old := a.deviceOf("alice", "PHONE")
	again := a.deviceOf("alice", "PHONE")
	old.do("GET", "account/whoami", nil).refused(401, codeUnknownToken)
	again.do("GET", "devices", nil).ok().is(`"PHONE"`, "devices", 0, "device_id").is("null", "devices", 1)
}

func TestLogin_TakesAOneTimeTokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		if err := a.server.EnsureUser("alice", "secret"); err != nil {
			t.Fatal(err)
		}
		alice := a.user("alice")
		auth := obj{"user": "alice", "password": "secret"}
		give := func() string {
			return answerUIA(alice, "POST", "/_matrix/client/v1/login/get_token", stagePassword, obj{}, auth).ok().text("login_token")
		}
		token := give()
		take := obj{"type": "m.login.token", "token": token}
		a.nobody().do("POST", "login", take).ok().is(`"@alice:hs"`, "user_id")
		a.nobody().do("POST", "login", take).refused(403, codeForbidden)
		late := give()
		time.Sleep(passLifetime + time.Second)
		a.nobody().do("POST", "login", obj{"type": "m.login.token", "token": late}).refused(403, codeForbidden)
		a.nobody().do("POST", "login", obj{"type": "m.login.token", "token": alice.token}).refused(403, codeForbidden)
	})
}

func TestLogout_EndsOneOrAllSessions(t *testing.T) {
	a := newAPI(t, Config{})
	phone, laptop, tablet := a.deviceOf("alice", "PHONE"), a.deviceOf("alice", "LAPTOP"), a.deviceOf("alice", "TABLET")
	phone.do("POST", "logout", nil).ok()
	phone.do("GET", "sync", nil).refused(401, codeUnknownToken)
	laptop.do("GET", "devices", nil).ok().is("null", "devices", 2)
	laptop.do("POST", "logout/all", nil).ok()
	tablet.do("GET", "sync", nil).refused(401, codeUnknownToken)
}

func TestPassword_ChangesAndSignsTheOthersOut(t *testing.T) {
	a := newAPI(t, Config{})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	phone, laptop := a.deviceOf("alice", "PHONE"), a.deviceOf("alice", "LAPTOP")
	body := obj{"new_password": "better"}
	answerUIA(phone, "POST", "account/password", stagePassword, body, obj{"user": "alice", "password": "guess"}).refused(401, codeForbidden)
	answerUIA(phone, "POST", "account/password", stagePassword, body, obj{"user": "bob", "password": "secret"}).refused(401, codeForbidden)
	answerUIA(phone, "POST", "account/password", stagePassword, body,
		obj{"identifier": obj{"type": "m.id.user", "user": "@alice:hs"}, "password": "secret"}).ok()
	laptop.do("GET", "account/whoami", nil).refused(401, codeUnknownToken)
	phone.do("GET", "account/whoami", nil).ok()
	a.nobody().do("POST", "login", obj{"type": "m.login.password", "user": "alice", "password": "better"}).ok()
}

func TestPassword_IsKeptAsArgon2Only(t *testing.T) {
	a := newAPI(t, Config{})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	kept := a.server.model.users["@alice:hs"].Password
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(kept, "secret") {
		t.Errorf("kept as %q", kept)
	}
	if !checkPassword(kept, "secret") || checkPassword(kept, "Secret") || checkPassword("", "") || checkPassword("$argon2id$x", "") {
		t.Error("passwords are told apart wrongly")
	}
	if hashPassword("secret") == kept {
		t.Error("two hashes of one password are equal; they need a salt each")
	}
}

func TestDeactivate_ClosesTheAccountForGood(t *testing.T) {
	a := newAPI(t, Config{Registration: RegistrationOpen})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	alice, bob := a.user("alice"), a.user("bob")
	room := bob.room(nil)
	alice.join(room)
	answerUIA(alice, "POST", "account/deactivate", stagePassword, obj{}, obj{"user": "alice", "password": "secret"}).ok()
	alice.do("GET", "account/whoami", nil).refused(401, codeUnknownToken)
	a.nobody().do("POST", "login", obj{"type": "m.login.password", "user": "alice", "password": "secret"}).refused(403, codeForbidden)
	bob.do("GET", in(room, "joined_members"), nil).ok().is("null", "joined", "@alice:hs")
	a.nobody().do("GET", "register/available?username=alice", nil).refused(400, codeUserInUse)
}

func TestDevices_CanBeNamedAndRemoved(t *testing.T) {
	a := newAPI(t, Config{})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	phone, laptop := a.deviceOf("alice", "PHONE"), a.deviceOf("alice", "LAPTOP")
	phone.do("PUT", "devices/LAPTOP", obj{"display_name": "On the desk"}).ok()
	phone.do("GET", "devices/LAPTOP", nil).ok().is(`"On the desk"`, "display_name")
	auth := obj{"user": "alice", "password": "secret"}
	answerUIA(phone, "POST", "delete_devices", stagePassword, obj{"devices": []string{"LAPTOP", "NONE"}}, auth).ok()
	laptop.do("GET", "account/whoami", nil).refused(401, codeUnknownToken)
	third := a.deviceOf("alice", "THIRD")
	answerUIA(phone, "DELETE", "devices/THIRD", stagePassword, obj{}, auth).ok()
	third.do("GET", "account/whoami", nil).refused(401, codeUnknownToken)

	bob := a.deviceOf("bob", "A") // has no password, so there is none to ask for
	a.deviceOf("bob", "B")
	answerUIA(bob, "DELETE", "devices/B", stageDummy, obj{}, obj{}).ok()
}

func TestProfile_ShowsInRooms(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	since := bob.join(room).now()
	alice.do("PUT", "profile/@alice:hs/displayname", obj{"displayname": "Alice <3"}).ok()
	alice.do("PUT", "profile/@alice:hs/avatar_url", obj{"avatar_url": "mxc://hs/a"}).ok()
	bob.do("GET", "profile/@alice:hs", nil).ok().is(`{"avatar_url":"mxc://hs/a","displayname":"Alice \u003c3"}`)
	events := bob.sync(since).list("rooms", "join", room, "timeline", "events")
	if got := dig(events, -1, "content", "displayname"); got != "Alice <3" {
		t.Errorf("the room has the name %v", got)
	}
	alice.do("DELETE", "profile/@alice:hs/avatar_url", nil).ok()
	bob.do("GET", "profile/@alice:hs/avatar_url", nil).refused(404, codeNotFound)
	bob.do("POST", "user_directory/search", obj{"search_term": "ALICE"}).ok().is(`"@alice:hs"`, "results", 0, "user_id")
	a.user("carol").do("POST", "user_directory/search", obj{"search_term": "bob"}).ok().is(`"@bob:hs"`, "results", 0, "user_id")
}

func TestAccountData_TagsAndFiltersAreKept(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	since := alice.now()
	alice.do("PUT", "user/@alice:hs/account_data/org.x", obj{"a": 1}).ok()
	alice.do("PUT", "user/@alice:hs/rooms/"+room+"/account_data/org.y", obj{"b": 2}).ok()
	alice.do("PUT", "user/@alice:hs/rooms/"+room+"/tags/m.favourite", obj{"order": 0.5}).ok()
	alice.do("GET", "user/@alice:hs/account_data/org.x", nil).ok().is(`{"a":1}`)
	alice.do("GET", "user/@alice:hs/rooms/"+room+"/tags", nil).ok().is(`{"m.favourite":{"order":0.5}}`, "tags")
	news := alice.sync(since)
	same(t, "global", kinds(news.list("account_data", "events")), []string{"org.x"})
	same(t, "of the room", kinds(news.list("rooms", "join", room, "account_data", "events")), []string{"m.tag", "org.y"})
	alice.do("DELETE", "user/@alice:hs/rooms/"+room+"/tags/m.favourite", nil).ok()
	alice.do("GET", "user/@alice:hs/rooms/"+room+"/tags", nil).ok().is(`{}`, "tags")

	id := alice.do("POST", "user/@alice:hs/filter", obj{"room": obj{"timeline": obj{"limit": 3}}}).ok().text("filter_id")
	alice.do("GET", "user/@alice:hs/filter/"+id, nil).ok().is("3", "room", "timeline", "limit")
	if again := alice.do("POST", "user/@alice:hs/filter", obj{"room": obj{"timeline": obj{"limit": 3}}}).ok().text("filter_id"); again != id {
		t.Errorf("the same filter has the IDs %s and %s", id, again)
	}
}

func TestPushRules_BeginWithTheDefaultOnesAndChange(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	first := alice.sync("")
	same(t, "first sync", kinds(first.list("account_data", "events")), []string{"m.push_rules"})
	first.is(`"alice"`, "account_data", "events", 0, "content", "global", "content", 0, "pattern")
	alice.do("GET", "pushrules/", nil).ok().is(`".m.rule.master"`, "global", "override", 0, "rule_id")
	alice.do("PUT", "pushrules/global/override/.m.rule.master/enabled", obj{"enabled": true}).ok()
	alice.do("GET", "pushrules/global/override/.m.rule.master/enabled", nil).ok().is("true", "enabled")
	alice.do("PUT", "pushrules/global/room/%21quiet", obj{"actions": []string{}}).ok()
	alice.do("GET", "pushrules/global/room/%21quiet", nil).ok().is("false", "default")
	alice.do("PUT", "pushrules/global/room/%21quiet/actions", obj{"actions": []string{"notify"}}).ok()
	alice.do("GET", "pushrules/global/room/%21quiet/actions", nil).ok().is(`["notify"]`, "actions")
	same(t, "later sync", kinds(alice.sync(first.text("next_batch")).list("account_data", "events")), []string{"m.push_rules"})
	alice.do("DELETE", "pushrules/global/room/%21quiet", nil).ok()
	alice.do("DELETE", "pushrules/global/override/.m.rule.master", nil).refused(404, codeNotFound)
	alice.do("GET", "pushrules/global/room/%21quiet", nil).refused(404, codeNotFound)
	alice.do("GET", "pushrules/global/moods/x", nil).refused(404, codeNotFound)
}
