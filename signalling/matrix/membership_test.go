package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// stay is a membership that runs until stopped.
type stay struct {
	*Membership
	stop func()     // ends Run without Leave
	done chan error // Run's end
}

// join joins and keeps it up.
func (h *house) join(account *Account, config MembershipConfig) *stay {
	h.t.Helper()
	config.RoomID = h.room
	m := account.NewMembership(config)
	if err := m.Join(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &stay{Membership: m, stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- m.Run(ctx) }()
	h.t.Cleanup(cancel)
	return s
}

// forms runs a test for a membership of each form.
func forms(t *testing.T, test func(*testing.T, string, MembershipConfig)) {
	t.Run("slot", func(t *testing.T) { test(t, message.SlotRoom, MembershipConfig{Slot: true}) })
	t.Run("conference", func(t *testing.T) { test(t, "conf", MembershipConfig{CallID: "conf"}) })
	t.Run("famedly", func(t *testing.T) {
		test(t, membership.FamedlyConfID("m.call", ""), MembershipConfig{Slot: true, Profile: ProfileFamedly})
	})
}

// clear is a device without encryption, which is quicker.
func (h *house) clear(user, device string) Config {
	config := h.config(user, device)
	config.Encrypt = EncryptOff
	return config
}

func TestMembership_IsTakenBackByTheHomeserver_WhenRunDies(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			own := h.join(alice, config)
			pass(5 * time.Minute)
			if got := seen.now(confID); len(got) != 1 {
				t.Fatalf("members after 5 minutes: %q, want alice", got)
			}
			own.stop()
			pass(19 * time.Second)
			if got := seen.now(confID); len(got) != 1 {
				t.Fatal("gone before the delay was over")
			}
			pass(12 * time.Second)
			if got := seen.now(confID); len(got) != 0 {
				t.Fatalf("a ghost: %q", got)
			}
		})
	})
}

func TestMembership_ArmsTheLeaveBeforeItJoins(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			var order []string
			h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Query().Has(message.QueryDelay):
					order = append(order, "arm")
				case r.Method == "PUT" && strings.Contains(r.URL.Path, "call.member"):
					order = append(order, "join")
				case strings.HasSuffix(r.URL.Path, "/restart"):
					order = append(order, "restart")
				}
				return false
			})
			h.join(alice, config)
			pass(25 * time.Second)
			if want := []string{"arm", "join", "restart", "restart", "restart"}; !slices.Equal(order, want) {
				t.Errorf("requests %q, want %q", order, want)
			}
		})
	})
}

func TestMembership_StaysForHours_AndNeverLooksExpired(t *testing.T) {
	for _, test := range []struct {
		name   string
		delays bool
	}{{"with delayed events", true}, {"without", false}} {
		t.Run(test.name, func(t *testing.T) {
			forms(t, func(t *testing.T, confID string, config MembershipConfig) {
				virtual(t, func(t *testing.T, h *house) {
					h.fake.noDelays = !test.delays
					alice, _ := h.enter(h.clear("alice", "A"))
					_, seen := h.enter(h.clear("bob", "B"))
					own := h.join(alice, config)
					for range 4 * 6 {
						pass(10 * time.Minute)
						if got := seen.now(confID); len(got) != 1 {
							t.Fatalf("members: %q, want alice", got)
						}
					}
					own.stop()
					within := 31 * time.Second
					if !test.delays {
						within = 10*time.Minute + 10*time.Second
					}
					pass(within)
					if got := seen.now(confID); len(got) != 0 {
						t.Fatalf("a ghost after %s: %q", within, got)
					}
				})
			})
		})
	}
}

func TestMembership_IsWholeAgain_AfterTheHomeserverWasAway(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			own := h.join(alice, config)
			pass(time.Minute)
			before := seen.now(confID)
			h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			})
			pass(time.Minute) // the leave comes due meanwhile
			h.gate.set(nil)
			pass(8 * time.Second)
			if got := seen.now(confID); !slices.Equal(got, before) {
				t.Fatalf("members %q, want %q as before", got, before)
			}
			if err := own.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if got := seen.now(confID); len(got) != 0 || len(h.fake.delayed) != 0 {
				t.Fatalf("members %q and %d delayed events are left", got, len(h.fake.delayed))
			}
		})
	})
}

func TestMembership_ComesBack_WhenSomebodyPutsItOut(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			own := h.join(alice, config)
			pass(time.Minute)
			eventType, key := own.posts[0].place.eventType, own.posts[0].key()
			for range 5 {
				h.fake.put("@alice:test", eventType, key, json.RawMessage(`{}`))
				pass(10 * time.Second)
				if got := seen.now(confID); len(got) != 1 {
					t.Fatalf("members: %q, want alice back", got)
				}
			}
			own.stop()
			pass(31 * time.Second)
			if got := seen.now(confID); len(got) != 0 {
				t.Fatalf("the leave is not armed any more: %q", got)
			}
		})
	})
}

func TestMembership_OutlivesAStormOfRateLimits(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			h.join(alice, config)
			pass(time.Second)
			left := 0
			seen.mutex.Lock()
			seen.onFacts = func(s *sink) {
				if len(s.members(confID)) == 0 {
					left++
				}
			}
			seen.mutex.Unlock()
			tried := map[string]int{} // every third attempt of a request is let through
			h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
				request := r.Method + r.URL.Path
				if tried[request]++; tried[request]%3 != 0 && !strings.Contains(r.URL.Path, "/sync") {
					refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 1500})
					return true
				}
				return false
			})
			pass(10 * time.Minute)
			if got := seen.now(confID); len(got) != 1 || left > 0 {
				t.Fatalf("members %q, out %d times; want alice throughout", got, left)
			}
		})
	})
}

func TestMembership_TakesTheDelayTheHomeserverAllows(t *testing.T) {
	for _, test := range []struct {
		name   string
		refuse func(http.ResponseWriter)
	}{
		{"from its capabilities", func(w http.ResponseWriter) { refuse(w, 403, "M_FORBIDDEN", nil) }},
		{"from the older error", func(w http.ResponseWriter) {
			refuse(w, 400, "M_UNKNOWN", map[string]any{"org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED", fieldMaxDelay: 8000})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				h.fake.maxDelay = 8 * time.Second
				alice, _ := h.enter(h.clear("alice", "A"))
				_, seen := h.enter(h.clear("bob", "B"))
				h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
					if test.name == "from the older error" && strings.HasSuffix(r.URL.Path, "/capabilities") {
						refuse(w, 404, "M_UNRECOGNIZED", nil)
						return true
					}
					if delay := r.URL.Query().Get(message.QueryDelay); delay != "" && delay != "8000" {
						test.refuse(w)
						return true
					}
					return false
				})
				own := h.join(alice, MembershipConfig{Slot: true})
				pass(time.Minute)
				if got := seen.now(message.SlotRoom); len(got) != 1 {
					t.Fatalf("members: %q, want alice", got)
				}
				own.stop()
				pass(9 * time.Second)
				if got := seen.now(message.SlotRoom); len(got) != 0 {
					t.Fatalf("a ghost: %q", got)
				}
			})
		})
	}
}

// The time of joining is that of the first event by the homeserver, or clocks
// that differ would change the order of the members.
func TestMembership_KeepsTheServersTimeOfJoining(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.fake.skew = 7 * time.Minute
		alice, _ := h.enter(h.clear("alice", "A"))
		own := h.join(alice, MembershipConfig{Slot: true})
		pass(time.Second)
		key := own.posts[0].key()
		at := stateKey{message.TypeCallMember, key}
		first := h.fake.state[at]
		pass(4 * time.Hour)
		now := h.fake.state[at]
		if now.EventID == first.EventID {
			t.Fatal("the membership was not renewed")
		}
		member, err := message.ParseMember(now.Content)
		if err != nil || member.Session.JoinedAt.UnixMilli() != first.SentAt {
			t.Errorf("%s, %v; want %s %d", now.Content, err, message.KeyJoined, first.SentAt)
		}
	})
}

func TestMembership_WithoutPower_SaysWhichEventNeedsWhichLevel(t *testing.T) {
	h := newHouse(t)
	h.fake.put("@owner:test", typePowerLevels, "", json.RawMessage(`{"events":{"org.matrix.msc3401.call":60},"users_default":5}`))
	alice, _ := h.enter(h.clear("alice", "A"))
	for _, test := range []struct {
		config MembershipConfig
		says   []string
	}{
		{MembershipConfig{Slot: true}, []string{message.TypeCallMember, "needs level 50", "@alice:test has 5"}},
		{MembershipConfig{CallID: "conf"}, []string{message.TypeCall, "needs level 60", "@alice:test has 5"}},
	} {
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "PUT" {
				refuse(w, 403, "M_FORBIDDEN", nil)
			}
			return r.Method == "PUT"
		})
		test.config.RoomID = h.room
		err := alice.NewMembership(test.config).Join(t.Context())
		if !errors.Is(err, ErrPower) || !errors.Is(err, ErrNotAllowed) {
			t.Fatalf("err %v, want ErrPower and ErrNotAllowed", err)
		}
		for _, part := range test.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestMembership_EndsRun_WhenItMayNotWriteAnyMore(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		own := h.join(alice, MembershipConfig{Slot: true})
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			forbid := r.Method == "PUT" && strings.Contains(r.URL.Path, "/state/")
			if forbid {
				refuse(w, 403, "M_FORBIDDEN", nil)
			}
			return forbid
		})
		pass(4 * time.Hour)
		select {
		case err := <-own.done:
			if !errors.Is(err, ErrNotAllowed) {
				t.Errorf("Run ended with %v, want ErrNotAllowed", err)
			}
		default:
			t.Error("Run goes on with a membership that cannot be renewed")
		}
		if got := seen.now(message.SlotRoom); len(got) != 0 || len(h.fake.delayed) != 0 {
			t.Errorf("left behind: members %q and %d delayed events", got, len(h.fake.delayed))
		}
		if err := own.Leave(t.Context()); err != nil {
			t.Errorf("Leave after that gives %v", err)
		}
	})
}

func TestMembership_CreatesTheCallObject_OnlyIfNoneIsLive(t *testing.T) {
	for _, test := range []struct {
		name, present string
		created       bool
	}{
		{"none", ``, true},
		{"live", `{"m.intent":"m.prompt","m.type":"m.voice"}`, false},
		{"terminated", `{"m.intent":"m.prompt","m.type":"m.voice","m.terminated":"call_ended"}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			if test.present != "" {
				h.fake.put("@owner:test", message.TypeCall, "conf", json.RawMessage(test.present))
			}
			alice, _ := h.enter(h.clear("alice", "A"))
			h.join(alice, MembershipConfig{CallID: "conf"})
			content, err := alice.state(t.Context(), h.room, message.TypeCall, "conf")
			if err != nil {
				t.Fatal(err)
			}
			if created := normal(content) != normal(json.RawMessage(test.present)); created != test.created {
				t.Errorf("call object is %s, want created %v", content, test.created)
			}
			if call, err := message.ParseCallObject(content); err != nil || call.Terminated {
				t.Errorf("call object %s, %v; want a live one", content, err)
			}
		})
	}
}

func TestMembership_IsSeenInSlotAndConferenceAtOnce_UnderOneSession(t *testing.T) {
	engines(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		own := h.join(alice, MembershipConfig{Slot: true, CallID: "conf", RumaSafe: true})
		want := []string{"@alice:test/A=" + own.SessionID()}
		for _, key := range own.Keys() {
			seen.wait(t, "alice in "+key.ConfID, func(s *sink) bool { return slices.Equal(s.members(key.ConfID), want) })
		}
		if err := own.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-own.done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		for _, key := range own.Keys() {
			seen.wait(t, "alice gone", func(s *sink) bool { return len(s.members(key.ConfID)) == 0 })
		}
	})
}

// Synapse takes a state event with the content that is there already for none:
// a renewal would not happen.
func TestMembership_NeverWritesTheSameContentTwiceInARow(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			last, writes := "", 0
			h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "call.member") || r.URL.Query().Has(message.QueryDelay) {
					return false
				}
				content, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(content))
				if writes++; string(content) == last {
					t.Errorf("write %d is the one before: %s", writes, content)
				}
				last = string(content)
				return false
			})
			own := h.join(alice, config)
			for range 5 {
				pass(3 * time.Hour)
				h.fake.put("@alice:test", message.TypeCallMember, own.posts[0].key(), json.RawMessage(`{}`))
			}
			pass(time.Minute)
			if writes < 10 {
				t.Errorf("%d writes in fifteen hours", writes)
			}
		})
	})
}
