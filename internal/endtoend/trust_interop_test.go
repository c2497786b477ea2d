//go:build interop

package endtoend

import (
	"net/http"
	"strings"
	"testing"

	"meshfocus/internal/browser"
)

// A guest and somebody with an account tell each other what they see and how
// well they know each other: of the guest a server knows all, and both pages
// say so.
func TestInterop_AGuestAndAnAccountAgreeOnWhatTheyKnow(t *testing.T) {
	d := serve(t, "127.0.0.1", "--viewer=false", "--registration", "open")
	answer, err := http.Post(d.base()+"/_matrix/client/v3/register", "application/json",
		strings.NewReader(`{"username":"zoe","password":"a pass phrase","auth":{"type":"m.login.dummy"}}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(err, answer)
	}
	_ = answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	b := browser.Start(t)
	ann := join(t, b, d.base(), "lobby", "Ann")
	zoe := guest{b.Open(t, d.base()+"/account/"), "zoe"}
	zoe.Front()
	zoe.Eventually(joinLimit, "the form is shown", "!document.querySelector('#sign-in').hidden && !document.querySelector('#user').disabled", "document.body.innerText")
	zoe.Type("#homeserver", d.base())
	zoe.Type("#user", "zoe")
	zoe.Type("#password", "a pass phrase\r")
	zoe.Eventually(joinLimit, "rooms are offered", "!document.querySelector('#choose').hidden && !document.querySelector('#room').disabled", "document.body.innerText")
	zoe.Type("#room", "#lobby:"+serverName(t, zoe)+"\r")
	zoe.Eventually(joinLimit, "the camera is open", "document.querySelector('.prejoin video')?.srcObject", "document.body.innerText")
	zoe.Click(".prejoin [type=submit]")
	zoe.joined(t)
	zoe.sees(t, joinLimit, "Ann")
	ann.sees(t, joinLimit, "zoe")
	const pair = `[...meshfocus.call.snapshot().matrix.cells].filter(([pair]) => pair.includes("@zoe:") && pair.includes("@web-"))`
	for _, g := range []guest{ann, zoe} {
		g.Eventually(joinLimit, g.name+" has the word of both ends, and a server between them",
			pair+`.every(([, { trust, video, from, to }]) => trust.trust === "server" && trust.ends === 2 && video === "flows" && from && to)`,
			"JSON.stringify("+pair+")")
	}
	zoe.Eventually(joinLimit, "the details on the tile say so", `(() => {
	  document.querySelectorAll(".tile:not(.own) .info").forEach((button) => button.getAttribute("aria-expanded") === "true" || button.click());
	  return [...document.querySelectorAll(".facts")].some((facts) => facts.textContent.includes("leaves that to the server"));
	})()`, "document.querySelector('.grid').textContent")
}

// serverName is that of the homeserver on which somebody is signed in.
func serverName(t *testing.T, g guest) (name string) {
	t.Helper()
	g.Eval("document.querySelector('#who').textContent.replace(/^[^:]*:/, '')", &name)
	return name
}
