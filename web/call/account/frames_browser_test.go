package account

import (
	"net/http"
	"net/url"
	"testing"

	"meshfocus/internal/browser"
	"meshfocus/mesh"
	"meshfocus/mesh/headless"
)

// The browser's own Olm carries the keys of frames: nobody between the two ends
// has them.
func TestAccount_EncryptsFramesOnceMore(t *testing.T) {
	h := startHome(t).room(t, "secret", "Secret")
	h.person(t, "zoe")
	host := h.account(t, "host")
	h.request(t, host.Token, http.MethodPut, "/rooms/"+url.PathEscape(h.roomID)+"/state/m.room.encryption/", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}, nil)
	bob := startPartyAs(t, h, "bob", h.account(t, "bob"), func(c *headless.Config) { c.EncryptFrames = mesh.FramesOn })
	p := browser.Start(t).Open(t, h.pages+"/account/")
	signIn(p, h.base, "zoe", passPhrase)
	self := device(p)
	p.Click("#frames")
	callRoom(p, "#secret:test.local")
	p.Eventually(patience, "frames of bob decode", seesAll("@bob:test.local"), explain)
	opens := func() bool {
		for _, link := range bob.links(zoe) {
			if link.Peer == self && link.Frames.Opened > 40 && link.Unread == "" {
				return true
			}
		}
		return false
	}
	until(t, patience, "bob opens hers", opens, func() any { return bob.Status() })
	var is counts
	if p.Eval("meshfocus.call.signaller.vault.stats", &is); !is.onlyOlm() {
		t.Errorf("not every message was Olm: %+v", is)
	}
	var chosen bool
	if p.Eval("meshfocus.call.mesh.frames !== null && localStorage.getItem('meshfocus.frames') === 'on'", &chosen); !chosen {
		t.Error("the choice is not kept, or not followed")
	}
}
