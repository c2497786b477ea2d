package homeserver

import (
	"testing"
)

func TestCreateRoom_FollowsThePreset(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	for _, test := range []struct {
		preset                   Preset
		joinRule, guests, bobHas string
	}{
		{PresetPrivate, "invite", "can_join", "null"},
		{PresetTrusted, "invite", "can_join", "100"},
		{PresetPublic, "public", "forbidden", "null"},
	} {
		t.Run(string(test.preset), func(t *testing.T) {
			room := alice.room(obj{"preset": test.preset, "name": "Tea", "topic": "Leaves", "invite": []string{bob.id}, "is_direct": true})
			state := func(kind, key string) reply { return alice.do("GET", in(room, "state", kind, key), nil).ok() }
			state("m.room.join_rules", "").is(`"`+test.joinRule+`"`, "join_rule")
			state("m.room.guest_access", "").is(`"`+test.guests+`"`, "guest_access")
			state("m.room.history_visibility", "").is(`"shared"`, "history_visibility")
			state("m.room.name", "").is(`"Tea"`, "name")
			state("m.room.topic", "").is(`"Leaves"`, "topic")
			state("m.room.power_levels", "").is("100", "users", alice.id).is(test.bobHas, "users", bob.id)
			state("m.room.create", "").is(`"10"`, "room_version").is(`"@alice:hs"`, "creator")
			state("m.room.member", bob.id).is(`"invite"`, "membership").is("true", "is_direct")
		})
	}
}

func TestCreateRoom_TakesInitialStateAndOverrides(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(obj{
		"preset": "private_chat", "room_version": "11", "creation_content": obj{"m.federate": false, "creator": "@x:y"},
		"room_alias_name": "tea", "visibility": "public",
		"initial_state": []obj{
			{"type": "m.room.encryption", "content": obj{"algorithm": "m.megolm.v1.aes-sha2"}},
			{"type": "m.room.join_rules", "content": obj{"join_rule": "public"}},
		},
		"power_level_content_override": obj{"events": obj{"org.matrix.msc3401.call.member": 0}, "state_default": 60},
	})
	state := func(kind string) reply { return alice.do("GET", in(room, "state", kind), nil).ok() }
	state("m.room.encryption").is(`"m.megolm.v1.aes-sha2"`, "algorithm")
	state("m.room.join_rules").is(`"public"`, "join_rule")
	state("m.room.power_levels").is(`{"org.matrix.msc3401.call.member":0}`, "events").is("60", "state_default").is("100", "users", alice.id)
	state("m.room.create").is(`"11"`, "room_version").is("false", "m.federate")
	state("m.room.canonical_alias").is(`"#tea:hs"`, "alias")
	alice.do("GET", "directory/room/%23tea:hs", nil).ok().is(`"`+room+`"`, "room_id")
	a.nobody().do("GET", "publicRooms", nil).ok().is(`"`+room+`"`, "chunk", 0, "room_id").is("1", "total_room_count_estimate")

	alice.do("POST", "createRoom", obj{"room_alias_name": "tea"}).refused(400, codeRoomInUse)
	before := a.server.Stats()
	alice.do("POST", "createRoom", obj{"power_level_content_override": obj{"users": obj{}}, "name": "cannot be set without power"}).refused(403, codeForbidden)
	if after := a.server.Stats(); after.Rooms != before.Rooms || after.Events != before.Events {
		t.Errorf("a room that could not be made left something behind: %+v, before %+v", after, before)
	}
	same(t, "joined rooms", []string{asJSON(alice.do("GET", "joined_rooms", nil).ok().at("joined_rooms"))}, []string{`["` + room + `"]`})
}

func TestEnsureRoom_MakesARoomForCallsOnce(t *testing.T) {
	a := newAPI(t, Config{})
	a.user("host")
	room, err := a.server.EnsureRoom("lobby", "Lobby", "host", PresetPublic)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.server.EnsureRoom("lobby", "Lobby", "host", PresetPublic); err != nil || again != room {
		t.Errorf("again: %s, %v; want %s", again, err, room)
	}
	bob := a.user("bob")
	bob.do("POST", "join/%23lobby:hs", nil).ok().is(`"`+room+`"`, "room_id")
	bob.state(room, "org.matrix.msc3401.call", "conf", obj{"m.intent": "m.room"}).ok()
	bob.state(room, "org.matrix.msc3401.call.member", bob.id, obj{"m.calls": []any{}}).ok()
	bob.state(room, "org.matrix.msc3401.call.member", "_"+bob.id+"_BOB_m.call", obj{}).ok()
	bob.state(room, "m.room.topic", "", obj{"topic": "no"}).refused(403, codeForbidden)
}

// TestMembership_MovesByTheRules goes through who may make whom what.
func TestMembership_MovesByTheRules(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob, carol, dave := a.user("alice"), a.user("bob"), a.user("carol"), a.user("dave")
	room := alice.room(obj{"preset": "private_chat", "power_level_content_override": obj{
		"users": obj{alice.id: 100, bob.id: 50, dave.id: 50}, "invite": 50,
	}})
	for _, step := range []struct {
		name   string
		who    *caller
		verb   string
		target *caller
		status int
	}{
		{"outsider cannot join", bob, "join", nil, 403},
		{"outsider cannot invite", bob, "invite", carol, 403},
		{"admin invites moderator", alice, "invite", bob, 200},
		{"invited is not a member yet", bob, "kick", alice, 403},
		{"invited joins", bob, "join", nil, 200},
		{"joining again is fine", bob, "join", nil, 200},
		{"member cannot be invited", alice, "invite", bob, 403},
		{"moderator invites user", bob, "invite", carol, 200},
		{"invited declines", carol, "leave", nil, 200},
		{"having declined, cannot join", carol, "join", nil, 403},
		{"is invited again", bob, "invite", carol, 200},
		{"and joins", carol, "join", nil, 200},
		{"user without power cannot invite", carol, "invite", dave, 403},
		{"nor kick", carol, "kick", bob, 403},
		{"nor ban", carol, "ban", bob, 403},
		{"moderator cannot kick admin", bob, "kick", alice, 403},
		{"moderator bans user", bob, "ban", carol, 200},
		{"banned cannot join", carol, "join", nil, 403},
		{"banned cannot be invited", alice, "invite", carol, 403},
		{"banned cannot leave the ban", carol, "leave", nil, 403},
		{"moderator lifts the ban", bob, "unban", carol, 200},
		{"lifted is not invited", carol, "join", nil, 403},
		{"moderator joins moderator", alice, "invite", dave, 200},
		{"second moderator joins", dave, "join", nil, 200},
		{"equals cannot kick each other", dave, "kick", bob, 403},
		{"equals cannot ban each other", dave, "ban", bob, 403},
		{"admin kicks", alice, "kick", dave, 200},
		{"kicked may leave again, which says nothing", dave, "leave", nil, 200},
		{"leaves by itself", bob, "leave", nil, 200},
		{"who left cannot kick", bob, "kick", alice, 403},
	} {
		t.Run(step.name, func(t *testing.T) {
			body := obj{"reason": "because"}
			if step.target != nil {
				body["user_id"] = step.target.id
			}
			who := *step.who
			who.api = &api{t: t, server: a.server, handler: a.handler}
			if got := who.do("POST", in(room, step.verb), body); got.status != step.status {
				t.Errorf("%s: %d %v, want %d", got.request, got.status, got.body, step.status)
			}
		})
	}
	alice.do("GET", in(room, "state", "m.room.member", dave.id), nil).ok().is(`"because"`, "reason")
}

// TestPower_DecidesWhoSendsWhat changes power levels and tries.
func TestPower_DecidesWhoSendsWhat(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
	room := alice.room(nil)
	bob.join(room)
	carol.join(room)
	levels := func() obj {
		return alice.do("GET", in(room, "state", "m.room.power_levels"), nil).ok().body.(obj)
	}
	change := func(edit func(obj)) obj {
		content := levels()
		edit(content)
		return content
	}
	set := func(c obj, table, name string, value any) { c[table].(obj)[name] = value }

	bob.state(room, "m.room.power_levels", "", change(func(c obj) { set(c, "users", bob.id, 1) })).refused(403, codeForbidden)
	alice.state(room, "m.room.power_levels", "", change(func(c obj) {
		set(c, "users", bob.id, 50)
		set(c, "users", carol.id, 50)
		set(c, "events", "m.room.power_levels", 50)
		set(c, "events", "m.loud", 60)
		c["events_default"], c["redact"] = 10, 60
	})).ok()
	for _, test := range []struct {
		name string
		edit func(obj)
		want int
	}{
		{"nothing", func(obj) {}, 200},
		{"raise oneself", func(c obj) { set(c, "users", bob.id, 51) }, 403},
		{"raise another above oneself", func(c obj) { set(c, "users", "@new:hs", 51) }, 403},
		{"raise another to oneself", func(c obj) { set(c, "users", "@new:hs", 50) }, 200},
		{"lower an equal", func(c obj) { set(c, "users", carol.id, 0) }, 403},
		{"lower the admin", func(c obj) { set(c, "users", alice.id, 0) }, 403},
		{"remove the admin", func(c obj) { delete(c["users"].(obj), alice.id) }, 403},
		{"touch what is above", func(c obj) { set(c, "events", "m.loud", 50) }, 403},
		{"lower a default from above", func(c obj) { c["redact"] = 50 }, 403},
		{"set a default above", func(c obj) { c["ban"] = 51 }, 403},
		{"set a default below", func(c obj) { c["ban"] = 49 }, 200},
		{"text for a number", func(c obj) { c["ban"] = "50" }, 400},
		{"fraction", func(c obj) { c["ban"] = 1.5 }, 400},
		{"user that is none", func(c obj) { set(c, "users", "bob", 0) }, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := bob.state(room, "m.room.power_levels", "", change(test.edit)); got.status != test.want {
				t.Errorf("%d %v, want %d", got.status, got.body, test.want)
			}
		})
	}
	bob.do("PUT", in(room, "send", "m.loud", "1"), obj{}).refused(403, codeForbidden)
	bob.do("PUT", in(room, "send", "m.room.message", "2"), obj{}).ok()
	bob.state(room, "m.room.power_levels", "", change(func(c obj) { set(c, "users", bob.id, 5) })).ok()
	bob.do("PUT", in(room, "send", "m.room.message", "3"), obj{}).refused(403, codeForbidden)
	bob.state(room, "m.room.name", "", obj{"name": "x"}).refused(403, codeForbidden)
}

func TestMembership_BanHoldsInAPublicRoom(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	bob.join(room)
	alice.do("POST", in(room, "ban"), obj{"user_id": bob.id}).ok()
	bob.do("POST", in(room, "join"), obj{}).refused(403, codeForbidden)
	bob.state(room, "m.room.member", bob.id, obj{"membership": "join"}).refused(403, codeForbidden)
	alice.do("POST", in(room, "unban"), obj{"user_id": bob.id}).ok()
	bob.join(room)
}

func TestRedaction_StripsAndTells(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	bob.join(room)
	own, others := bob.send(room, "mine"), alice.send(room, "hers")
	since := alice.now()
	bob.do("PUT", in(room, "redact", others, "1"), obj{}).refused(403, codeForbidden)
	first := bob.do("PUT", in(room, "redact", own, "2"), obj{"reason": "typo"}).ok().text("event_id")
	if again := bob.do("PUT", in(room, "redact", own, "2"), obj{"reason": "typo"}).ok().text("event_id"); again != first {
		t.Errorf("the same transaction redacted twice: %s and %s", first, again)
	}
	alice.do("PUT", in(room, "redact", bob.send(room, "rude"), "3"), obj{}).ok()
	got := alice.do("GET", in(room, "event", own), nil).ok().is("{}", "content")
	got.is(`"`+first+`"`, "unsigned", "redacted_because", "event_id").is(`"typo"`, "unsigned", "redacted_because", "content", "reason")
	alice.sync(since).is(`"`+own+`"`, "rooms", "join", room, "timeline", "events", 0, "redacts")

	member := alice.do("GET", in(room, "state", "m.room.member", bob.id)+"?format=event", nil).ok().text("event_id")
	alice.do("PUT", in(room, "redact", member, "4"), obj{}).ok()
	alice.do("GET", in(room, "state", "m.room.member", bob.id), nil).ok().is(`{"membership":"join"}`)
	bob.send(room, "still here")
}

func TestState_OfSameContentIsTheSameEvent(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	first := alice.state(room, "m.x", "k", `{"a": 1, "b": [2]}`).ok().text("event_id")
	if again := alice.state(room, "m.x", "k", `{"b":[2],"a":1}`).ok().text("event_id"); again != first {
		t.Errorf("the same content made %s after %s", again, first)
	}
	changed := alice.state(room, "m.x", "k", `{"a":2}`).ok().text("event_id")
	if changed == first {
		t.Error("other content made no event")
	}
	full := alice.do("GET", in(room, "state", "m.x", "k")+"?format=event", nil).ok()
	alice.state(room, "m.room.power_levels", "", obj{"users": obj{alice.id: 100}, "state_default": 0}).ok()
	if bobs := a.user("bob").join(room).state(room, "m.x", "k", `{"a":2}`).ok().text("event_id"); bobs == changed {
		t.Error("another user's event of the same content was swallowed")
	}
	full.is(`{"a":1,"b":[2]}`, "unsigned", "prev_content").is(`"`+first+`"`, "unsigned", "replaces_state")
	alice.state(room, "m.empty", "", obj{"x": 1}).ok()
	alice.do("GET", in(room, "state", "m.empty")+"/", nil).ok().is("1", "x")
}

func TestDirectory_BelongsToWhoMadeTheAlias(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	bob.do("PUT", "directory/room/%23tea:hs", obj{"room_id": room}).refused(403, codeForbidden)
	alice.do("PUT", "directory/room/%23tea:hs", obj{"room_id": room}).ok()
	alice.do("PUT", "directory/room/%23tea:hs", obj{"room_id": room}).refused(409, codeUnknown)
	a.nobody().do("GET", "directory/room/%23tea:hs", nil).ok().is(`["hs"]`, "servers")
	bob.join("#tea:hs")
	bob.do("GET", in(room, "aliases"), nil).ok().is(`["#tea:hs"]`, "aliases")
	bob.do("DELETE", "directory/room/%23tea:hs", nil).refused(403, codeForbidden)
	bob.do("PUT", "directory/list/room/"+room, obj{"visibility": "public"}).refused(403, codeForbidden)
	alice.do("PUT", "directory/list/room/"+room, obj{"visibility": "public"}).ok()
	bob.do("POST", "publicRooms", obj{"filter": obj{"generic_search_term": "nothing"}}).ok().is("[]", "chunk")
	bob.do("POST", "publicRooms", obj{}).ok().is("2", "chunk", 0, "num_joined_members")
	alice.do("DELETE", "directory/room/%23tea:hs", nil).ok()
	bob.do("GET", "directory/room/%23tea:hs", nil).refused(404, codeNotFound)
}

func TestPublicRooms_ComeInPages(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	for range 5 {
		alice.room(obj{"visibility": "public"})
	}
	first := alice.do("GET", "publicRooms?limit=3", nil).ok().is("5", "total_room_count_estimate")
	second := alice.do("GET", "publicRooms?limit=3&since="+first.text("next_batch"), nil).ok()
	if len(first.list("chunk")) != 3 || len(second.list("chunk")) != 2 || second.at("next_batch") != nil {
		t.Errorf("pages %v and %v", first.body, second.body)
	}
	alice.do("GET", "publicRooms?since=x", nil).refused(400, codeInvalidParam)
}

func TestForget_TakesARoomOutOfSight(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	bob.join(room)
	bob.do("POST", in(room, "forget"), obj{}).refused(400, codeUnknown)
	bob.do("POST", in(room, "leave"), obj{}).ok()
	filter := `filter={"room":{"include_leave":true}}`
	if bob.sync("", filter).at("rooms", "leave", room) == nil {
		t.Error("a room that was left is not among those left")
	}
	bob.do("POST", in(room, "forget"), obj{}).ok()
	if bob.sync("", filter).at("rooms") != nil {
		t.Error("a forgotten room still shows")
	}
	if bob.join(room).sync("").at("rooms", "join", room) == nil {
		t.Error("a forgotten room that was joined again does not show")
	}
}
