package upstream

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEnding_IsToldToItsSenderByBothNamesAndInTheList(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	asked := f.scheduled(leaveURI+"60000", "alice1", `{"a":1}`)
	due := f.scheduled(leaveURI+"1", "alice1", `{}`)
	cancelled := f.scheduled(leaveURI+"60000", "alice2", `{}`)
	f.ask("POST", managePath+"/"+asked+"/send", "alice1", "{}")
	f.ask("POST", managePath+"/"+cancelled+"/cancel", "alice2", "{}")
	f.awaitEnd(due, "alice1")
	for id, want := range map[string]string{asked: "$1", due: "$1", cancelled: "<nil>"} {
		for _, base := range []string{managePath, stableManage} {
			status, answer := f.ask("GET", base+"/"+id, "alice1", "")
			finalised, _ := answer["finalised"].(map[string]any)
			if at, _ := finalised["finalised_ts"].(float64); status != 200 || answer["delay_id"] != id || answer["type"] != "m.call.member" ||
				fmt.Sprint(finalised["event_id"]) != want || finalised["error"] != nil || at < float64(time.Now().Add(-time.Minute).UnixMilli()) {
				t.Errorf("%s says %d %v", base, status, answer)
			}
			if status, answer := f.ask("GET", base+"/"+id, "bob1", ""); status != 404 || answer["errcode"] != codeNotFound {
				t.Errorf("to another user it says %d %v", status, answer)
			}
		}
	}
	_, answer := f.ask("GET", managePath+"?status=finalised", "alice1", "")
	got := map[string]string{}
	list, _ := answer["finalised"].([]any)
	for _, item := range list {
		item, _ := item.(map[string]any)
		event, _ := item["delayed_event"].(map[string]any)
		got[fmt.Sprint(event["delay_id"])] = fmt.Sprint(item["outcome"], " ", item["reason"], " ", item["event_id"])
	}
	want := map[string]string{asked: "send action $1", due: "send delay $1", cancelled: "cancel action <nil>"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	if counts := f.Stats().Counts; counts.Sent != 2 || counts.Failed != 0 || counts.MostLate < 0 || counts.MostLate > time.Minute {
		t.Errorf("counted are %+v", counts)
	}
}

func TestEnding_ActionsByTheStableNameNeedATokenAndTellAContradiction(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	sent := f.scheduled(leaveURI+"60000", "alice1", `{}`)
	cancelled := f.scheduled(leaveURI+"60000", "alice1", `{}`)
	act := func(id, action, token string) int {
		status, _ := f.ask("POST", stableManage+"/"+id+"/"+action, token, "{}")
		return status
	}
	for n, c := range []struct {
		id, action, token string
		status            int
	}{
		{sent, "restart", "", 401}, {sent, "restart", "nobody", 401}, {sent, "restart", "bob1", 404}, {sent, "restart", "alice2", 200},
		{sent, "send", "alice1", 200}, {sent, "send", "alice1", 200}, {sent, "cancel", "alice1", 409}, {sent, "restart", "alice1", 409},
		{sent, "send", "", 401}, {sent, "send", "bob1", 404},
		{cancelled, "cancel", "alice1", 200}, {cancelled, "cancel", "alice1", 200}, {cancelled, "send", "alice1", 409}, {cancelled, "restart", "alice1", 409},
		{"mfu_none", "send", "alice1", 404}, {cancelled, "delete", "alice1", 404},
	} {
		if status := act(c.id, c.action, c.token); status != c.status {
			t.Errorf("%d: %s with the token %q is answered with %d, want %d", n, c.action, c.token, status, c.status)
		}
	}
	if status, _ := f.ask("POST", stableManage+"/"+sent, "alice1", `{"action":"send"}`); status != 404 {
		t.Errorf("the action in the body is answered with %d", status)
	}
	if len(home.sent()) != 1 {
		t.Errorf("sent %q", home.sent())
	}
}

func TestEnding_OfALoggedOutDeviceIsAFailure(t *testing.T) {
	b, now := newBook(nil, nil), time.Now()
	id := b.mustSchedule(t, caller{token: "t", user: "@u:x"}, time.Hour)
	b.forget("t", false, now)
	if what, owner, ok := b.find(id); !ok || owner.User != "@u:x" || owner.Token != "" || string(what.Finalised.Error) != string(failureLoggedOut) {
		t.Errorf("it became %+v of %+v", what, owner)
	}
	if over, agrees := b.agrees(id, "cancel"); !over || !agrees {
		t.Error("to cancel it is a contradiction")
	}
}

// TestEndings_AreBoundedAndForgetTheOldest: whatever ends, there is never more
// than the bound, nothing too old, and the newest is there.
func TestEndings_AreBoundedAndForgetTheOldest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l endings
		now := time.Now()
		for n := range rapid.IntRange(1, 300).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute)
			e := &ending{record: record{ID: fmt.Sprint(n), Content: make([]byte, rapid.IntRange(0, maxContent).Draw(t, "bytes"))}, at: now}
			l.add(e)
			if l.byID[e.ID] != e || l.list[len(l.list)-1] != e || len(l.byID) != len(l.list) {
				t.Fatal("the newest is not there")
			}
		}
		size := 0
		for _, e := range l.list {
			size += e.bytes()
		}
		if size != l.size || size > endedMost || now.Sub(l.list[0].at) > endedFor {
			t.Fatalf("there are %d bytes, counted as %d, the oldest of %s ago", size, l.size, now.Sub(l.list[0].at))
		}
	})
}
