package matrix

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"meshfocus/internal/secret"
	"meshfocus/signalling/message"
)

// keySink is a sink that takes media keys.
type keySink struct {
	*sink
	from []message.Party    // guarded by the sink's mutex
	keys []message.MediaKey // guarded by the sink's mutex
}

func (k *keySink) MediaKey(from message.Party, key message.MediaKey) {
	k.note(func() { k.from, k.keys = append(k.from, from), append(k.keys, key) })
}

// takingKeys opens a device that takes media keys.
func (h *house) takingKeys(config Config) (*Account, *keySink) {
	h.t.Helper()
	account := h.open(config)
	got := &keySink{sink: newSink()}
	account.Subscribe(h.room, got)
	start(h.t, account)
	got.wait(h.t, "first facts", func(s *sink) bool { return s.facts.RoomID == h.room })
	return account, got
}

func someMediaKey(room string) message.MediaKey {
	return message.MediaKey{RoomID: room, MemberID: "stay", Index: 9, Key: secret.Of([]byte("sixteen bytes ok"))}
}

func sendKey(t *testing.T, from *Account, to message.Party, key message.MediaKey) error {
	t.Helper()
	done := make(chan error, 1)
	from.SendMediaKey(to, key, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-t.Context().Done():
		return t.Context().Err()
	}
}

func TestMediaKey_TravelsInsideOlmAndNamesTheDeviceThatSentIt(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		var said bytes.Buffer
		config := h.config("alice", "A")
		config.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		alice, _ := h.enter(config)
		bob, heard := h.takingKeys(h.config("bob", "B"))
		key := someMediaKey(h.room)
		if err := sendKey(t, alice, bob.Party(), key); err != nil {
			t.Fatal(err)
		}
		heard.wait(t, "the key", func(*sink) bool { return len(heard.keys) == 1 })
		if got := heard.keys[0]; heard.from[0] != alice.Party() || !got.Key.Equal(key.Key) || got.Index != 9 || got.MemberID != "stay" || got.RoomID != h.room {
			t.Errorf("from %s came %+v", heard.from[0], got)
		}
		if strings.Contains(said.String(), "sixteen") || strings.Contains(said.String(), "c2l4dGVl") {
			t.Error("the log shows the key")
		}
	})
}

func TestMediaKey_InTheClearIsNotTakenAndNeverSent(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		config := h.config("bob", "B")
		config.Encrypt = EncryptPrefer
		bob, heard := h.takingKeys(config)
		alice, _ := h.enter(h.config("alice", "A"))
		key := someMediaKey(h.room)
		content, err := key.Encode()
		if err != nil {
			t.Fatal(err)
		}
		before := bob.Stats().RefusedClear
		for _, name := range []string{message.TypeMediaKey, message.TypeMediaKeyStable, message.TypeMediaKeyElement} {
			h.post(alice, name, bob.Party(), string(content))
		}
		if err := sendKey(t, alice, bob.Party(), key); err != nil { // after them
			t.Fatal(err)
		}
		heard.wait(t, "the key", func(*sink) bool { return len(heard.keys) > 0 })
		if got := bob.Stats().RefusedClear - before; got != 3 || len(heard.keys) != 1 {
			t.Errorf("%d were refused, %d taken", got, len(heard.keys))
		}
		open := h.config("carol", "C")
		open.Encrypt = EncryptOff
		carol, _ := h.enter(open)
		for name, pair := range map[string][2]*Account{"to a device without keys": {alice, carol}, "without Olm": {carol, alice}} {
			if err := sendKey(t, pair[0], pair[1].Party(), key); !errors.Is(err, ErrNoKeys) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestMediaKey_OfADeviceThatIsNotTrustedIsRefused(t *testing.T) {
	h := newHouse(t)
	config := h.config("bob", "B")
	config.Trust = TrustVerified
	bob, heard := h.takingKeys(config)
	alice, _ := h.trusting("alice", "A")
	if err := sendKey(t, alice, bob.Party(), someMediaKey(h.room)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the refusal", func() bool { return bob.Stats().Unproven == 1 })
	if len(heard.keys) != 0 {
		t.Error("it was taken")
	}
	if err := sendKey(t, bob, alice.Party(), someMediaKey(h.room)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a key to a device that is not trusted: %v", err)
	}
}

// A key that comes while the homeserver does not tell the keys of its sender
// waits for them.
func TestMediaKey_WaitsForTheKeysOfItsSender(t *testing.T) {
	h := newHouse(t)
	bob, heard := h.takingKeys(h.config("bob", "B"))
	alice, _ := h.enter(h.config("alice", "A"))
	refused := 0
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/keys/query") || !strings.Contains(r.Header.Get("Authorization"), bob.client.AccessToken) || refused >= 2 {
			return false
		}
		refused++
		http.Error(w, `{"errcode":"M_UNKNOWN","error":"not now"}`, http.StatusInternalServerError)
		return true
	})
	if err := sendKey(t, alice, bob.Party(), someMediaKey(h.room)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the key", func(*sink) bool { return len(heard.keys) == 1 })
	h.gate.between(func() {
		if refused != 2 {
			t.Errorf("the homeserver was asked %d times while it did not tell", refused)
		}
	})
}
