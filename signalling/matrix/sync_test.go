package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

func TestSync_GivesTheFactsOfAResponseBeforeItsSignals_AndThoseAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, heard := h.enter(h.clear("bob", "B"))
		bob := message.Party{UserID: "@bob:test", DeviceID: "B"}
		heard.mutex.Lock()
		heard.order = nil
		heard.mutex.Unlock()
		// While bob's sync is away, a membership and three signals arrive.
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			away := strings.HasSuffix(r.URL.Path, "/sync") && strings.Contains(r.Header.Get("Authorization"), "bob")
			if away {
				w.WriteHeader(http.StatusBadGateway)
			}
			return away
		})
		h.fake.put("@owner:test", typeJoinRules, "", json.RawMessage(`{"join_rule":"knock"}`)) // ends the poll under way
		pass(time.Second)
		heard.mutex.Lock()
		heard.order = nil
		heard.mutex.Unlock()
		for n := range 3 {
			if err := deliverVirtually(alice, bob, hangup(alice, h.room, n)); err != nil {
				t.Fatal(err)
			}
		}
		h.fake.put("@alice:test", message.TypeCallMember, "k", json.RawMessage(`{"n":1}`))
		h.fake.put("@alice:test", message.TypeCallMember, "k", json.RawMessage(`{"n":2}`))
		h.gate.set(nil)
		pass(10 * time.Second)
		if want := []string{"facts", "signals"}; !slices.Equal(heard.order, want) {
			t.Errorf("pushed %q, want %q", heard.order, want)
		}
		if got := heard.take(); len(got) != 3 {
			t.Errorf("%d signals, want 3 in one call", len(got))
		}
	})
}

func TestSync_PushesNothingWhenNothingChanged(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		_, heard := h.enter(h.clear("bob", "B"))
		heard.mutex.Lock()
		heard.order = nil
		heard.mutex.Unlock()
		pass(5 * time.Minute)
		if len(heard.order) != 0 {
			t.Errorf("pushed %q", heard.order)
		}
		if polls := h.gate.count("/sync"); polls > 14 {
			t.Errorf("%d polls in five minutes of silence", polls)
		}
	})
}

func TestSync_FollowsARoomThatIsSubscribedWhileItPolls(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		alice := h.open(h.clear("alice", "A"))
		start(t, alice)
		eventually(t, "the long poll", func() bool { return h.gate.count("/sync") >= 2 })
		got := newSink()
		before := time.Now()
		alice.Subscribe(h.room, got)
		got.wait(t, "facts", func(s *sink) bool { return s.facts.Joined["@alice:test"] })
		if took := time.Since(before); took > 20*time.Second {
			t.Errorf("the facts came after %s", took)
		}
		late := newSink()
		alice.Subscribe(h.room, late)
		late.wait(t, "facts for a second sink", func(s *sink) bool { return s.facts.Joined["@alice:test"] })
		alice.Unsubscribe(h.room, late)
		alice.Unsubscribe(h.room, got)
		if alice.rooms.find(h.room) != nil {
			t.Error("a room that nobody listens to is followed")
		}
	})
}

func TestSync_IsNotTakenBackByTheStateOfAnotherBranch(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		_, heard := h.enter(h.clear("bob", "B"))
		h.fake.put("@alice:test", message.TypeCallMember, "k", json.RawMessage(`{"n":1}`))
		pass(time.Second)
		before := h.fake.state[stateKey{message.TypeCallMember, "k"}]
		h.fake.put("@alice:test", message.TypeCallMember, "k", json.RawMessage(`{"n":2}`))
		pass(time.Second)
		h.fake.branch = []fakeEvent{before}
		h.fake.put("@alice:test", message.TypeCallMember, "other", json.RawMessage(`{}`))
		pass(time.Second)
		heard.mutex.Lock()
		defer heard.mutex.Unlock()
		for _, event := range heard.facts.State {
			if event.StateKey == "k" && string(event.Content) != `{"n":2}` {
				t.Errorf("the event fell back to %s", event.Content)
			}
		}
		if len(heard.facts.State) != 2 {
			t.Errorf("%d call events are known, want 2", len(heard.facts.State))
		}
	})
}

func TestSync_ReadsTheWholeStateWhenTheTimelineHasAHole(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		_, heard := h.enter(h.clear("bob", "B"))
		h.fake.limit = 2
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			away := strings.HasSuffix(r.URL.Path, "/sync")
			if away {
				w.WriteHeader(http.StatusBadGateway)
			}
			return away
		})
		for n := range 6 {
			h.fake.put("@alice:test", message.TypeCallMember, fmt.Sprint("k", n), json.RawMessage(`{}`))
		}
		pass(time.Second)
		h.gate.set(nil)
		pass(10 * time.Second)
		if got := len(heard.facts.State); got != 6 {
			t.Errorf("%d memberships are known, want 6", got)
		}
	})
}

func TestSync_EmptiesARedactedMembership_AndReadsOtherRedactedStateAnew(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, _ := h.enter(h.clear("alice", "A"))
	_, heard := h.enter(h.clear("bob", "B"))
	eventID, err := alice.putState(t.Context(), h.room, message.TypeCallMember, "_@alice:test_A_m.call", json.RawMessage(`{"application":"m.call"}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the event", func(s *sink) bool { return len(s.facts.State) == 1 && len(s.facts.State[0].Content) > 5 })
	path := clientPath("v3", "rooms", h.room, "redact", eventID, "1")
	if err = alice.call(t.Context(), http.MethodPut, path, nil, struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the redaction", func(s *sink) bool { return len(s.facts.State) == 1 && string(s.facts.State[0].Content) == "{}" })
}

func TestSync_EndsRunWhenTheTokenIsRevoked(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		alice := h.open(h.clear("alice", "A"))
		done := make(chan error, 1)
		go func() { done <- alice.Run(t.Context()) }()
		eventually(t, "the long poll", func() bool { return h.gate.count("/sync") >= 2 })
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			refuse(w, 401, "M_UNKNOWN_TOKEN", nil)
			return true
		})
		alice.Subscribe(h.room, newSink()) // wakes the poll
		select {
		case err := <-done:
			if !errors.Is(err, ErrBadToken) {
				t.Errorf("Run ended with %v, want ErrBadToken", err)
			}
		case <-time.After(time.Minute):
			t.Error("Run goes on with a dead token")
		}
	})
}

func TestSync_OutlastsEverythingElse(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, heard := h.enter(h.clear("alice", "A"))
		n := 0
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/sync") {
				return false
			}
			n++
			switch n % 6 {
			case 0:
				_, _ = w.Write([]byte(`{"rooms":7}`))
			case 1:
				_, _ = w.Write([]byte(`<html>`))
			case 2:
				w.WriteHeader(http.StatusInternalServerError)
			case 3:
				refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 4000})
			case 4:
				refuse(w, 403, "M_FORBIDDEN", nil)
			case 5:
				refuse(w, 404, "M_UNRECOGNIZED", nil)
			}
			return true
		})
		h.fake.put("@owner:test", typeJoinRules, "", json.RawMessage(`{"join_rule":"knock"}`)) // ends the poll under way
		pass(10 * time.Minute)
		if n < 60 || n > 1300 {
			t.Errorf("%d polls in ten bad minutes", n)
		}
		h.gate.set(nil)
		h.fake.put("@owner:test", typeJoinRules, "", json.RawMessage(`{"join_rule":"invite"}`))
		pass(10 * time.Second)
		if heard.facts.JoinRule != "invite" {
			t.Errorf("join rule %q after it works again", heard.facts.JoinRule)
		}
		_ = alice
	})
}

func TestSync_BeginsAnewWhenTheHomeserverForgotTheToken(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		_, heard := h.enter(h.clear("alice", "A"))
		refused, polls := 0, 0
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			polls++
			old := r.URL.Query().Has("since") && refused < 20
			if old {
				refused++
				refuse(w, 400, "M_INVALID_PARAM", nil)
			}
			return old
		})
		h.fake.put("@owner:test", typeJoinRules, "", json.RawMessage(`{"join_rule":"knock"}`))
		pass(2 * time.Second)
		if heard.facts.JoinRule != "knock" {
			t.Errorf("join rule %q, want the news", heard.facts.JoinRule)
		}
		if polls > 10 {
			t.Errorf("%d polls in two seconds against a homeserver that takes no token", polls)
		}
	})
}

func TestSync_GivesNoFactsOfARoomWeMayNotRead_AndTakesThemWhenWeMay(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, err := Open(t.Context(), h.clear("alice", "A"))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	got := newSink()
	alice.Subscribe(h.room, got)
	stop := start(t, alice)
	defer stop()
	got.wait(t, "empty facts", func(s *sink) bool { return s.facts.RoomID == h.room && len(s.facts.Joined) == 0 })
	if _, err = alice.JoinRoom(t.Context(), h.room); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "the facts", func(s *sink) bool { return s.facts.Joined["@alice:test"] && s.facts.JoinRule == "public" })
	if err = alice.call(t.Context(), http.MethodPost, clientPath("v3", "rooms", h.room, "leave"), nil, struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "our leave", func(s *sink) bool { return !s.facts.Joined["@alice:test"] })
}

func TestSync_DropsSignalsOfIgnoredUsers(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, _ := h.enter(h.clear("alice", "A"))
	carol, _ := h.enter(h.clear("carol", "C"))
	bob, heard := h.enter(h.clear("bob", "B"))
	path := clientPath("v3", "user", "@bob:test", "account_data", typeIgnored)
	if err := bob.call(t.Context(), http.MethodPut, path, nil, map[string]any{"ignored_users": map[string]any{"@alice:test": struct{}{}}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, from := range []*Account{alice, carol} {
		if err := deliver(t, from, bob.Party(), hangup(from, h.room, 1)); err != nil {
			t.Fatal(err)
		}
	}
	heard.wait(t, "carol's signal", func(s *sink) bool { return len(s.received) == 1 })
	if got := heard.take(); got[0].From != carol.Party() {
		t.Errorf("took a signal of %s", got[0].From)
	}
}

func TestSync_SurvivesToDeviceEventsOfAnyShape(t *testing.T) {
	h := newHouse(t)
	alice, _ := h.enter(h.config("alice", "A"))
	bob, heard := h.enter(h.config("bob", "B"))
	for _, eventType := range []string{"m.room.encrypted", "m.call.invite", "m.call.hangup", "m.room_key", "m.room_key_request", "m.secret.request", "m.dummy", "x"} {
		for _, content := range []string{`{}`, `[]`, `7`, `"x"`, `null`, `{"algorithm":7}`, `{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{"x":{"type":0,"body":"AAAA"}},"sender_key":"x"}`} {
			h.post(alice, eventType, bob.Party(), content)
		}
	}
	if err := deliver(t, alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "the good signal", func(s *sink) bool { return len(s.received) == 1 && s.received[0].Signal.Kind == message.Hangup })
}

func TestRun_GoesOnWhenTheHomeserverRestartsOnItsData(t *testing.T) {
	data := t.TempDir()
	config := homeserver.Config{ServerName: "test", DataDir: data}
	h := newEmbeddedHouse(t, func(c *homeserver.Config) { *c = config })
	alice, _ := h.enter(h.config("alice", "A"))
	bob, heard := h.enter(h.config("bob", "B"))
	own := h.join(alice, MembershipConfig{Slot: true, CallID: "conf"})
	heard.wait(t, "alice", func(s *sink) bool { return len(s.members("conf")) == 1 && len(s.members(message.SlotRoom)) == 1 })
	h.gate.mutex.Lock()
	h.gate.inner = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.gate.mutex.Unlock()
	told := make(chan error, 1)
	alice.Send(bob.Party(), hangup(alice, h.room, 1), func(err error) { told <- err })
	h.halt()
	h.boot(config)
	if err := <-told; err != nil {
		t.Errorf("the signal sent while it was away: %v", err)
	}
	heard.wait(t, "the signal", func(s *sink) bool { return len(s.received) == 1 && s.received[0].Encrypted })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := own.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	heard.wait(t, "nobody", func(s *sink) bool { return len(s.members("conf"))+len(s.members(message.SlotRoom)) == 0 })
}
