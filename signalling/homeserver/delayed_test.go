package homeserver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const delayedPath = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"

// delayedHouse is a room for calls with two members, in virtual time.
type delayedHouse struct {
	*api
	alice, bob *caller
	room       string
}

func newDelayedHouse(t *testing.T, config Config) *delayedHouse {
	a := newAPI(t, config)
	h := &delayedHouse{api: a, alice: a.user("alice"), bob: a.user("bob")}
	room, err := a.server.EnsureRoom("lobby", "Lobby", "alice", PresetPublic)
	if err != nil {
		t.Fatal(err)
	}
	h.room = room
	h.bob.join(room)
	return h
}

const memberType = "org.matrix.msc3401.call.member"

// leaveLater schedules an empty membership and returns the delay ID.
func (h *delayedHouse) leaveLater(c *caller, key string, delay time.Duration) string {
	h.t.Helper()
	path := in(h.room, "state", memberType, key) + fmt.Sprint("?org.matrix.msc4140.delay=", delay.Milliseconds())
	return c.do("PUT", path, obj{}).ok().text("delay_id")
}

func (h *delayedHouse) manage(c *caller, id, action string) reply {
	h.t.Helper()
	return c.do("POST", delayedPath+"/"+id+"/"+action, nil)
}

func (h *delayedHouse) member(key string) string {
	return asJSON(h.alice.do("GET", in(h.room, "state", memberType, key), nil).body)
}

func TestDelayed_StateIsSentWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDelayedHouse(t, Config{})
		since := h.bob.now()
		id := h.leaveLater(h.alice, "_k", 8*time.Second)
		h.alice.state(h.room, memberType, "_k", obj{"application": "m.call"}).ok() // the owner's own state does not cancel it
		listed := h.alice.do("GET", delayedPath, nil).ok()
		listed.is(`"`+id+`"`, "delayed_events", 0, "delay_id").is("8000", "delayed_events", 0, "delay").
			is(`"_k"`, "delayed_events", 0, "state_key").is(`"`+h.room+`"`, "delayed_events", 0, "room_id")
		h.bob.do("GET", delayedPath, nil).ok().is("[]", "delayed_events")

		time.Sleep(8*time.Second - time.Millisecond)
		synctest.Wait()
		if got := h.member("_k"); got != `{"application":"m.call"}` {
			t.Fatalf("before it is due: %s", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := h.member("_k"); got != `{}` {
			t.Fatalf("when it is due: %s", got)
		}
		timeline := []any{"rooms", "join", h.room, "timeline", "events", -1}
		h.alice.sync(since).is(`"`+id+`"`, append(timeline, "unsigned", "org.matrix.msc4140.delay_id")...)
		h.bob.sync(since).is("null", append(timeline, "unsigned", "org.matrix.msc4140.delay_id")...).is(`"@alice:hs"`, append(timeline, "sender")...)
		h.alice.do("GET", delayedPath, nil).ok().is("[]", "delayed_events")
		for _, action := range []string{"restart", "cancel", "send"} {
			h.manage(h.alice, id, action).refused(404, codeNotFound)
		}
	})
}

func TestDelayed_StateWaitsForWhatFollowsItInAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDelayedHouse(t, Config{})
		join := func(delay time.Duration) {
			h.alice.do("PUT", in(h.room, "state", memberType, "_k")+fmt.Sprint("?org.matrix.msc4140.delay=", delay.Milliseconds()), obj{"in": delay.String()}).ok()
		}
		h.alice.state(h.room, memberType, "_k", obj{"in": "first"}).ok()
		join(8*time.Second + together) // scheduled before what comes before it
		h.leaveLater(h.alice, "_k", 8*time.Second)
		h.leaveLater(h.alice, "_other", 8*time.Second)
		h.leaveLater(h.alice, "_k", 20*time.Second)
		join(20*time.Second + together + time.Millisecond)
		for _, step := range []struct {
			pass time.Duration
			want string
		}{
			{8 * time.Second, `{"in":"first"}`},
			{together - time.Millisecond, `{"in":"first"}`},
			{time.Millisecond, `{"in":"8.5s"}`},
			{12*time.Second - together, `{}`}, // its follower is too far away
			{together + time.Millisecond, `{"in":"20.501s"}`},
		} {
			time.Sleep(step.pass)
			synctest.Wait()
			if got := h.member("_k"); got != step.want {
				t.Errorf("the state is %s, want %s", got, step.want)
			}
		}
		h.alice.do("GET", delayedPath, nil).ok().is("[]", "delayed_events")
	})
}

func TestDelayed_RestartsCancelsAndSendsInBothForms(t *testing.T) {
	for _, form := range []string{"path", "body"} {
		t.Run(form, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newDelayedHouse(t, Config{})
				act := func(id, action string) {
					t.Helper()
					if form == "path" {
						h.manage(h.alice, id, action).ok()
					} else {
						h.alice.do("POST", delayedPath+"/"+id, obj{"action": action}).ok()
					}
				}
				for _, key := range []string{"_restart", "_cancel", "_send"} {
					h.alice.state(h.room, memberType, key, obj{"in": true}).ok()
				}
				restarted, cancelled, sent := h.leaveLater(h.alice, "_restart", 10*time.Second),
					h.leaveLater(h.alice, "_cancel", 10*time.Second), h.leaveLater(h.alice, "_send", 10*time.Second)
				time.Sleep(6 * time.Second)
				act(restarted, "restart")
				act(cancelled, "cancel")
				act(sent, "send")
				if got := h.member("_send"); got != `{}` {
					t.Errorf("sent at once: %s", got)
				}
				time.Sleep(9 * time.Second) // 15 s after the beginning, 9 s after the restart
				synctest.Wait()
				if got := h.member("_restart") + h.member("_cancel"); got != `{"in":true}{"in":true}` {
					t.Errorf("restarted and cancelled: %s", got)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := h.member("_restart") + h.member("_cancel"); got != `{}{"in":true}` {
					t.Errorf("restarted and cancelled, later: %s", got)
				}
			})
		})
	}
}

func TestDelayed_IsInTheHandsOfItsOwnerAndOfWhoKnowsTheID(t *testing.T) {
	h := newDelayedHouse(t, Config{})
	id := h.leaveLater(h.alice, "_k", time.Hour)
	h.manage(h.bob, id, "cancel").refused(404, codeNotFound)
	h.bob.do("GET", delayedPath+"/"+id, nil).refused(404, codeNotFound)
	h.alice.do("GET", delayedPath+"/"+id, nil).ok().is("3600000", "delay_ms")
	h.manage(h.nobody(), id, "restart").ok() // a service that watches the call
	h.manage(&caller{api: h.api, token: "mfs_wrong"}, id, "restart").refused(401, codeUnknownToken)
	h.manage(h.nobody(), id, "cancel").ok()
	h.manage(h.nobody(), id, "cancel").refused(404, codeNotFound)
}

func TestDelayed_IsCancelledByTheStateOfOthers(t *testing.T) {
	h := newDelayedHouse(t, Config{})
	mine, other := h.leaveLater(h.alice, "_shared", time.Hour), h.leaveLater(h.alice, "_other", time.Hour)
	h.alice.state(h.room, memberType, "_shared", obj{"by": "alice"}).ok()
	h.manage(h.alice, mine, "restart").ok()
	h.bob.state(h.room, memberType, "_shared", obj{"by": "bob"}).ok()
	h.manage(h.alice, mine, "restart").refused(404, codeNotFound)
	h.manage(h.alice, other, "restart").ok()
}

func TestDelayed_HasLimits(t *testing.T) {
	h := newDelayedHouse(t, Config{MaxDelay: time.Minute, MaxDelayedPerUser: 2})
	path := in(h.room, "state", memberType, "_k")
	h.alice.do("PUT", path+"?org.matrix.msc4140.delay=60001", obj{}).refused(400, codeUnknown).
		is(`"M_MAX_DELAY_EXCEEDED"`, "org.matrix.msc4140.errcode").is("60000", "org.matrix.msc4140.max_delay")
	first := h.leaveLater(h.alice, "_k", time.Minute)
	h.leaveLater(h.alice, "_k", time.Minute)
	h.alice.do("PUT", path+"?org.matrix.msc4140.delay=1000", obj{}).refused(429, codeLimitExceeded)
	h.leaveLater(h.bob, "_b", time.Minute)
	h.manage(h.alice, first, "cancel").ok()
	h.leaveLater(h.alice, "_k", time.Minute)
	h.alice.do("GET", "capabilities", nil).ok().is(`{"max_delay_ms":60000,"max_scheduled":2}`, "capabilities", "org.matrix.msc4140.delayed_events")
}

func TestDelayed_CanBeSwitchedOff(t *testing.T) {
	h := newDelayedHouse(t, Config{MaxDelay: -1})
	h.alice.do("PUT", in(h.room, "state", memberType, "_k")+"?org.matrix.msc4140.delay=1", obj{}).refused(403, codeForbidden)
	h.nobody().do("GET", "/_matrix/client/versions", nil).ok().is("false", "unstable_features", "org.matrix.msc4140")
	h.alice.do("GET", "capabilities", nil).ok().is("null", "capabilities", "org.matrix.msc4140.delayed_events")
}

func TestDelayed_AsksTheRulesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDelayedHouse(t, Config{})
		h.bob.do("PUT", in(h.room, "state", "m.room.name", "")+"?org.matrix.msc4140.delay=1000", obj{}).refused(403, codeForbidden)
		id := h.leaveLater(h.bob, "_b", 5*time.Second)
		h.alice.do("POST", in(h.room, "kick"), obj{"user_id": h.bob.id}).ok()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		h.alice.do("GET", in(h.room, "state", memberType, "_b"), nil).refused(404, codeNotFound)
		h.manage(h.bob, id, "send").refused(404, codeNotFound) // dropped, not tried again
	})
}

func TestDelayed_MessagesKeepTransactionAndStickiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDelayedHouse(t, Config{})
		path := in(h.room, "send", "org.matrix.msc4143.rtc.member", "txn") +
			"?org.matrix.msc4140.delay=2000&org.matrix.msc4354.sticky_duration_ms=9000"
		first := h.alice.do("PUT", path, obj{"slot_id": "m.call#ROOM"}).ok().text("delay_id")
		if again := h.alice.do("PUT", path, obj{"slot_id": "m.call#ROOM"}).ok().text("delay_id"); again != first {
			t.Errorf("the same transaction scheduled %s and %s", first, again)
		}
		since := h.bob.now()
		got := h.bob.do("GET", "sync?timeout=60000&since="+since, nil).ok()
		event := []any{"rooms", "join", h.room, "timeline", "events", 0}
		got.is("9000", append(event, "msc4354_sticky", "duration_ms")...).is("9000", append(event, "unsigned", "msc4354_sticky_duration_ttl_ms")...)
		got.is("null", "rooms", "join", h.room, "timeline", "events", 1)
	})
}

// TestDelayed_SurvivesARestart lets one come due while nothing runs, and one
// later.
func TestDelayed_SurvivesARestart(t *testing.T) {
	folder := t.TempDir()
	h := newDelayedHouse(t, Config{DataDir: folder})
	for _, key := range []string{"_soon", "_late", "_sent"} {
		h.alice.state(h.room, memberType, key, obj{"in": true}).ok()
	}
	soon, late := h.leaveLater(h.alice, "_soon", time.Hour), h.leaveLater(h.alice, "_late", time.Hour)
	sent := h.leaveLater(h.alice, "_sent", time.Hour)
	h.manage(h.alice, sent, "send").ok()
	m := h.server.model
	m.mu.Lock() // an hour passes for one of them
	c := m.begin()
	m.delayed[soon].Since = time.Now().Add(-time.Hour)
	c.put(bucketDelayed, key(soon), m.delayed[soon].delayedRecord)
	c.commit()
	m.mu.Unlock()
	h.stop()

	again := newAPI(t, Config{DataDir: folder})
	alice := &caller{api: again, id: h.alice.id, device: h.alice.device, token: h.alice.token}
	h.api, h.alice = again, alice
	for deadline := time.Now().Add(5 * time.Second); h.member("_soon") != `{}`; {
		if time.Now().After(deadline) {
			t.Fatal("what was due in the meantime was not sent")
		}
		alice.do("GET", "sync?timeout=100&since="+alice.now(), nil).ok()
	}
	if got := h.member("_late"); got != `{"in":true}` {
		t.Errorf("what is not due: %s", got)
	}
	h.manage(alice, sent, "send").refused(404, codeNotFound)
	h.manage(alice, late, "send").ok()
	if got := h.member("_late") + h.member("_sent"); got != `{}{}` {
		t.Errorf("afterwards: %s", got)
	}
	events := alice.do("GET", in(h.room, "messages")+"?dir=b&limit=100", nil).ok().list("chunk")
	if n := strings.Count(asJSON(events), `"state_key":"_sent"`); n != 2 {
		t.Errorf("%d events for _sent, want the membership and one leave", n)
	}
}
