package matrix

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestMembership_WithoutPowerForTheCallObject_IsInTheSlotAndSaysWhoCannotCome(t *testing.T) {
	h := newHouse(t)
	h.fake.put("@owner:test", typePowerLevels, "", json.RawMessage(
		`{"events":{"org.matrix.msc3401.call":60,"org.matrix.msc3401.call.member":0},"users_default":5}`))
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		forbid := r.Method == "PUT" && strings.Contains(r.URL.Path, "/"+message.TypeCall+"/")
		if forbid {
			refuse(w, 403, "M_FORBIDDEN", nil)
		}
		return forbid
	})
	alice, _ := h.enter(h.clear("alice", "A"))
	own := h.join(alice, MembershipConfig{Slot: true, CallID: "conf"})
	if keys := own.Keys(); len(keys) != 1 || keys[0] != (membership.Key{RoomID: h.room, ConfID: message.SlotRoom}) {
		t.Errorf("alice is in %v, want the slot alone", keys)
	}
	for _, part := range []string{"GroupCall", "cannot join", message.TypeCall, "level 60", "@alice:test has 5"} {
		if !strings.Contains(own.Trouble(), part) {
			t.Errorf("%q does not say %q", own.Trouble(), part)
		}
	}
	if err := own.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-own.done; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

// Under two names a call object can be live and terminated at once.
func TestMembership_RevivesACallThatOneOfItsNamesEnds(t *testing.T) {
	const live, ended = `{"m.intent":"m.room","m.type":"m.voice"}`, `{"m.intent":"m.room","m.type":"m.voice","m.terminated":"call_ended"}`
	for _, test := range []struct {
		name, unstable, stable string
		written                bool
	}{
		{"the newer name", live, ended, true},
		{"the older name", ended, live, true},
		{"none", live, live, false},
		{"only the newer is there", "", live, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			for name, content := range map[string]string{message.TypeCall: test.unstable, message.TypeCallStable: test.stable} {
				if content != "" {
					h.fake.put("@owner:test", name, "conf", json.RawMessage(content))
				}
			}
			alice, _ := h.enter(h.clear("alice", "A"))
			own := h.join(alice, MembershipConfig{CallID: "conf"})
			content, err := alice.state(t.Context(), h.room, message.TypeCall, "conf")
			if err != nil {
				t.Fatal(err)
			}
			if written := strings.Contains(string(content), "m.video"); written != test.written {
				t.Errorf("the call object is %s, written by us: %v", content, written)
			}
			if own.Trouble() != "" {
				t.Errorf("there is trouble: %s", own.Trouble())
			}
		})
	}
}
