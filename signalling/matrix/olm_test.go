//go:build goolm

package matrix

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

func TestOlm_RefusesAMessageThatNamesAnotherDevice(t *testing.T) {
	h := newEmbeddedHouse(t)
	honest, _ := h.enter(h.config("alice", "A"))
	liar, _ := h.enter(h.config("alice", "LIAR"))
	bob, heard := h.enter(h.config("bob", "B"))
	lie := hangup(honest, h.room, 1) // claims device A
	if err := deliver(t, liar, bob.Party(), lie); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, honest, bob.Party(), hangup(honest, h.room, 2)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the honest message", func(s *sink) bool { return len(s.received) > 0 })
	eventually(t, "the refusal", func() bool { return bob.Stats().Unproven == 1 })
	for _, got := range heard.take() {
		if got.Signal.CallID != "call2" {
			t.Errorf("took %s as from %s", got.Signal.CallID, got.From)
		}
	}
}

func TestOlm_CleartextInTheNameOfADeviceThatEncryptsIsRefused(t *testing.T) {
	h := newEmbeddedHouse(t)
	honest, _ := h.enter(h.config("alice", "A"))
	forger, _ := h.enter(h.clear("alice", "FORGER"))
	bob, heard := h.enter(h.config("bob", "B"))
	if err := deliver(t, honest, bob.Party(), hangup(honest, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the honest message", func(s *sink) bool { return len(s.received) > 0 })
	if err := deliver(t, forger, bob.Party(), hangup(honest, h.room, 2)); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, forger, bob.Party(), hangup(forger, h.room, 3)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "cleartext of a device that sends nothing else", func(s *sink) bool { return len(s.received) > 1 })
	if got := heard.take(); len(got) != 2 || got[1].Signal.CallID != "call3" || bob.Stats().RefusedClear != 1 {
		t.Errorf("took %+v, refused %d", got, bob.Stats().RefusedClear)
	}
}

func TestOlm_RequireTakesNoCleartext_AndSaysSoOnce(t *testing.T) {
	h := newHouse(t)
	alice, _ := h.enter(h.clear("alice", "A"))
	strict := h.config("bob", "B")
	strict.Encrypt = EncryptRequire
	bob, heard := h.enter(strict)
	for n := range 3 {
		if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three refusals", func() bool { return bob.Stats().RefusedClear == 3 })
	if got := heard.take(); len(got) != 0 {
		t.Errorf("took %d cleartext messages", len(got))
	}
	if bob.noted.first("refused cleartext", alice.Party()) {
		t.Error("the refusal was not noted")
	}
}

func TestOlm_RequireSendsNothingToADeviceWithoutKeys(t *testing.T) {
	h := newHouse(t)
	strict := h.config("alice", "A")
	strict.Encrypt = EncryptRequire
	alice, _ := h.enter(strict)
	bob, _ := h.enter(h.clear("bob", "B"))
	if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, 1)); !errors.Is(err, ErrNoKeys) {
		t.Errorf("err %v, want ErrNoKeys", err)
	}
}

func TestOlm_AutoRequiresInEncryptedRooms(t *testing.T) {
	h := newHouse(t)
	h.fake.put("@owner:test", typeEncryption, "", []byte(`{"algorithm":"m.megolm.v1.aes-sha2"}`))
	alice, _ := h.enter(h.clear("alice", "A"))
	bob, _ := h.enter(h.config("bob", "B"))
	h.fake.put("@alice:test", message.TypeCallMember, "@alice:test", []byte(`{"m.calls":[]}`))
	if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the refusal", func() bool { return bob.Stats().RefusedClear == 1 })
	// js-sdk names no room.
	h.post(alice, message.TypeHangup, bob.Party(), `{"call_id":"c","conf_id":"conf","device_id":"A","dest_session_id":"s","version":"1"}`)
	eventually(t, "the second refusal", func() bool { return bob.Stats().RefusedClear == 2 })
	if err := deliver(t, bob, alice.Party(), hangup(bob, h.room, 1)); !errors.Is(err, ErrNoKeys) {
		t.Errorf("sending gives %v, want ErrNoKeys", err)
	}
}

// A homeserver that withholds one-time keys must not get us to cleartext.
func TestOlm_PreferNeverFallsBackWhenTheDeviceHasKeys(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		bob, heard := h.enter(h.config("bob", "B"))
		device := h.fake.devices["token-bob-B"]
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/keys/claim") {
				return false
			}
			_, _ = w.Write([]byte(`{"one_time_keys":{}}`))
			return true
		})
		err := deliverVirtually(alice, bob.Party(), hangup(alice, h.room, 1))
		if !errors.Is(err, ErrObsolete) || !errors.Is(err, ErrNoSession) {
			t.Errorf("err %v, want ErrObsolete for want of a session", err)
		}
		if got := heard.take(); len(got) != 0 || h.gate.count("sendToDevice/m.call") > 0 {
			t.Errorf("cleartext went out: %v", got)
		}
		_ = device
	})
}

// deliverVirtually is deliver without a real clock.
func deliverVirtually(from *Account, to message.Party, signal message.Signal) error {
	done := make(chan error, 1)
	from.Send(to, signal, func(err error) { done <- err })
	return <-done
}

func TestOlm_UsesTheFallbackKeyWhenOneTimeKeysAreUsedUp(t *testing.T) {
	h := newHouse(t)
	bob, heard := h.enter(h.config("bob", "B"))
	device := h.fake.devices["token-bob-B"]
	eventually(t, "a fallback key", func() bool {
		h.fake.mutex.Lock()
		defer h.fake.mutex.Unlock()
		return len(device.fallback) == 1
	})
	// Nobody may upload new one-time keys now.
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		refused := strings.HasSuffix(r.URL.Path, "/keys/upload") && strings.Contains(r.Header.Get("Authorization"), "bob")
		if refused {
			refuse(w, 500, "M_UNKNOWN", nil)
		}
		return refused
	})
	h.fake.mutex.Lock()
	clear(device.oneTime)
	h.fake.mutex.Unlock()
	alice, _ := h.enter(h.config("alice", "A"))
	if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the message", func(s *sink) bool { return len(s.received) == 1 })
	// And when uploads work again, both are filled up.
	h.gate.set(nil)
	alice.Send(bob.Party(), hangup(alice, h.room, 2), nil)
	eventually(t, "new one-time keys", func() bool {
		h.fake.mutex.Lock()
		defer h.fake.mutex.Unlock()
		return len(device.oneTime) >= 50
	})
}

func TestOlm_HoldsMessagesWhileTheHomeserverKeepsTheSendersKeysBack(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		bob, heard := h.enter(h.config("bob", "B"))
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			limited := strings.HasSuffix(r.URL.Path, "/keys/query") && strings.Contains(r.Header.Get("Authorization"), "bob")
			if limited {
				refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 2000})
			}
			return limited
		})
		for n := range 3 {
			alice.Send(bob.Party(), hangup(alice, h.room, n), nil)
		}
		pass(20 * time.Second)
		if got := heard.take(); len(got) != 0 {
			t.Fatalf("took %d messages without proof", len(got))
		}
		h.gate.set(nil)
		pass(5 * time.Second)
		got := heard.take()
		if len(got) != 3 || bob.Stats().Unproven != 0 {
			t.Fatalf("%d messages came after all, %d were refused; want 3 and 0", len(got), bob.Stats().Unproven)
		}
		for n, one := range got {
			if *one.Signal.Seq != uint32(n) {
				t.Errorf("message %d is number %d", n, *one.Signal.Seq)
			}
		}
	})
}

func TestOlm_TakesADeviceThatAppearsLater(t *testing.T) {
	h := newEmbeddedHouse(t)
	bob, heard := h.enter(h.config("bob", "B"))
	first, _ := h.enter(h.config("alice", "A1"))
	if err := deliver(t, first, bob.Party(), hangup(first, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the first device", func(s *sink) bool { return len(s.received) == 1 })
	second, answers := h.enter(h.config("alice", "A2")) // bob knows alice's devices by now
	if err := deliver(t, second, bob.Party(), hangup(second, h.room, 2)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the second device", func(s *sink) bool { return len(s.received) == 2 })
	if err := deliver(t, bob, second.Party(), hangup(bob, h.room, 3)); err != nil {
		t.Fatal(err)
	}
	answers.wait(t, "the answer", func(s *sink) bool { return len(s.received) == 1 && s.received[0].Encrypted })
}

func TestOlm_SaysWhatToDo_WhenTheDevicesKeysAreNotOurs(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		bob, heard := h.enter(h.config("bob", "B"))
		before := h.open(h.config("alice", "A"))
		stop := start(t, before)
		if err := deliver(t, before, bob.Party(), hangup(before, h.room, 1)); err != nil {
			t.Fatal(err)
		}
		heard.wait(t, "the old keys", func(s *sink) bool { return len(s.received) == 1 })
		stop()
		lost := h.config("alice", "A")
		if _, err := Open(t.Context(), lost); !errors.Is(err, ErrForeignKeys) || !strings.Contains(err.Error(), "state directory") {
			t.Fatalf("err %v, want ErrForeignKeys with advice", err)
		}
		lost.ReplaceKeys = true
		after, answers := h.enter(lost)
		if err := deliver(t, after, bob.Party(), hangup(after, h.room, 2)); err != nil {
			t.Fatal(err)
		}
		heard.wait(t, "the new keys", func(s *sink) bool { return len(s.received) == 2 })
		if err := deliver(t, bob, after.Party(), hangup(bob, h.room, 3)); err != nil {
			t.Fatal(err)
		}
		answers.wait(t, "the answer", func(s *sink) bool { return len(s.received) == 1 && s.received[0].Encrypted })
	})
}

// A homeserver may forget to tell of a change; a message under unknown keys
// makes us ask.
func TestOlm_AsksAgainWhenAMessageDoesNotFitTheKnownKeys(t *testing.T) {
	h := newHouse(t)
	bob, heard := h.enter(h.config("bob", "B"))
	before := h.open(h.config("alice", "A"))
	stop := start(t, before)
	if err := deliver(t, before, bob.Party(), hangup(before, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the old keys", func(s *sink) bool { return len(s.received) == 1 })
	stop()
	h.fake.silent = true
	renewed := h.config("alice", "A")
	renewed.ReplaceKeys = true
	after, _ := h.enter(renewed)
	if err := deliver(t, after, bob.Party(), hangup(after, h.room, 2)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the new keys", func(s *sink) bool { return len(s.received) == 2 })
}

func TestOlm_KeepsTheOrderBehindAHeldMessage(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		bob, heard := h.enter(h.config("bob", "B"))
		away, queries := true, 0
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.Header.Get("Authorization"), "bob") {
				return false
			}
			if strings.HasSuffix(r.URL.Path, "/keys/query") {
				queries++
			}
			// Bob's sync is away until all have been sent; then his first
			// question about alice's keys fails.
			bad := away || strings.HasSuffix(r.URL.Path, "/keys/query") && queries == 1
			if bad {
				w.WriteHeader(http.StatusBadGateway)
			}
			return bad
		})
		h.fake.put("@owner:test", typeJoinRules, "", []byte(`{"join_rule":"knock"}`)) // ends the poll under way
		pass(time.Second)
		for n := range 3 {
			if err := deliverVirtually(alice, bob.Party(), hangup(alice, h.room, n)); err != nil {
				t.Fatal(err)
			}
		}
		h.gate.between(func() { away, queries = false, 0 })
		pass(20 * time.Second)
		got := heard.take()
		if len(got) != 3 || queries < 2 {
			t.Fatalf("%d messages after %d questions", len(got), queries)
		}
		for n, one := range got {
			if *one.Signal.Seq != uint32(n) {
				t.Errorf("message %d is number %d", n, *one.Signal.Seq)
			}
		}
	})
}

func TestOlm_StateDirectoryBringsTheDeviceBack(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		bob, heard := h.enter(h.config("bob", "B"))
		config := h.config("alice", "A")
		config.StateDir = filepath.Join(t.TempDir(), "state")
		for round := range 3 {
			alice := h.open(config)
			stop := start(t, alice)
			if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, round)); err != nil {
				t.Fatal(err)
			}
			heard.wait(t, "the message", func(s *sink) bool { return len(s.received) == round+1 && s.received[round].Encrypted })
			if _, err := Open(t.Context(), config); !errors.Is(err, ErrStateInUse) {
				t.Errorf("a second process gets %v, want ErrStateInUse", err)
			}
			stop()
			if err := alice.Close(); err != nil {
				t.Fatal(err)
			}
			config.Token = "" // from the second time on the directory is enough
		}
		for _, name := range []string{"account.json", "olm.db"} {
			info, err := os.Stat(filepath.Join(config.StateDir, name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s is %v, %v; want mode 0600", name, info.Mode(), err)
			}
		}
		config.Token = h.issue("carol", "C")
		if _, err := Open(t.Context(), config); !errors.Is(err, ErrStateMismatch) {
			t.Errorf("another account gets %v, want ErrStateMismatch", err)
		}
	})
}

// FuzzDecrypt bends a good message at one place, or takes any content at all.
// Nothing of it may be taken for genuine, nothing may panic.
func FuzzDecrypt(f *testing.F) {
	h := newHouse(f)
	alice, bob := h.open(h.config("alice", "A")), h.open(h.config("bob", "B"))
	_, plain, err := hangup(alice, h.room, 1).Encode()
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := alice.crypto.encrypt(f.Context(), bob.Party(), message.TypeHangup, plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{},"sender_key":"x"}`), uint16(0), byte(0))
	f.Add([]byte(nil), uint16(200), byte(1))
	f.Add([]byte(nil), uint16(400), byte(0x20))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, flip byte) {
		if len(content) == 0 {
			content = slices.Clone(sealed)
			content[int(at)%len(content)] ^= flip
		}
		got, err := bob.crypto.decrypt(t.Context(), toDeviceEvent{Type: message.TypeEncrypted, Sender: "@alice:test", Content: content})
		if err == nil && got != nil && !bytes.Equal(got.content, plain) {
			t.Errorf("took %s", got.content)
		}
	})
}

func TestOlm_SendsItsOwnDeviceKeysAlong(t *testing.T) {
	h := newHouse(t)
	alice, _ := h.enter(h.config("alice", "A"))
	bob, heard := h.enter(h.config("bob", "B"))
	// Bob cannot ask who alice is, but the message says it (MSC4147); proof
	// still waits for the homeserver.
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		refused := strings.HasSuffix(r.URL.Path, "/keys/query") && strings.Contains(r.Header.Get("Authorization"), "bob")
		if refused {
			refuse(w, 502, "M_UNKNOWN", nil)
		}
		return refused
	})
	if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message to be held", func() bool { return h.gate.count("/keys/query") > 2 })
	if got := heard.take(); len(got) != 0 {
		t.Fatal("taken without proof")
	}
	h.gate.set(nil)
	heard.wait(t, "the message", func(s *sink) bool { return len(s.received) == 1 })
	device, err := bob.crypto.store.GetDevice(t.Context(), "@alice:test", "A")
	if err != nil || device == nil || device.Trust == id.TrustStateBlacklisted {
		t.Errorf("alice's device is %v, %v", device, err)
	}
}
