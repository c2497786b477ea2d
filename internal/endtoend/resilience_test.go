package endtoend

import (
	"testing"
	"time"

	"meshfocus/internal/browser"
)

// How long a test waits for what has to come. What docs/protocol.md says of when it
// comes is logged: two cores that decode and encode everything, and do other things
// as well, say nothing of it.
const (
	joinLimit = 90 * time.Second
	// lostLimit: ICE notices a dead peer after some five seconds of silence.
	lostLimit = 60 * time.Second
	// goneLimit: 30 s of grace for the seat, and the leave.
	goneLimit = 120 * time.Second
	backLimit = 60 * time.Second
	// graceLimit: who says goodbye is gone before the grace of the silent, 30 s, could
	// be over.
	graceLimit = 25 * time.Second
)

func TestReload_LeadsBackIntoTheCallWithoutAClick(t *testing.T) {
	d := serve(t, "127.0.0.1")
	b := browser.Start(t)
	ann := join(t, b, d.base(), "lobby", "Ann")
	bob := join(t, b, d.base(), "lobby", "Bob")
	ann.sees(t, joinLimit, "Bob")
	device := ann.peers(t)["Bob"].Key
	at := time.Now()
	bob.Reload()
	bob.joined(t)
	bob.sees(t, backLimit, "Ann", "Test card")
	ann.sees(t, backLimit, "Bob")
	took(t, "back", at)
	if again := ann.peers(t)["Bob"].Key; again != device {
		t.Errorf("Bob came back as %s, was %s", again, device)
	}
	until(t, backLimit, "Ann sees three others: Bob, the test card and the viewer", func() bool {
		all, err := ann.tryPeers()
		return err == nil && len(all) == 3
	}, ann.describe)
}

func TestTabClosed_IsGoneAtOnce(t *testing.T) {
	d := serve(t, "127.0.0.1")
	b := browser.Start(t)
	ann := join(t, b, d.base(), "lobby", "Ann")
	bob := join(t, b, d.base(), "lobby", "Bob")
	ann.sees(t, joinLimit, "Bob")
	at := time.Now()
	bob.Close()
	ann.forgets(t, graceLimit, "Bob")
	took(t, "gone", at)
}

func TestTabKilled_TheOthersSeeItAndThenForget(t *testing.T) {
	d := serve(t, "127.0.0.1", "--lobby=true")
	killed := browser.Start(t)
	ann := join(t, browser.Start(t), d.base(), "lobby", "Ann")
	bob := join(t, killed, d.base(), "lobby", "Bob")
	ann.sees(t, joinLimit, "Bob")
	bob.sees(t, joinLimit, "Ann")
	at := time.Now()
	killed.Kill()
	ann.misses(t, lostLimit, "Bob")
	took(t, "noticed", at)
	ann.forgets(t, goneLimit, "Bob")
	took(t, "forgotten", at)
}

func TestSleep_ThirtySecondsAndMediaIsBack(t *testing.T) {
	d := serve(t, "127.0.0.1")
	laptop := browser.Start(t)
	ann := join(t, browser.Start(t), d.base(), "lobby", "Ann")
	bob := join(t, laptop, d.base(), "lobby", "Bob")
	ann.sees(t, joinLimit, "Bob")
	at := time.Now()
	laptop.Sleep()
	ann.misses(t, lostLimit, "Bob")
	took(t, "noticed", at)
	time.Sleep(time.Until(at.Add(30 * time.Second))) // the sleep is what is tested
	laptop.Wake()
	at = time.Now()
	ann.sees(t, backLimit, "Bob")
	bob.sees(t, backLimit, "Ann")
	took(t, "back", at)
}

func TestDaemonRestart_TheCallGoesOn(t *testing.T) {
	d := serve(t, "127.0.0.1", "--data", t.TempDir())
	b := browser.Start(t)
	ann := join(t, b, d.base(), "lobby", "Ann")
	bob := join(t, b, d.base(), "lobby", "Bob")
	for _, g := range []guest{ann, bob} {
		g.Expect("WebSocket") // the console names every attempt that fails
		g.Expect("ERR_CONNECTION_REFUSED")
	}
	ann.sees(t, joinLimit, "Bob")
	d.kill()
	at := time.Now()
	ann.Eventually(lostLimit, "the page says that the server is gone", "meshfocus.call.snapshot().state === 'reconnecting'", "meshfocus.call.snapshot().state")
	ann.sees(t, backLimit, "Bob") // without a server
	bob.sees(t, backLimit, "Ann")
	before := ann.peers(t)["Bob"].Key
	d.start(t)
	for _, g := range []guest{ann, bob} {
		g.Eventually(backLimit, g.name+" is back", "meshfocus.call.snapshot().state === 'joined'", "meshfocus.call.snapshot().state")
	}
	took(t, "server back", at)
	ann.sees(t, backLimit, "Bob")
	ann.sees(t, backLimit, "Test card") // whose party died with the daemon
	if after := ann.peers(t)["Bob"].Key; after != before {
		t.Errorf("Bob came back as %s, was %s", after, before)
	}
	carol := join(t, b, d.base(), "lobby", "Carol")
	carol.sees(t, joinLimit, "Ann", "Bob")
}
