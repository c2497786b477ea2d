package matrix

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestReadSticky_KnowsHowLongAnEventStays(t *testing.T) {
	received := time.UnixMilli(1_800_000_000_000)
	for _, test := range []struct {
		name, marks string
		sentAgo     time.Duration
		ahead       time.Duration
		want        time.Duration // from received; negative for what is not sticky
	}{
		{"by what remains", `"msc4354_sticky":{"duration_ms":60000},"unsigned":{"msc4354_sticky_duration_ttl_ms":20000}`, 50 * time.Second, 0, 20 * time.Second},
		{"by what remains, in the newest words", `"sticky":{"duration_ms":60000},"unsigned":{"sticky_duration_remaining_ms":20000}`, 0, 0, 20 * time.Second},
		{"from when it was sent", `"msc4354_sticky":{"duration_ms":60000}`, 10 * time.Second, 0, 50 * time.Second},
		{"from now if it claims to be of the future", `"msc4354_sticky":{"duration_ms":60000}`, -time.Hour, 0, 60 * time.Second},
		{"by our clock, when the homeserver's is ahead", `"msc4354_sticky":{"duration_ms":60000}`, 10*time.Second - time.Hour, time.Hour, 50 * time.Second},
		{"an hour at most", `"msc4354_sticky":{"duration_ms":99999999999}`, 0, 0, time.Hour},
		{"without a mark", `"x":1`, 0, 0, -1},
		{"for no time", `"msc4354_sticky":{"duration_ms":0}`, 0, 0, -1},
		{"state", `"state_key":"","msc4354_sticky":{"duration_ms":60000}`, 0, 0, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, err := json.Marshal(map[string]any{
				"type": message.TypeMember, "sender": "@a:b", "event_id": "$1",
				"origin_server_ts": received.Add(-test.sentAgo).UnixMilli(), "content": map[string]any{},
			})
			if err != nil {
				t.Fatal(err)
			}
			raw = []byte(strings.Replace(string(raw), "{", "{"+test.marks+",", 1))
			event, _ := readHeardEvent(raw)
			sticky, ok := event.sticky(received, test.ahead)
			if ok != (test.want >= 0) || ok && sticky.Until.Sub(received) != test.want {
				t.Errorf("got %v, until %s; want %s", ok, sticky.Until.Sub(received), test.want)
			}
		})
	}
}

func FuzzReadSticky(f *testing.F) {
	f.Add([]byte(`{"type":"m.rtc.member","sender":"@a:b","event_id":"$1","sticky":{"duration_ms":1},"unsigned":{"sticky_duration_remaining_ms":-1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		now := time.UnixMilli(1_800_000_000_000)
		event, _ := readHeardEvent(raw)
		sticky, ok := event.sticky(now, 0)
		if ok && sticky.Until.After(now.Add(stickiest)) {
			t.Errorf("sticky for %s", sticky.Until.Sub(now))
		}
	})
}

// A sticky membership stays for hours, is seen by who comes late, and goes at
// once with the process's goodbye.
func TestStickyMembership_LastsAsLongAsItIsRenewed_AndShowsToNewcomers(t *testing.T) {
	embedded(t, homeserver.Config{}, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		carol := h.open(h.clear("carol", "C"))
		start(t, carol)
		own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky, Intent: "video"})
		want := []string{"@alice:test/A=" + own.SessionID()}
		for range 15 {
			pass(17 * time.Minute)
			if got := seen.now(message.SlotRoom); !slices.Equal(got, want) {
				t.Fatalf("members %q, want %q", got, want)
			}
		}
		late := newSink()
		carol.Subscribe(h.room, late) // long after the event was sent
		pass(time.Second)
		if got := late.now(message.SlotRoom); !slices.Equal(got, want) {
			t.Errorf("who comes late sees %q, want %q", got, want)
		}
		if len(late.known().Sticky) == 0 || len(late.known().State) != 0 {
			t.Errorf("facts hold %d sticky and %d state events", len(late.known().Sticky), len(late.known().State))
		}
		if err := own.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if a, b := seen.now(message.SlotRoom), late.now(message.SlotRoom); len(a)+len(b) != 0 || h.server.Stats().Delayed != 0 {
			t.Errorf("after leaving: %q, %q, %d delayed events", a, b, h.server.Stats().Delayed)
		}
	})
}

func TestStickyMembership_GoesIntoTheState_WhereTheHomeserverHasNoStickyEvents(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky})
		pass(time.Second)
		if got := seen.now(message.SlotRoom); len(got) != 1 || !strings.Contains(own.Trouble(), "MSC4354") {
			t.Errorf("members %q, trouble %q", got, own.Trouble())
		}
	})
}

func TestSync_ForgetsARedactedStickyEvent(t *testing.T) {
	embedded(t, homeserver.Config{}, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky})
		pass(time.Second)
		if err := alice.Redact(t.Context(), h.room, own.posts[0].written, ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := seen.now(message.SlotRoom); len(got) != 0 {
			t.Errorf("members %q", got)
		}
	})
}

// held keeps to-device messages of a type from arriving until they are let go.
type held struct{ requests []*http.Request }

func (d *held) guard(w http.ResponseWriter, r *http.Request) bool {
	if !strings.Contains(r.URL.Path, "/sendToDevice/") {
		return false
	}
	body, _ := io.ReadAll(r.Body)
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	d.requests = append(d.requests, again)
	_, _ = w.Write([]byte(`{}`))
	return true
}

// In an encrypted room the sticky event is inside the envelope, and its key may
// come later than the event. The device that encrypted it is told.
func TestSync_OpensEncryptedStickyEvents_AlsoWhenTheirKeyComesLater(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, _ := h.enter(h.config("alice", "A"))
	bob, seen := h.enter(h.config("bob", "B"))
	content, err := message.StickyMember{
		StickyKey: "k", SlotID: message.SlotRoom, Application: message.ApplicationCall, MemberID: "k", Generation: message.GenerationNewest,
		Transports: message.Transports{Published: []message.Focus{{Type: message.FocusFullMesh}}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var keys held
	h.gate.set(keys.guard)
	machine, room := alice.crypto.machine, id.RoomID(h.room)
	if err := machine.ShareGroupSession(t.Context(), room, []id.UserID{userID(bob.Party())}); err != nil {
		t.Fatal(err)
	}
	sealed, err := machine.EncryptMegolmEvent(t.Context(), room, event.Type{Type: message.TypeMember, Class: event.MessageEventType}, json.RawMessage(content))
	if err != nil {
		t.Fatal(err)
	}
	h.gate.set(nil)
	if _, err := alice.sendSticky(t.Context(), h.room, message.TypeEncrypted, "1", sealed, time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	// A state event after it shows that the sealed one has passed.
	if err := alice.WriteState(t.Context(), h.room, message.TypeCallMember, "_mark", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	seen.wait(t, "the mark", func(s *sink) bool { return len(s.facts.State) == 1 })
	stuck := func() []membership.Sticky {
		return seen.known().Sticky
	}
	if got := stuck(); len(got) != 0 {
		t.Fatalf("opened without a key: %+v", got)
	}
	for _, request := range keys.requests {
		h.gate.inner.ServeHTTP(httptest.NewRecorder(), request.WithContext(t.Context()))
	}
	seen.wait(t, "the sticky event", func(s *sink) bool { return len(s.facts.Sticky) == 1 })
	if got := stuck()[0]; got.Type != message.TypeMember || !got.Encrypted || got.Device != "A" {
		t.Errorf("got %+v, want a member encrypted by A", got)
	}
	seen.wait(t, "alice", func(s *sink) bool { return slices.Equal(s.members(message.SlotRoom), []string{"@alice:test/A=k"}) })
}
