package account

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"meshfocus/internal/browser"
)

// breaker is in a page before its own scripts: store.breaks is how often the browser's
// databases do not open, store.blocked that nothing may be stored, and store.close()
// closes those that are open, as a browser does whose disk is full.
const breaker = `
	globalThis.store = {
		blocked: "blocked" in sessionStorage, breaks: Number(sessionStorage.breaks ?? 0), opened: [], tries: 0,
		close() { for (const db of this.opened.splice(0)) db.close(); },
	};
	const open = IDBFactory.prototype.open;
	IDBFactory.prototype.open = function (name, version) {
		store.tries++;
		if (store.blocked) throw new DOMException("access is denied", "SecurityError");
		const breaks = store.breaks > 0 && store.breaks--;
		const request = breaks ? open.call(this, name, 1000) : open.apply(this, version ? [name, version] : [name]);
		if (breaks) request.addEventListener("upgradeneeded", (event) => { event.stopImmediatePropagation(); request.transaction.abort(); });
		request.addEventListener("success", () => store.opened.push(request.result));
		return request;
	};`

// TestStore_ThatFailsIsOpenedAgainOrSpokenOf is one browser for all, since each takes
// long to start.
func TestStore_ThatFailsIsOpenedAgainOrSpokenOf(t *testing.T) {
	h := startHome(t)
	h.person(t, "zoe")
	p := browser.Start(t).Open(t, h.pages+"/account/")
	p.Run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(breaker).Do(ctx)
		return err
	}))
	broken := func(how string) {
		p.Eval("(sessionStorage.clear(), "+how+")", nil)
		p.Go(h.pages + "/account/")
	}
	const says = "/^This browser cannot store keys now: its disk is full/.test(document.querySelector('#say').textContent)"
	broken("sessionStorage.blocked = true")
	fillIn(p, h.base, "zoe", passPhrase)
	p.Eventually(patience, "blocked storage is spoken of", says, "document.body.innerText")
	broken("sessionStorage.breaks = 1e9")
	p.Eventually(patience, "and so is a store that never opens", says+" && store.tries >= 4", "document.body.innerText")
	broken("sessionStorage.breaks = 2")
	waitForRooms(p)
	var tries int
	p.Eval("store.tries", &tries)
	if tries < 3 {
		t.Errorf("the store was opened %d times, and the first two failed", tries)
	}
	startParty(t, h, "bob", h.account(t, "bob"))
	callRoom(p, "#call:test.local")
	p.Eventually(patience, "frames of bob decode", seesAll("@bob:test.local"), explain)

	const sealed = "meshfocus.call.signaller.vault.stats.sealed"
	p.Eval("(globalThis.before = "+sealed+", store.close(), meshfocus.media.setMuted({audio: true}))", nil)
	p.Eventually(patience, "what is said after the store closed goes out locked", sealed+" > before", explain)
	const banner = "document.querySelector('.banner:not([hidden])')?.textContent"
	p.Eval("(store.breaks = 1e9, store.close(), meshfocus.call.signaller.check())", nil)
	p.Eventually(patience, "in the call it is said that keys cannot be had", "/cannot store keys now/.test("+banner+") && meshfocus.call.state === 'joined'", explain)
	p.Eval("store.breaks = 0", nil)
	p.Eventually(patience, "it is back", "!"+banner, explain)
	p.Eval("(globalThis.before = "+sealed+", meshfocus.media.setMuted({audio: false}))", nil)
	p.Eventually(patience, "and so is what is said", sealed+" > before", explain)
	p.Eventually(patience, "all in one call", seesAll("@bob:test.local")+"", explain)
}
