//go:build interop && goolm

package account

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"

	"meshfocus/internal/browser"
	"meshfocus/signalling/matrix"
	"meshfocus/web/call"
)

func TestInterop_AccountCallsThroughSynapse(t *testing.T) {
	base := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER names no homeserver; internal/scripts/interop starts one")
	}
	for name, encrypted := range map[string]bool{"in a plain room": false, "in an encrypted room": true} {
		t.Run(name, func(t *testing.T) {
			h := &home{base: base, pages: listen(t, call.Handler())}
			suffix := strings.ToLower(rand.Text()[:8])
			bobToken, _ := h.register(t, "bob"+suffix)
			_, zoe := h.register(t, "zoe"+suffix)
			h.roomID = h.makeRoom(t, bobToken, encrypted)
			bob := startParty(t, h, "bob", matrix.Config{Homeserver: base, Token: bobToken})

			p := browser.Start(t).Open(t, h.pages+"/account/")
			signIn(p, base, "zoe"+suffix, passPhrase)
			self := device(p)
			callRoom(p, h.roomID)
			p.Eventually(patience, "frames of bob decode", seesAll(bob.Party().UserID), explain)
			until(t, patience, "bob gets sound and picture", func() bool { return bob.receives(self) }, func() any { return bob.Status() })
			var is counts
			p.Eval("meshfocus.call.signaller.vault.stats", &is)
			if !is.onlyOlm() {
				t.Errorf("not every message was Olm: %+v", is)
			}
			p.Eval("meshfocus.call.leave()", nil)
			until(t, patience, "bob sees that we left", func() bool { return len(bob.links(zoe)) == 0 }, func() any { return bob.Status() })
		})
	}
}

// register makes a user with a device.
func (h *home) register(t *testing.T, name string) (token, userID string) {
	t.Helper()
	var answer struct {
		Token  string `json:"access_token"`
		UserID string `json:"user_id"`
	}
	h.request(t, "", http.MethodPost, "/register", map[string]any{
		"username": name, "password": passPhrase, "auth": map[string]string{"type": "m.login.dummy"},
	}, &answer)
	return answer.Token, answer.UserID
}

// makeRoom makes one that anybody may enter, and in which all may call.
func (h *home) makeRoom(t *testing.T, token string, encrypted bool) string {
	t.Helper()
	state := []any{} // Synapse stumbles over null
	if encrypted {
		state = append(state, map[string]any{"type": "m.room.encryption", "state_key": "", "content": map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}})
	}
	var answer struct {
		RoomID string `json:"room_id"`
	}
	h.request(t, token, http.MethodPost, "/createRoom", map[string]any{
		"preset": "public_chat", "initial_state": state,
		"power_level_content_override": map[string]any{"events": map[string]int{"org.matrix.msc3401.call": 0, "org.matrix.msc3401.call.member": 0}},
	}, &answer)
	return answer.RoomID
}
