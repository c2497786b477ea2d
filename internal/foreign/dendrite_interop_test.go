//go:build interop

package foreign

import (
	"fmt"
	"os"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/signalling/message"
	"meshfocus/signalling/upstream/upstreamtest"
)

// TestInterop_MatrixRTCSessionLeavesADendriteInTime has js-sdk in a call on a
// Dendrite, through what adds delayed events to it: it leaves by sending its
// delayed leave, and a page that is closed has left when the delay is over.
func TestInterop_MatrixRTCSessionLeavesADendriteInTime(t *testing.T) {
	dendrite := Home{Name: "dendrite", Base: upstreamtest.Dendrite(t)}
	front, base := upstreamtest.InFrontOf(t, dendrite.Base)
	through := Home{Name: dendrite.Name, Base: base}
	name := fmt.Sprintf("carol-%d", os.Getpid())
	carol := through.Register(t, name, "CAROL")
	roomID := through.Room(t, carol, 0)
	member := func() map[string]any {
		content, _ := dendrite.State(t, carol, roomID, message.TypeCallMember, "_"+carol.UserID+"_CAROL_m.call")
		return content
	}

	peer := Open(t, NewWorkshop(t), browser.Start(t), LiveKit43, carol)
	join := func() {
		t.Helper()
		peer.Join(Wish{Room: roomID, Variant: "legacy"})
		within(t, 10*time.Second, "the member event is there and its leave waits with us", func() (bool, string) {
			return member()["application"] != nil && front.Stats().Delayed == 1, fmt.Sprint(member(), front.Stats())
		})
	}
	join()
	peer.Leave()
	within(t, 5*time.Second, "the member has left by itself", func() (bool, string) {
		return len(member()) == 0 && front.Stats().Delayed == 0 && front.Stats().Devices == 0, fmt.Sprint(member(), front.Stats())
	})

	join()
	peer.Close()
	closed := time.Now()
	const delay = 18 * time.Second // as livekit43.js asks for
	within(t, delay+5*time.Second, "the closed page has left", func() (bool, string) {
		return len(member()) == 0 && front.Stats().Delayed == 0 && front.Stats().Devices == 0, fmt.Sprint(member(), front.Stats())
	})
	if after := time.Since(closed); after < 10*time.Second {
		t.Errorf("it left %s after the page was closed, before its time", after)
	} else {
		t.Logf("left %s after the page was closed, with a delayed leave of %s", after.Round(100*time.Millisecond), delay)
	}
}

// within waits for something that only asking shows.
func within(t *testing.T, limit time.Duration, what string, is func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; <-tick.C {
		ok, instead := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s; instead %s", what, limit, instead)
		}
	}
}
