package account

import (
	"net/http"
	"net/url"
	"testing"

	"meshfocus/internal/browser"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
)

// A member whose place in the slot is a sticky event (MSC4354) that came inside
// Megolm is met there, though its key is older than our device.
func TestAccount_MeetsAStickyMemberOfAnEncryptedRoom(t *testing.T) {
	h := startHome(t).room(t, "secret", "Secret")
	h.person(t, "zoe")
	host := h.account(t, "host")
	h.request(t, host.Token, http.MethodPut, "/rooms/"+url.PathEscape(h.roomID)+"/state/m.room.encryption/", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}, nil)
	bob := startPartyAs(t, h, "bob", h.account(t, "bob"), func(c *headless.Config) { c.CallID, c.Profile = "", matrix.ProfileSticky })
	p := browser.Start(t).Open(t, h.pages+"/account/")
	signIn(p, h.base, "zoe", passPhrase)
	self := device(p)
	callRoom(p, "#secret:test.local")
	p.Eventually(patience, "frames of bob decode", seesAll("@bob:test.local"), explain)
	until(t, patience, "bob gets sound and picture", func() bool { return bob.receives(self) }, func() any { return bob.Status() })
	var locked bool
	p.Eval(`(({ room }) => room.sticky.some(({ sender, device }) => sender === "@bob:test.local" && device === "BOBDEVICE") && !room.events.some(({ sender, content }) => sender === "@bob:test.local" && content.application))(meshfocus.call.mesh)`, &locked)
	if !locked {
		t.Error("bob is a member by other than a locked sticky event")
	}
}
