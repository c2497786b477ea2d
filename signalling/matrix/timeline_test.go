package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/history"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// ringSink is a sink that wants to hear of rings.
type ringSink struct {
	*sink
	heard []ring.Heard // guarded by mutex
}

func (s *ringSink) Ring(_ string, heard []ring.Heard) {
	s.note(func() { s.heard = append(s.heard, heard...) })
}

// follow opens a device that hears of rings.
func (h *house) follow(user string) (*Account, *ringSink) {
	h.t.Helper()
	account := h.open(h.clear(user, strings.ToUpper(user)))
	got := &ringSink{sink: newSink()}
	account.Subscribe(h.room, got)
	start(h.t, account)
	got.wait(h.t, "the first facts", func(s *sink) bool { return s.facts.RoomID != "" })
	return account, got
}

func TestNotify_RingsAndDeclinesFromSyncToSync(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, atAlice := h.follow("alice")
	bob, atBob := h.follow("bob")
	sent := time.Now()
	id, err := alice.Notify(t.Context(), h.room, message.Notification{
		Ring: true, SentAt: sent, Intent: "video", Mentions: message.Mentions{Users: []string{bob.Party().UserID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "the notification", func(*sink) bool { return len(atBob.heard) == 1 })
	heard := atBob.heard[0]
	n, err := message.ParseNotification(heard.Type, heard.Content)
	if err != nil || heard.EventID != id || heard.Sender != alice.Party().UserID || !n.Ring || n.SentAt.UnixMilli() != sent.UnixMilli() {
		t.Errorf("heard %+v, which reads %+v, %v", heard, n, err)
	}
	if err := bob.Decline(t.Context(), h.room, id); err != nil {
		t.Fatal(err)
	}
	atAlice.wait(t, "her own notification and the decline", func(*sink) bool { return len(atAlice.heard) == 2 })
	decline, err := message.ParseDecline(atAlice.heard[1].Content)
	if err != nil || decline.Notification != id || atAlice.heard[1].Sender != bob.Party().UserID {
		t.Errorf("the decline came as %+v, %v", atAlice.heard[1], err)
	}
	if err := alice.WithdrawNotify(t.Context(), h.room, message.SlotRoom); err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "his decline and the withdrawal", func(*sink) bool { return len(atBob.heard) == 3 })
	if n, err := message.ParseNotification(message.TypeNotification, atBob.heard[2].Content); err != nil || !n.Withdrawn {
		t.Errorf("the withdrawal reads %+v, %v", n, err)
	}
}

func TestNotify_IsStickyForItsLifetimeAndAGraceWhereTheServerHasThat(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice := h.open(h.clear("alice", "A"))
	var asked []string
	h.gate.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, message.TypeNotification) {
			asked = append(asked, r.URL.Query().Get(message.QuerySticky))
		}
		return false
	})
	n := message.Notification{SentAt: time.Now(), Mentions: message.Mentions{Room: true}}
	for _, sticky := range []bool{true, false} {
		alice.features[message.FeatureSticky] = sticky
		if _, err := alice.Notify(t.Context(), h.room, n); err != nil {
			t.Fatal(err)
		}
		if err := alice.WithdrawNotify(t.Context(), h.room, message.SlotRoom); err != nil {
			t.Fatal(err)
		}
	}
	h.gate.between(func() {
		if got := fmt.Sprint(asked); got != "[110000 140000 ]" {
			t.Errorf("asked for stickiness of %s, want one of 110 s, a withdrawal, and none", got)
		}
	})
}

func TestRingSink_HearsARedactionAndNothingOfIgnoredUsers(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, _ := h.follow("alice")
	_, atBob := h.follow("bob")
	n := message.Notification{SentAt: time.Now(), Mentions: message.Mentions{Room: true}}
	id, err := alice.Notify(t.Context(), h.room, n)
	if err != nil {
		t.Fatal(err)
	}
	path := clientPath("v3", "rooms", h.room, "redact", id, "x")
	if err := alice.call(t.Context(), http.MethodPut, path, nil, struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "the redaction", func(*sink) bool { return len(atBob.heard) == 2 && atBob.heard[1].Redacts == id })

	carol := h.open(h.clear("carol", "C"))
	ignore := map[string]any{"ignored_users": map[string]any{alice.Party().UserID: struct{}{}}}
	path = clientPath("v3", "user", carol.Party().UserID, "account_data", typeIgnored)
	if err := carol.call(t.Context(), http.MethodPut, path, nil, ignore, nil); err != nil {
		t.Fatal(err)
	}
	atCarol := &ringSink{sink: newSink()}
	carol.Subscribe(h.room, atCarol)
	start(t, carol)
	atCarol.wait(t, "the first facts", func(s *sink) bool { return s.facts.RoomID != "" })
	if _, err := alice.Notify(t.Context(), h.room, n); err != nil {
		t.Fatal(err)
	}
	dave := h.open(h.clear("dave", "D"))
	if _, err := dave.Notify(t.Context(), h.room, n); err != nil {
		t.Fatal(err)
	}
	atCarol.wait(t, "the one of a user who is not ignored", func(*sink) bool {
		return len(atCarol.heard) > 0 && atCarol.heard[len(atCarol.heard)-1].Sender == dave.Party().UserID
	})
	for _, heard := range atCarol.heard {
		if heard.Sender == alice.Party().UserID && heard.Redacts == "" && string(heard.Content) != "{}" && heard.EventID != id {
			t.Errorf("heard %s of an ignored user", heard.EventID)
		}
	}
}

func TestRingSink_HearsAStickyRingThatTheTimelineHasNoRoomFor(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, bob := h.open(h.clear("alice", "A")), h.open(h.clear("bob", "B"))
	id, err := alice.Notify(t.Context(), h.room, message.Notification{SentAt: time.Now(), Mentions: message.Mentions{Room: true}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range timelineLimit + 5 {
		content := json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
		if _, err := alice.putState(t.Context(), h.room, message.TypeCallMember, alice.Party().UserID, content, 0); err != nil {
			t.Fatal(err)
		}
	}
	got := &ringSink{sink: newSink()}
	bob.Subscribe(h.room, got)
	start(t, bob)
	got.wait(t, "the ring", func(*sink) bool { return len(got.heard) == 1 && got.heard[0].EventID == id })
}

func TestTimeline_GoesBackOverPagesInOrder(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice := h.open(h.clear("alice", "A"))
	const size, events = 10, 27
	key := message.SessionStateKey(alice.Party(), message.SlotRoom, "")
	for i := range events {
		content := json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
		if _, err := alice.putState(t.Context(), h.room, message.TypeCallMember, key, content, 0); err != nil {
			t.Fatal(err)
		}
	}
	before := h.gate.count("/messages")
	next := events
	for event, err := range alice.timeline(t.Context(), h.room, history.Types(), size) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Type != message.TypeCallMember {
			continue
		}
		next--
		if want := fmt.Sprintf(`{"n":%d}`, next); string(event.Content) != want || !event.State || event.StateKey != key {
			t.Fatalf("event %s under %q, want %s", event.Content, event.StateKey, want)
		}
		if next > 0 && (string(event.Previous) != fmt.Sprintf(`{"n":%d}`, next-1) || event.Replaces == "") {
			t.Fatalf("before %s came %s", event.Content, event.Previous)
		}
	}
	if next != 0 {
		t.Errorf("%d events are missing", next)
	}
	if pages := h.gate.count("/messages") - before; pages < 3 || pages > 4 {
		t.Errorf("read in %d pages", pages)
	}
	asked := h.gate.count("/messages")
	for range alice.timeline(t.Context(), h.room, history.Types(), size) {
		break
	}
	if h.gate.count("/messages") != asked+1 {
		t.Error("who wants one event is read more than one page")
	}
	for _, err := range alice.Timeline(t.Context(), "!nowhere:test", history.Types()) {
		if !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrNotFound) {
			t.Errorf("a room we are not in gives %v", err)
		}
	}
}

func TestOpenSlot_OpensOnlyWhatWasNeverThere(t *testing.T) {
	h := newEmbeddedHouse(t)
	owner, alice := h.open(h.clear("owner", "O")), h.open(h.clear("alice", "A"))
	open := func(a *Account) bool {
		t.Helper()
		is, err := a.OpenSlot(t.Context(), h.room)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, message.TypeSlot) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errcode":"M_FORBIDDEN","error":"power"}`))
			return true
		}
		return false
	})
	if open(alice) {
		t.Error("a slot was opened without the power for it")
	}
	h.gate.set(nil)
	if !open(owner) || !open(alice) {
		t.Error("an open slot is not found open")
	}
	if _, err := owner.putState(t.Context(), h.room, message.TypeSlot, message.SlotRoom, struct{}{}, 0); err != nil {
		t.Fatal(err)
	}
	if open(owner) {
		t.Error("a slot that was closed is open again")
	}
}

func TestMayCallRoom_ReadsPowerLevels(t *testing.T) {
	h := newEmbeddedHouse(t)
	owner, alice := h.open(h.clear("owner", "O")), h.open(h.clear("alice", "A"))
	for account, want := range map[*Account]bool{owner: true, alice: false} {
		if got, err := alice.MayCallRoom(t.Context(), h.room, account.Party().UserID); err != nil || got != want {
			t.Errorf("%s: %v, %v", account.Party().UserID, got, err)
		}
	}
	event := func(sender, content string) roomEvent {
		return roomEvent{Sender: sender, Content: json.RawMessage(content)}
	}
	cases := []struct {
		name           string
		levels, create roomEvent
		want           bool
	}{
		{"nothing said", roomEvent{}, roomEvent{}, false},
		{"the creator without levels", roomEvent{}, event("@a:hs", `{}`), true},
		{"fifty", event("@o:hs", `{"users":{"@a:hs":50}}`), roomEvent{}, true},
		{"forty-nine", event("@o:hs", `{"users":{"@a:hs":49}}`), event("@a:hs", `{"room_version":"11"}`), false},
		{"lowered for all", event("@o:hs", `{"notifications":{"room":0}}`), roomEvent{}, true},
		{"a creator of version 12", event("@o:hs", `{"users":{}}`), event("@a:hs", `{"room_version":"12"}`), true},
		{"another creator of version 12", event("@o:hs", `{}`), event("@o:hs", `{"room_version":"12","additional_creators":["@a:hs"]}`), true},
	}
	for _, c := range cases {
		if got := mayNotifyRoom(c.levels, c.create, "@a:hs"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
