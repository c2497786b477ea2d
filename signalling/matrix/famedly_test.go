package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// dartCall is the Dart SDK's call of a room.
var dartCall = membership.FamedlyConfID(message.ApplicationCall, "")

// dartEntry is what another device writes there, with a key that we do not know.
func dartEntry(device, focus string) string {
	return fmt.Sprintf(`{"call_id":"","application":"m.call","scope":"m.room","foci_active":[{"type":%q}],"device_id":%q,`+
		`"expires_ts":%d,"membershipID":"dart+/=","feeds":[{"purpose":"m.usermedia"}],"new":[1]}`, focus, device, time.Now().Add(time.Hour).UnixMilli())
}

func dartEvent(entries ...string) json.RawMessage {
	return json.RawMessage(`{"memberships":[` + strings.Join(entries, ",") + `]}`)
}

func TestFamedly_IsWrittenAsTheDartSDKDoes_BesideOurOtherDevices(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		other := dartEntry("W", "mesh")
		h.fake.put("@alice:test", message.TypeMemberFamedly, "@alice:test", dartEvent(other))
		there := func() fakeEvent {
			h.fake.mutex.Lock()
			defer h.fake.mutex.Unlock()
			return h.fake.state[stateKey{message.TypeMemberFamedly, "@alice:test"}]
		}
		own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileFamedly})
		is := func(when string, others ...string) {
			t.Helper()
			written := there()
			ours := fmt.Sprintf(`{"application":"m.call","call_id":"","scope":"m.room","device_id":"A","membershipID":%q,"expires_ts":%d,`+
				`"foci_active":[{"type":"mesh"}],"feeds":[{"purpose":"m.usermedia"}]}`, own.SessionID(), written.SentAt+360_000)
			if want := normal(dartEvent(append(slices.Clone(others), ours)...)); normal(written.Content) != want {
				t.Errorf("%s there stands\n%s, want\n%s", when, normal(written.Content), want)
			}
		}
		is("at first", other)
		first := time.UnixMilli(there().SentAt)
		pass(5 * time.Minute)
		is("after a while", other)
		if latest := time.UnixMilli(there().SentAt); latest.Sub(first) < 3*time.Minute {
			t.Errorf("last renewed after %s", latest.Sub(first))
		}
		h.fake.put("@alice:test", message.TypeMemberFamedly, "@alice:test", json.RawMessage(strings.Replace(string(there().Content), other+",", "", 1)))
		pass(3 * time.Minute)
		is("when the other device has gone")
		third := dartEntry("X", "mesh")
		h.fake.put("@alice:test", message.TypeMemberFamedly, "@alice:test", json.RawMessage(strings.Replace(string(there().Content), `:[{"app`, `:[`+third+`,{"app`, 1)))
		pass(10 * time.Second)
		own.stop() // and the homeserver writes our leave
		pass(31 * time.Second)
		if left := there().Content; normal(left) != normal(dartEvent(third)) {
			t.Errorf("left behind %s, want %s", left, third)
		}
	})
}

func TestFamedly_IsLeftByAll_AndWithoutATrace(t *testing.T) {
	embedded(t, homeserver.Config{}, func(t *testing.T, h *house) {
		_, seen := h.enter(h.clear("bob", "B"))
		var stays []*stay
		for _, device := range []string{"A1", "A2"} {
			alice, _ := h.enter(h.clear("alice", device))
			stays = append(stays, h.join(alice, MembershipConfig{Slot: true, Profile: ProfileFamedly}))
			pass(time.Second)
		}
		crashed := stays[1]
		crashed.stop()
		pass(40 * time.Second)
		if got := seen.now(dartCall); len(got) != 1 || got[0] != "@alice:test/A1="+stays[0].SessionID() {
			t.Errorf("after a crash there are %q", got)
		}
		if err := stays[0].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := seen.now(dartCall); len(got) != 0 || h.server.Stats().Delayed != 0 {
			t.Errorf("in the end there are %q and %d delayed events", got, h.server.Stats().Delayed)
		}
	})
}

// Which call of the room is joined, and what Trouble says.
func TestFamedly_IsChosenWhereAllOthersAreInIt_AndNowhereElse(t *testing.T) {
	const slot = message.SlotRoom
	for _, test := range []struct {
		name    string
		config  MembershipConfig
		dart    string // focus of bob in the Dart SDK's call
		matrix  bool   // carol is in the slot
		forbid  bool   // we may not write into the Dart SDK's call
		want    string
		trouble string
	}{
		{"nobody is there", MembershipConfig{Famedly: true}, "", false, false, slot, ""},
		{"all others are", MembershipConfig{Famedly: true}, "mesh", false, false, dartCall, ""},
		{"all others are, and we would be sticky", MembershipConfig{Famedly: true, Profile: ProfileSticky}, "mesh", false, false, dartCall, ""},
		{"we do not speak that", MembershipConfig{}, "mesh", false, false, slot, ""},
		{"one is in the slot", MembershipConfig{Famedly: true}, "mesh", true, false, slot, ""},
		{"they use LiveKit", MembershipConfig{Famedly: true}, "livekit", false, false, slot, ""},
		{"we may not", MembershipConfig{Famedly: true}, "mesh", false, true, slot, "level 50"},
		{"it was asked for", MembershipConfig{Profile: ProfileFamedly}, "", true, false, dartCall, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				alice, _ := h.enter(h.clear("alice", "A"))
				_, seen := h.enter(h.clear("bob", "B"))
				if test.dart != "" {
					h.fake.put("@bob:test", message.TypeMemberFamedly, "@bob:test", dartEvent(dartEntry("B", test.dart)))
				}
				carol, _ := h.enter(h.clear("carol", "C"))
				if test.matrix {
					h.join(carol, MembershipConfig{Slot: true})
				}
				h.fake.put("@owner:test", typePowerLevels, "", json.RawMessage(`{}`))
				h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
					forbidden := test.forbid && r.Method == http.MethodPut && strings.Contains(r.URL.Path, message.TypeMemberFamedly) && !r.URL.Query().Has(message.QueryDelay)
					if forbidden {
						refuse(w, http.StatusForbidden, "M_FORBIDDEN", nil)
					}
					return forbidden
				})
				test.config.Slot = true
				own := h.join(alice, test.config)
				is := func(when string) {
					t.Helper()
					keys := own.Keys()
					if len(keys) != 1 || keys[0].ConfID != test.want || !slices.Contains(seen.now(test.want), "@alice:test/A="+own.SessionID()) {
						t.Errorf("%s: keys %v, in %s are %q", when, keys, test.want, seen.now(test.want))
					}
					for _, other := range []string{slot, dartCall} {
						if other != test.want && strings.Contains(fmt.Sprint(seen.now(other)), "@alice:test/A=") {
							t.Errorf("%s: we are in %s too", when, other)
						}
					}
				}
				pass(time.Second)
				is("at first")
				if words := own.Trouble(); !strings.Contains(words, test.trouble) || (words == "") != (test.trouble == "") {
					t.Errorf("trouble %q, want %q", words, test.trouble)
				}
				// Others come and go: we stay where we are.
				h.fake.put("@bob:test", message.TypeMemberFamedly, "@bob:test", dartEvent())
				h.join(carol, MembershipConfig{CallID: "conf"})
				pass(10 * time.Minute)
				is("later")
				if err := own.Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				for _, confID := range []string{slot, dartCall} {
					if strings.Contains(fmt.Sprint(seen.now(confID)), "@alice:test/A=") {
						t.Errorf("still in %s after leaving", confID)
					}
				}
			})
		})
	}
}

func TestFamedly_MessagesTravelUnderTheirOwnNames(t *testing.T) {
	for _, mode := range []EncryptMode{EncryptRequire, EncryptOff} {
		engines(t, func(t *testing.T, h *house) {
			from, to := h.config("alice", "A"), h.config("bob", "B")
			from.Encrypt, to.Encrypt = mode, mode
			alice, _ := h.enter(from)
			bob, heard := h.enter(to)
			signal := hangup(alice, h.room, 1)
			signal.Dialect, signal.ConfID, signal.CallID, signal.PartyID = message.DialectFamedly, "", "call+/=", signal.SenderSessionID
			if err := deliver(t, alice, bob.Party(), signal); err != nil {
				t.Fatal(err)
			}
			heard.wait(t, "the signal", func(s *sink) bool { return len(s.received) == 1 })
			got := heard.take()[0]
			if got.Type != "com.famedly.call.member.hangup" || got.From != alice.Party() || got.Encrypted != (mode == EncryptRequire) ||
				got.Signal.Dialect != message.DialectFamedly || got.Signal.CallID != "call+/=" {
				t.Errorf("%s from %s, encrypted %v: %+v", got.Type, got.From, got.Encrypted, got.Signal.Envelope)
			}
		})
	}
}
