package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

// newEncryptedHouse has a room in which everything but state is encrypted.
func newEncryptedHouse(t *testing.T, rules string) *house {
	t.Helper()
	h := newEmbeddedHouse(t)
	owner := h.open(h.clear("owner", "O"))
	if err := owner.WriteState(t.Context(), h.room, typeEncryption, "", json.RawMessage(rules)); err != nil {
		t.Fatal(err)
	}
	return h
}

const megolm = `{"algorithm":"m.megolm.v1.aes-sha2"}`

// hear opens a device that hears of rings, and runs it.
func (h *house) hear(config Config) (*Account, *ringSink, func()) {
	h.t.Helper()
	account := h.open(config)
	got := &ringSink{sink: newSink()}
	account.Subscribe(h.room, got)
	stop := start(h.t, account)
	got.wait(h.t, "the first facts", func(s *sink) bool { return s.facts.RoomID != "" })
	return account, got, stop
}

// knowsOf waits until an account has seen that users are in the room.
func knowsOf(t *testing.T, got *ringSink, users ...string) {
	t.Helper()
	got.wait(t, "the others in the room", func(s *sink) bool {
		return !slices.ContainsFunc(users, func(user string) bool { return !s.facts.Joined["@"+user+":test"] })
	})
}

// rung waits for a ring of an ID and gives it as it was read.
func rung(t *testing.T, got *ringSink, eventID string) (n message.Notification) {
	t.Helper()
	got.wait(t, "the ring", func(*sink) bool {
		for _, heard := range got.heard {
			if heard.EventID == eventID {
				n, _ = message.ParseNotification(heard.Type, heard.Content)
				return true
			}
		}
		return false
	})
	return n
}

func (h *house) notify(from *Account) string {
	h.t.Helper()
	eventID, err := from.Notify(h.t.Context(), h.room, message.Notification{
		Ring: true, SentAt: time.Now(), Member: "$member", Mentions: message.Mentions{Room: true},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return eventID
}

func TestNotify_RingsDeclinesAndWithdrawsUnderMegolm_WhereTheRoomIsEncrypted(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	bob, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	var sent []string
	h.gate.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if _, rest, ok := strings.Cut(r.URL.Path, "/send/"); ok {
			sent = append(sent, strings.Split(rest, "/")[0])
		}
		return false
	})
	eventID := h.notify(alice)
	if n := rung(t, atBob, eventID); !n.Ring || n.Member != "$member" {
		t.Errorf("the ring reads %+v", n)
	}
	if n := rung(t, atAlice, eventID); !n.Ring {
		t.Errorf("our own ring reads %+v", n)
	}
	if err := bob.Decline(t.Context(), h.room, eventID); err != nil {
		t.Fatal(err)
	}
	atAlice.wait(t, "the decline", func(*sink) bool {
		last := atAlice.heard[len(atAlice.heard)-1]
		decline, err := message.ParseDecline(last.Content)
		return message.IsDecline(last.Type) && err == nil && decline.Notification == eventID
	})
	if err := alice.WithdrawNotify(t.Context(), h.room, message.SlotRoom); err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "the withdrawal", func(*sink) bool {
		last := atBob.heard[len(atBob.heard)-1]
		n, err := message.ParseNotification(last.Type, last.Content)
		return message.IsNotification(last.Type) && err == nil && n.Withdrawn
	})
	h.gate.between(func() {
		if !slices.Equal(sent, []string{"m.room.encrypted", "m.room.encrypted", "m.room.encrypted"}) {
			t.Errorf("the homeserver saw %q", sent)
		}
	})
	var seen struct {
		Content struct {
			Relates struct {
				EventID string `json:"event_id"`
			} `json:"m.relates_to"`
			Ciphertext string `json:"ciphertext"`
		} `json:"content"`
	}
	if err := alice.get(t.Context(), &seen, "v3", "rooms", h.room, "event", eventID); err != nil {
		t.Fatal(err)
	}
	if seen.Content.Relates.EventID != "$member" || seen.Content.Ciphertext == "" {
		t.Errorf("the homeserver has %+v, want the relation outside", seen.Content)
	}
}

func TestRingSink_HearsARingWhoseKeyComesLater(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	_, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	var keys held
	h.gate.set(keys.guard)
	eventID := h.notify(alice)
	rung(t, atAlice, eventID)
	h.gate.set(nil)
	if err := alice.WriteState(t.Context(), h.room, message.TypeCallMember, "_mark", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "a mark behind the ring", func(s *sink) bool { return len(s.facts.State) == 1 })
	atBob.note(func() {
		if len(atBob.heard) > 0 {
			t.Errorf("heard %+v without a key", atBob.heard)
		}
	})
	for _, request := range keys.requests {
		h.gate.inner.ServeHTTP(httptest.NewRecorder(), request.WithContext(t.Context()))
	}
	rung(t, atBob, eventID)
	atBob.note(func() {
		if len(atBob.heard) != 1 {
			t.Errorf("heard %d times", len(atBob.heard))
		}
	})
}

// Who comes later reads what was said before: a ring that goes on, and the
// membership that it is about.
func TestSeal_GivesItsKeysToNewcomersFromTheBeginning(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	_, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	first := h.notify(alice)
	rung(t, atBob, first)
	second := h.notify(alice)
	rung(t, atBob, second)
	// A new user, and a new device of one who is there.
	for _, config := range []Config{h.config("carol", "C"), h.config("bob", "B2")} {
		_, got, _ := h.hear(config)
		rung(t, got, second)
		rung(t, got, first)
	}
}

// sessionOf names the Megolm session that an event is sealed with.
func (h *house) sessionOf(account *Account, eventID string) (session string) {
	h.t.Helper()
	var seen struct {
		Content struct {
			Session string `json:"session_id"`
		} `json:"content"`
	}
	if err := account.get(h.t.Context(), &seen, "v3", "rooms", h.room, "event", eventID); err != nil || seen.Content.Session == "" {
		h.t.Fatalf("%s has no session: %v", eventID, err)
	}
	return seen.Content.Session
}

func TestSeal_BeginsANewSession_WhenSomebodyWhoReadsItHasLeft(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	_, atBob, _ := h.hear(h.config("bob", "B"))
	carol, _, stop := h.hear(h.config("carol", "C"))
	knowsOf(t, atAlice, "alice", "bob", "carol")
	before := h.sessionOf(alice, h.notify(alice))
	if same := h.sessionOf(alice, h.notify(alice)); same != before {
		t.Errorf("a session of its own for each event")
	}
	stop()
	if err := carol.LeaveRoom(t.Context(), h.room); err != nil {
		t.Fatal(err)
	}
	atAlice.wait(t, "carol's departure", func(s *sink) bool { return !s.facts.Joined["@carol:test"] })
	later := h.notify(alice)
	if after := h.sessionOf(alice, later); after == before {
		t.Error("who has left could read on")
	}
	rung(t, atBob, later)
	if key, _ := carol.crypto.store.GetGroupSession(t.Context(), id.RoomID(h.room), id.SessionID(h.sessionOf(alice, later))); key != nil {
		t.Error("who has left got the new key")
	}
}

func TestSeal_KeepsToTheRoomsRotation(t *testing.T) {
	h := newEncryptedHouse(t, `{"algorithm":"m.megolm.v1.aes-sha2","rotation_period_msgs":2}`)
	alice, _, _ := h.hear(h.config("alice", "A"))
	var sessions []string
	for range 3 {
		sessions = append(sessions, h.sessionOf(alice, h.notify(alice)))
	}
	if sessions[0] != sessions[1] || sessions[1] == sessions[2] {
		t.Errorf("sessions %q, want a new one after two events", sessions)
	}
	strange := newEncryptedHouse(t, `{"algorithm":"rot13"}`)
	dora := strange.open(strange.config("dora", "D"))
	if _, err := dora.Notify(t.Context(), strange.room, message.Notification{Ring: true, SentAt: time.Now(), Mentions: message.Mentions{Room: true}}); err == nil || !strings.Contains(err.Error(), "rot13") {
		t.Errorf("sealed for an unknown algorithm: %v", err)
	}
}

func TestSeal_GivesNoKeyToDevicesThatAreNotTrusted(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	config := h.config("alice", "A")
	config.Trust = TrustVerified
	alice, atAlice, _ := h.hear(config)
	bob, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	eventID := h.notify(alice)
	rung(t, atAlice, eventID) // she reads it herself
	if err := alice.WriteState(t.Context(), h.room, message.TypeCallMember, "_mark", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	atBob.wait(t, "a mark behind the ring", func(s *sink) bool { return len(s.facts.State) == 1 })
	if key, err := bob.crypto.store.GetGroupSession(t.Context(), id.RoomID(h.room), id.SessionID(h.sessionOf(alice, eventID))); key != nil || err != nil {
		t.Errorf("a device that nobody verified got the key: %v, %v", key, err)
	}
}

func TestSeal_TellsOpenRoomsFromEncryptedOnes_AlsoBeforeSyncHas(t *testing.T) {
	open, encrypted := newEmbeddedHouse(t), newEncryptedHouse(t, megolm)
	sealed := func(h *house, config Config) string {
		eventType, _, err := h.open(config).seal(t.Context(), h.room, message.TypeNotification, json.RawMessage(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		return eventType
	}
	for _, c := range []struct {
		name, got, want string
	}{
		{"an open room", sealed(open, open.config("alice", "A")), message.TypeNotification},
		{"an encrypted one", sealed(encrypted, encrypted.config("alice", "A")), message.TypeEncrypted},
		{"encryption is off", sealed(encrypted, encrypted.clear("bob", "B")), message.TypeNotification},
	} {
		if c.got != c.want {
			t.Errorf("%s: sent as %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestSeal_EndsWithItsContext_AndFailsWhenKeysCannotBeShared(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	_, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		refused := strings.Contains(r.URL.Path, "/sendToDevice/")
		if refused {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errcode":"M_FORBIDDEN"}`))
		}
		return refused
	})
	if eventType, _, err := alice.seal(t.Context(), h.room, message.TypeNotification, json.RawMessage(`{}`)); err == nil {
		t.Errorf("sent as %s to people without a key", eventType)
	}
	h.gate.set(nil)
	room, err := alice.crypto.keys.take(t.Context(), h.room)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = alice.seal(ctx, h.room, message.TypeNotification, json.RawMessage(`{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for another's turn with %v", err)
	}
	room.release()
	rung(t, atBob, h.notify(alice))
}

func TestNotify_IsSealedOnceTheHomeserverNoLongerLimitsTheKeys(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	_, atBob, _ := h.hear(h.config("bob", "B"))
	knowsOf(t, atAlice, "alice", "bob")
	limited := map[string]bool{"/keys/claim": true, "/sendToDevice/": true, "/send/": true}
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		for path := range limited {
			if strings.Contains(r.URL.Path, path) {
				delete(limited, path)
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = w.Write([]byte(`{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1}`))
				return true
			}
		}
		return false
	})
	if n := rung(t, atBob, h.notify(alice)); n.Member != "$member" {
		t.Errorf("it reads %+v", n)
	}
	h.gate.between(func() {
		if len(limited) > 0 {
			t.Errorf("nobody asked for %v", limited)
		}
	})
}

// Keys that came are kept with the device: what was said while it was off is
// read when it is back.
func TestSeal_IsReadAfterARestart(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	config := h.config("bob", "B")
	config.StateDir = filepath.Join(t.TempDir(), "bob")
	bob, atBob, stop := h.hear(config)
	knowsOf(t, atAlice, "alice", "bob")
	rung(t, atBob, h.notify(alice))
	stop()
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	eventID := h.notify(alice)
	config.Token = ""
	_, again, _ := h.hear(config)
	rung(t, again, eventID)
}

func TestSealedEvents_KeepWhatLastsLongest(t *testing.T) {
	var kept sealedEvents
	now := time.UnixMilli(1_800_000_000_000)
	for i := range sealedMost + 2 {
		kept.keep(sealedEvent{eventID: string(rune('a' + i)), until: now.Add(time.Duration(sealedMost-i) * time.Second)})
	}
	if len(kept) != sealedMost || kept[0].eventID != "a" {
		t.Fatalf("%d are kept, the first is %q", len(kept), kept[0].eventID)
	}
	kept.keep(sealedEvent{eventID: "a", until: now.Add(time.Hour)})
	kept.remove("b")
	kept.expire(now.Add(3 * time.Second))
	if len(kept) != sealedMost-3 || kept[0].until.After(now.Add(time.Minute*5)) {
		t.Errorf("%d are left, the first until %s", len(kept), kept[0].until)
	}
}
