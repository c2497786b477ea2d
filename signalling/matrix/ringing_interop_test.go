//go:build interop

package matrix

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"

	"meshfocus/internal/registration"
	"meshfocus/signalling/message"
)

// foreign opens two devices of one user and one of another, in a new room, on a
// homeserver that others wrote.
func foreign(t *testing.T, variable string, encrypted bool) (caller, desk, pocket *phone) {
	t.Helper()
	base := os.Getenv(variable)
	if base == "" {
		t.Fatalf("%s is not set: run make interop, which starts a homeserver", variable)
	}
	open := func(user, device string) *Account {
		account, err := Open(t.Context(), Config{Homeserver: base, UserID: user, Password: "a password of " + user, DeviceID: device, Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = account.Close() })
		return account
	}
	end := strings.ToLower(rand.Text()[:8])
	for _, user := range []string{"alice", "bob"} {
		if _, err := registration.Make(base, user+end, "a password of "+user+end, ""); err != nil {
			t.Fatal(err)
		}
	}
	alice := open("alice"+end, "A")
	request := map[string]any{
		"preset":                       "public_chat",
		"power_level_content_override": map[string]any{"events": map[string]int{message.TypeCallMember: 0}},
	}
	if encrypted {
		request["initial_state"] = []any{map[string]any{"type": typeEncryption, "content": map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}}}
	}
	var room struct {
		ID string `json:"room_id"`
	}
	if err := alice.call(t.Context(), http.MethodPost, clientPath("v3", "createRoom"), nil, request, &room); err != nil {
		t.Fatal(err)
	}
	at := func(account *Account) *phone {
		if _, err := account.JoinRoom(t.Context(), room.ID); err != nil {
			t.Fatal(err)
		}
		return plugIn(t, account, room.ID)
	}
	caller, desk, pocket = at(alice), at(open("bob"+end, "DESK")), at(open("bob"+end, "POCKET"))
	caller.sink.wait(t, "bob", func(s *sink) bool { return s.facts.Joined[desk.account.Party().UserID] })
	return caller, desk, pocket
}

// ringsAbroad tells the story in a clear and in an encrypted room.
func ringsAbroad(t *testing.T, variable string) {
	for name, encrypted := range map[string]bool{"in a clear room": false, "in an encrypted room": true} {
		t.Run(name, func(t *testing.T) {
			caller, desk, pocket := foreign(t, variable, encrypted)
			ringing(t, caller, desk, pocket)
			all := spoken(t, caller.account, caller.room)
			if encrypted != (all[message.TypeEncrypted] > 0) || encrypted != (all[message.TypeNotification] == 0 && all[message.TypeDecline] == 0) {
				t.Errorf("the homeserver has %v", all)
			}
		})
	}
}

func TestInterop_RingsAreAnsweredDeclinedAndCancelledOnSynapse(t *testing.T) {
	ringsAbroad(t, "MESHFOCUS_INTEROP_HOMESERVER")
}

func TestInterop_RingsAreAnsweredDeclinedAndCancelledOnDendrite(t *testing.T) {
	ringsAbroad(t, "MESHFOCUS_INTEROP_DENDRITE")
}
