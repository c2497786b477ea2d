//go:build interop

package endtoend

import (
	"testing"
	"time"

	"meshfocus/internal/browser"
)

// A laptop is carried from one Wi-Fi to the next: its address is gone, there
// is none for two seconds, and then it has another.
func TestInterop_NetworkChange_MediaIsBackWithoutAClick(t *testing.T) {
	n := browser.NewNamespace(t)
	n.Move(t)
	d := serve(t, browser.Host, "--insecure-http")
	secure := browser.Flag("unsafely-treat-insecure-origin-as-secure", d.base())
	ann := join(t, browser.Start(t, secure), d.base(), "lobby", "Ann")
	bob := join(t, browser.Start(t, secure, browser.In(t, n)), d.base(), "lobby", "Bob")
	bob.Expect("WebSocket")
	bob.Expect("ERR_")
	ann.sees(t, joinLimit, "Bob")
	bob.sees(t, joinLimit, "Ann", "Test card")
	before := ann.peers(t)["Bob"].Key
	n.Cut()
	time.Sleep(2 * time.Second) // the way from one network to the other
	n.Move(t)
	moved := time.Now()
	ann.sees(t, backLimit, "Bob")
	bob.sees(t, backLimit, "Ann", "Test card")
	took(t, "back after the new address", moved)
	if after := ann.peers(t)["Bob"].Key; after != before {
		t.Errorf("Bob came back as %s, was %s", after, before)
	}
}
