package homeserver

import (
	"fmt"
	"testing"
	"time"
)

// visitLobby lets a guest come, be in the call, talk and go.
func visitLobby(t *testing.T, a *api, roomID, name string) {
	t.Helper()
	guest := a.user(name)
	if err := a.server.EnsureJoined(roomID, name); err != nil {
		t.Fatal(err)
	}
	in := "rooms/" + roomID
	guest.do("PUT", in+"/state/org.matrix.msc3401.call/conf", `{"m.type":"m.video"}`).ok()
	guest.do("PUT", in+"/state/org.matrix.msc3401.call.member/"+guest.id, `{"m.calls":[{}]}`).ok()
	event := guest.do("PUT", in+"/send/m.room.message/1", `{"body":"x"}`).ok().at("event_id").(string)
	guest.do("POST", in+"/receipt/m.read/"+event, `{}`).ok()
	guest.do("PUT", in+"/state/org.matrix.msc3401.call.member/"+guest.id, `{"m.calls":[]}`).ok()
	a.server.RemoveUser(name)
}

func TestCompact_ALobbyDoesNotGrowWithGuestsWhoCameAndWent(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	a := newAPI(t, config)
	host := a.user("host")
	roomID, err := a.server.EnsureRoom("lobby", "Lobby", "host", PresetPublic)
	if err != nil {
		t.Fatal(err)
	}
	visitLobby(t, a, roomID, "web-0") // who makes the call object, which stays
	since := host.do("GET", "sync", nil).ok().at("next_batch").(string)
	a.server.Compact(time.Now().Add(time.Hour))
	before := a.server.Stats()
	for i := range 5 {
		visitLobby(t, a, roomID, fmt.Sprint("web-", i))
	}
	if n := a.server.Compact(time.Now().Add(-time.Hour)); n != 0 {
		t.Errorf("%d events were forgotten too early", n)
	}
	if n := a.server.Compact(time.Now().Add(time.Hour)); n < 20 {
		t.Errorf("%d events were forgotten", n)
	}
	check := func(a *api, host *caller) {
		t.Helper()
		if after := a.server.Stats(); after.Events != before.Events || after.Users != before.Users {
			t.Errorf("there are %+v, were %+v", after, before)
		}
		if got := host.do("GET", "rooms/"+roomID+"/state/org.matrix.msc3401.call/conf", nil).ok().at("m.type"); got != "m.video" {
			t.Errorf("the call object says %v", got)
		}
		host.do("GET", "rooms/"+roomID+"/state/m.room.member/@web-1:hs", nil).refused(404, "M_NOT_FOUND")
		host.do("GET", "sync?since="+since, nil).ok()
		host.do("GET", "sync?full_state=true", nil).ok()
		host.do("GET", "rooms/"+roomID+"/messages?dir=b&limit=1000", nil).ok()
		host.do("GET", "rooms/"+roomID+"/members", nil).ok()
	}
	check(a, host)
	a.stop()
	again := newAPI(t, config)
	check(again, again.user("host"))
}

func TestCompact_WhoIsStillThereKeepsEverything(t *testing.T) {
	a := newAPI(t, Config{})
	a.user("host")
	guest := a.user("web-a")
	roomID, err := a.server.EnsureRoom("lobby", "Lobby", "host", PresetPublic)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.server.EnsureJoined(roomID, "web-a"); err != nil {
		t.Fatal(err)
	}
	guest.do("PUT", "rooms/"+roomID+"/send/m.room.message/1", `{"body":"x"}`).ok()
	if n := a.server.Compact(time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("%d events were forgotten of users who are there", n)
	}
	// A second life of the same name: what is of the first goes when it goes.
	a.server.RemoveUser("web-a")
	a.user("web-a")
	if err := a.server.EnsureJoined(roomID, "web-a"); err != nil {
		t.Fatal(err)
	}
	a.server.Compact(time.Now().Add(time.Hour))
	if got := a.server.Joined(roomID); len(got) != 2 {
		t.Errorf("in the room are %v", got)
	}
}
