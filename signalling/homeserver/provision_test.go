package homeserver

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestProvision_BringsAUserIntoAPrivateRoom(t *testing.T) {
	a := newAPI(t, Config{})
	a.user("host")
	guest := a.user("guest")
	roomID, err := a.server.EnsureRoom("call-x", "Call", "host", PresetPrivate)
	if err != nil {
		t.Fatal(err)
	}
	guest.do("POST", "join/"+roomID, "{}").refused(403, "M_FORBIDDEN")
	for range 2 { // a second time changes nothing
		if err := a.server.EnsureJoined(roomID, "guest"); err != nil {
			t.Fatal(err)
		}
	}
	if got := guest.do("GET", "joined_rooms", nil).ok().at("joined_rooms", 0); got != roomID {
		t.Errorf("the guest is in %v", got)
	}
	guest.do("PUT", "rooms/"+roomID+"/state/org.matrix.msc3401.call.member/"+guest.id, `{"m.calls":[]}`).ok()
	if err := a.server.EnsureJoined("!none:hs", "guest"); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a room that is not there: %v", err)
	}
	if err := a.server.EnsureJoined(roomID, "nobody"); !errors.Is(err, ErrNoUser) {
		t.Errorf("a user who is not there: %v", err)
	}
	a.user("host").do("POST", "rooms/"+roomID+"/ban", map[string]string{"user_id": guest.id}).ok()
	if err := a.server.EnsureJoined(roomID, "guest"); err == nil || !strings.Contains(err.Error(), "ban") {
		t.Errorf("who is banned is brought in: %v", err)
	}
}

func TestProvision_NamesAUserInTheRoomsToo(t *testing.T) {
	a := newAPI(t, Config{})
	guest := a.user("guest")
	roomID, err := a.server.EnsureRoom("call", "Call", "guest", PresetPrivate)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.server.SetDisplayName("guest", "Ada <b>"); err != nil {
		t.Fatal(err)
	}
	if got := guest.do("GET", "rooms/"+roomID+"/state/m.room.member/"+guest.id, nil).ok().at("displayname"); got != "Ada <b>" {
		t.Errorf("in the room the guest is called %v", got)
	}
	if err := a.server.SetDisplayName("nobody", "x"); !errors.Is(err, ErrNoUser) {
		t.Errorf("a user who is not there: %v", err)
	}
}

func TestProvision_WhoIsRemovedLeavesNothingAndCanReturn(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	a := newAPI(t, config)
	host, guest := a.user("host"), a.user("web-a")
	roomID, err := a.server.EnsureRoom("call", "Call", "host", PresetPrivate)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.server.EnsureJoined(roomID, "web-a"); err != nil {
		t.Fatal(err)
	}
	member := "rooms/" + roomID + "/state/org.matrix.msc3401.call.member/" + guest.id
	guest.do("PUT", member, `{"m.calls":[{}]}`).ok()
	guest.do("PUT", member+"?org.matrix.msc4140.delay=600000", `{"m.calls":[]}`).ok()
	guest.do("PUT", "user/"+guest.id+"/account_data/x", `{"a":1}`).ok()
	guest.do("POST", "user/"+guest.id+"/filter", `{}`).ok()
	guest.do("POST", "keys/upload", `{"device_keys":{"user_id":"`+guest.id+`","device_id":"`+guest.device+`","algorithms":[],"keys":{},"signatures":{}}}`)
	before := a.server.Stats()

	a.server.RemoveUser("web-a")
	a.server.RemoveUser("web-a") // is fine
	guest.do("GET", "account/whoami", nil).refused(401, "M_UNKNOWN_TOKEN")
	if got := host.do("GET", "rooms/"+roomID+"/state/m.room.member/"+guest.id, nil).ok().at("membership"); got != "leave" {
		t.Errorf("in the room the guest's membership is %v", got)
	}
	if calls, _ := host.do("GET", member, nil).ok().at("m.calls").([]any); len(calls) != 0 {
		t.Errorf("the guest is still in the call: %v", calls)
	}
	if after := a.server.Stats(); after.Users != before.Users-1 || after.Devices != before.Devices-1 || after.Delayed != 0 {
		t.Errorf("%+v is left of %+v", after, before)
	}
	host.do("GET", "sync", nil).ok()
	a.stop()

	again := newAPI(t, config)
	if names := again.server.Localparts("web-"); len(names) != 0 {
		t.Errorf("after a restart there are %v", names)
	}
	returned := again.user("web-a")
	if err := again.server.EnsureJoined(roomID, "web-a"); err != nil {
		t.Fatal(err)
	}
	if got := returned.do("GET", "joined_rooms", nil).ok().at("joined_rooms", 0); got != roomID {
		t.Errorf("who returns is in %v", got)
	}
	if names := again.server.Localparts("web-"); !slices.Equal(names, []string{"web-a"}) {
		t.Errorf("the guests are %v", names)
	}
}

func TestProvision_ARemovedRoomIsGoneAfterARestartToo(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	a := newAPI(t, config)
	host := a.user("host")
	roomID, err := a.server.EnsureRoom("call", "Call", "host", PresetPrivate)
	if err != nil {
		t.Fatal(err)
	}
	if a.server.RoomID("call") != roomID || !slices.Equal(a.server.Joined(roomID), []string{host.id}) {
		t.Error("the room is not as it should be")
	}
	event := host.do("PUT", "rooms/"+roomID+"/send/m.room.message/1", `{"body":"x"}`).ok().at("event_id").(string)
	host.do("POST", "rooms/"+roomID+"/receipt/m.read/"+event, `{}`).ok()
	host.do("PUT", "rooms/"+roomID+"/send/m.room.message/2?org.matrix.msc4140.delay=600000", `{"body":"x"}`).ok()
	a.server.RemoveRoom(roomID)
	a.server.RemoveRoom(roomID) // is fine
	check := func(a *api) {
		t.Helper()
		host := a.user("host")
		if stats := a.server.Stats(); stats.Rooms != 0 || stats.Events != 0 || stats.Delayed != 0 {
			t.Errorf("%+v is left", stats)
		}
		host.do("GET", "sync", nil).ok()
		host.do("GET", "directory/room/%23call:hs", nil).refused(404, "M_NOT_FOUND")
		if a.server.Joined(roomID) != nil || a.server.RoomID("call") != "" {
			t.Error("the room is still there")
		}
	}
	check(a)
	a.stop()
	check(newAPI(t, config))
}

func TestProvision_ReservedNamesAreTheHostsOnly(t *testing.T) {
	a := newAPI(t, Config{Registration: RegistrationOpen, Reserved: func(local string) bool { return strings.HasPrefix(local, "web-") }})
	register := func(name string) reply {
		return a.nobody().do("POST", "register", map[string]any{"username": name, "password": "x", "auth": map[string]string{"type": "m.login.dummy"}})
	}
	register("web-abc").refused(400, "M_EXCLUSIVE")
	a.nobody().do("GET", "register/available?username=web-abc", nil).refused(400, "M_EXCLUSIVE")
	register("webabc").ok()
	a.user("web-abc").do("GET", "account/whoami", nil).ok()
}
