package account

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/signalling/message"
)

const zoe = "@zoe:test.local"

// counts is what the page's vault has counted.
type counts struct{ Sealed, ClearSent, Opened, ClearTaken, Refused, Unreadable int }

func (c counts) onlyOlm() bool {
	return c.Sealed > 0 && c.Opened > 0 && c.ClearSent == 0 && c.ClearTaken == 0
}

func TestAccount_CallsThroughItsOwnHomeserver(t *testing.T) {
	h := startHome(t)
	h.person(t, "zoe")
	b := browser.Start(t)
	p := b.Open(t, h.pages+"/account/")
	picture(t, p, "account-sign-in")
	accessible(t, p)
	began := time.Now()
	signIn(p, h.base, "zoe", passPhrase)
	t.Logf("from the form to a device with keys: %s", time.Since(began).Round(time.Millisecond))
	self := device(p)
	picture(t, p, "account-rooms")
	accessible(t, p)

	t.Run("with a party that takes Olm only, both ways", func(t *testing.T) {
		bob := startParty(t, h, "bob", h.account(t, "bob"))
		began := time.Now()
		callRoom(p, "#call:test.local")
		p.Eventually(patience, "frames of bob decode", seesAll("@bob:test.local"), explain)
		picture(t, p, "account-call")
		t.Logf("from choosing the room to the first frames: %s", time.Since(began).Round(time.Millisecond))
		until(t, patience, "bob gets sound and picture", func() bool { return bob.receives(self) }, func() any { return bob.Status() })
		var is counts
		p.Eval("meshfocus.call.signaller.vault.stats", &is)
		if !is.onlyOlm() || is.Refused+is.Unreadable > 0 {
			t.Errorf("not every message was Olm: %+v", is)
		}
		h.forge(t, p, bob, self)
	})
	t.Run("as the same device after a reload", func(t *testing.T) {
		ben := startParty(t, h, "ben", h.account(t, "ben"))
		p.Reload()
		p.Eventually(patience, "frames of ben decode", seesAll("@ben:test.local"), explain)
		until(t, patience, "ben gets sound and picture", func() bool { return ben.receives(self) }, func() any { return ben.Status() })
		if is := ben.links(zoe); len(is) != 1 || is[0].Peer != self {
			t.Errorf("it came back as %+v, was %s", is, self)
		}
		began := time.Now()
		p.Go("about:blank")
		until(t, patience, "a closed page is gone", func() bool { return len(ben.links(zoe)) == 0 }, func() any { return ben.Status() })
		t.Logf("a closed page is gone for others after %s", time.Since(began).Round(time.Millisecond))
	})
	t.Run("and signs out without a trace", func(t *testing.T) {
		p.Go(h.pages + "/account/")
		p.Eventually(patience, "a closed tab was in a call: it goes back", "document.querySelector('main.room .icon-leave')", "document.body.innerText")
		p.Eval("meshfocus.call.leave()", nil)
		p.Go(h.pages + "/account/?")
		waitForRooms(p)
		p.Click("#sign-out")
		p.Eventually(patience, "the form is back", "!document.querySelector('#sign-in').hidden && !document.querySelector('#user').disabled", "document.body.innerText")
		var left struct{ Stored, Databases int }
		p.Eval("(async () => ({Stored: Object.keys(localStorage).filter((key) => key.startsWith('meshfocus.account')).length, Databases: (await indexedDB.databases()).length}))()", &left)
		if left.Stored+left.Databases > 0 {
			t.Errorf("the browser keeps %+v", left)
		}
	})
}

// forge hangs up in bob's name, as somebody with power over the homeserver
// could: in cleartext, with everything right but the lock.
func (h *home) forge(t *testing.T, p *browser.Page, bob *party, self message.Party) {
	t.Helper()
	if err := h.server.EnsureUser("bob", ""); err != nil {
		t.Fatal(err)
	}
	token, err := h.server.IssueToken("bob", "FORGER", "forger")
	if err != nil {
		t.Fatal(err)
	}
	link := bob.links(zoe)[0]
	var member struct {
		MembershipID string `json:"membershipID"`
	}
	h.request(t, token, http.MethodGet, "/rooms/"+h.roomID+"/state/org.matrix.msc3401.call.member/_@bob:test.local_BOBDEVICE_m.call", nil, &member)
	h.request(t, token, http.MethodPut, "/sendToDevice/m.call.hangup/forged", map[string]any{"messages": map[string]any{self.UserID: map[string]any{self.DeviceID: map[string]any{
		"call_id": link.CallID, "version": "1", "party_id": "BOBDEVICE", "device_id": "BOBDEVICE", "conf_id": link.ConfID, "slot_id": link.ConfID,
		"room_id": h.roomID, "sender_session_id": member.MembershipID, "dest_session_id": link.Session, "reason": "user_hangup",
	}}}}, nil)
	p.Eventually(patience, "the forged message is refused", "meshfocus.call.signaller.vault.stats.refused === 1", explain)
	var connected bool
	p.Eval(seesAll("@bob:test.local"), &connected)
	if again := bob.links(zoe); !connected || len(again) != 1 || again[0].CallID != link.CallID {
		t.Errorf("a forged hang-up ended the call: %+v", again)
	}
}

// accessible asks axe-core for what keeps people out.
func accessible(t *testing.T, p *browser.Page) {
	t.Helper()
	axe, err := os.ReadFile("../../../internal/npm/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p.Eval("(() => {"+string(axe)+"\n;globalThis.axe = globalThis.axe ?? window.axe})()", nil)
	var found []string
	p.Eval(`axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ")))`, &found)
	if len(found) > 0 {
		t.Errorf("accessibility: %q", found)
	}
}

// picture keeps a photograph where MESHFOCUS_PICTURES says, to be looked at.
func picture(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	dir := os.Getenv("MESHFOCUS_PICTURES")
	if dir == "" {
		return
	}
	p.Eventually(patience, "the page is drawn", "document.querySelector('#sign-in:not([hidden]), #choose:not([hidden]), main.room')", "")
	p.Screenshot(filepath.Join(dir, name+".png"))
	p.Size(360, 640, true)
	p.Screenshot(filepath.Join(dir, name+"-phone.png"))
	p.Size(1280, 800, false)
}

func callRoom(p *browser.Page, room string) {
	p.Type("#room", room)
	p.Click("#room-form [type=submit]")
	p.Eventually(patience, "camera and microphone are open", "document.querySelector('.prejoin video')?.srcObject", "document.body.innerText")
	p.Click(".prejoin [type=submit]")
	p.Eventually(patience, "the call is shown", "document.querySelector('main.room')", "document.body.innerText")
}

// device is who the page is signed in as.
func device(p *browser.Page) (self message.Party) {
	var is struct{ User, Device string }
	p.Eval("({User: document.querySelector('#who').textContent, Device: document.querySelector('#device').textContent})", &is)
	return message.Party{UserID: is.User, DeviceID: is.Device}
}

// seesAll: pictures of a user arrive, and every word was proven end to end.
func seesAll(user string) string {
	return fmt.Sprintf(`meshfocus.call.snapshot().peers.some((peer) => peer.user_id === %q && peer.state === "connected"
		&& peer.encrypted && peer.authenticated && peer.stats?.framesDecoded > 5)`, user)
}

const explain = `globalThis.meshfocus && JSON.stringify({...meshfocus.call.snapshot(), reports: null, matrix: null, vault: meshfocus.call.signaller.vault.stats}) || document.body.innerText`
