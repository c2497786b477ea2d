package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"meshfocus/internal/browser"
)

// Peer is one page with one account in at most one call. Its methods fail the
// test when the page does not do as told.
type Peer struct {
	Kind    Kind
	Account Account
	// Self is known after Join.
	Self Self

	t    testing.TB
	page *browser.Page
}

// Self is who a peer is in its call.
type Self struct {
	UserID    string `json:"user_id"`
	DeviceID  string `json:"device_id"`
	SessionID string `json:"session_id"`
	ConfID    string `json:"conf_id"`
}

// Wish is how a peer is to join.
type Wish struct {
	Room string `json:"room"`
	// Wait waits for the object of the call instead of making one.
	Wait bool `json:"wait,omitempty"`
	// Relay lets media go through TURN only.
	Relay bool `json:"relay,omitempty"`
	// Socket and Link lead a guest into a call of a daemon.
	Socket string `json:"socket,omitempty"`
	Link   string `json:"link,omitempty"`
	// Variant names what raw.js does in another way than the libraries.
	Variant string `json:"variant,omitempty"`
}

// Open opens the page of a kind for an account. What its library complains of
// on the console is kept for reports of failures and is none by itself.
func Open(t testing.TB, w *Workshop, b *browser.Browser, kind Kind, account Account) *Peer {
	t.Helper()
	return OpenWith(t, w, b, kind, account, SmallCamera)
}

// Cameras, as width and height in pixels.
const (
	SmallCamera = "320x240"
	// LargeCamera is the smallest from which Chromium makes three layers.
	LargeCamera = "960x540"
)

// OpenWith is Open with another camera.
func OpenWith(t testing.TB, w *Workshop, b *browser.Browser, kind Kind, account Account, camera string) *Peer {
	t.Helper()
	p := &Peer{Kind: kind, Account: account, t: t, page: b.Open(t, w.Page(t, kind)+"?camera="+camera)}
	p.page.NoCache()
	p.page.Expect("") // every complaint holds this
	t.Cleanup(p.explain)
	p.page.Eventually(browser.Patience, "the peer's page is there", "window.peer", "document.body.innerHTML")
	return p
}

// Join makes the peer a member.
func (p *Peer) Join(wish Wish) {
	p.t.Helper()
	p.tell(struct {
		Account
		Wish
	}{p.Account, wish}, "join", &p.Self)
}

// Leave leaves; Join can follow with the same session.
func (p *Peer) Leave() { p.t.Helper(); p.tell(nil, "leave", nil) }

// Mute mutes or unmutes what is named.
func (p *Peer) Mute(what map[string]bool) { p.t.Helper(); p.tell(what, "mute", nil) }

// Share shows a screen.
func (p *Peer) Share() { p.t.Helper(); p.tell(nil, "share", nil) }

// Unshare ends what Share began.
func (p *Peer) Unshare() { p.t.Helper(); p.tell(nil, "unshare", nil) }

// RestartICE asks for an ICE restart of the call with a user.
func (p *Peer) RestartICE(userID string) { p.t.Helper(); p.tell(userID, "restart", nil) }

// Ask evaluates an expression in the page.
func (p *Peer) Ask(expression string, answer any) { p.t.Helper(); p.page.Eval(expression, answer) }

// Links gives what the peer sees of the others.
func (p *Peer) Links() (links []Link) {
	p.t.Helper()
	p.tell(nil, "links", &links)
	return links
}

// Close closes the page, which lets a library say goodbye if it does.
func (p *Peer) Close() { p.page.Close() }

// explain shows the end of what the page said if the test has failed, and
// all of it for who debugs.
func (p *Peer) explain() {
	said := p.page.Console()
	if os.Getenv("MESHFOCUS_TEST_DEBUG") == "" {
		if !p.t.Failed() {
			return
		}
		said = browser.Essence(said)
	}
	for _, line := range said {
		p.t.Logf("%s: %s", p.Account.UserID, line)
	}
}

func (p *Peer) tell(what any, verb string, answer any) {
	p.t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	p.page.Eval(fmt.Sprintf("peer.%s(%s)", verb, text), answer)
}
