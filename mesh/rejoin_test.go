package mesh_test

import (
	"testing"
	"time"

	"meshfocus/mesh/negotiate"
)

func TestRejoin_WithANewSessionConnectsAnew(t *testing.T) {
	for _, name := range []string{"alice", "bob"} { // caller and callee
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				trio(w)
				w.devices[name].crash()
				wait(time.Second)
				w.boot(name).join()
				wait(3 * time.Second)
				w.connected("alice", "bob", "carol")
				if most := w.fabric.Most("carol", name); most > 1 {
					t.Errorf("carol had %d connections to %s at once", most, name)
				}
			})
		})
	}
}

func TestRejoin_WhileStillConnectingEndsTheFormerAttempt(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		bob := w.device("bob").join() // takes the invite and never answers
		wait(10 * time.Second)
		if state := alice.link("bob").State; state != negotiate.Calling {
			t.Fatalf("alice is %v", state)
		}
		former := bob.session
		w.boot("bob").join()
		wait(3 * time.Second)
		w.connected("alice", "bob")
		told := false
		for _, s := range w.road.Sent() {
			told = told || word(s.Message) == "hangup new_session" && s.Message.DestSessionID == former
		}
		if !told {
			t.Errorf("the old session was not told: %s", w.said("alice", "bob"))
		}
	})
}

func TestCrash_WithoutReturnIsRetriedUntilTheMembershipGoes(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob, _ := trio(w)
		bob.crash()
		wait(40 * time.Second)
		w.connected("alice", "carol")
		if said := w.said("alice", "bob"); said != "invite, select_answer, negotiate offer, hangup ice_failed, invite" {
			t.Errorf("alice said %s", said)
		}
		bob.vanish() // the delayed leave fires
		wait(time.Second)
		if l := alice.link("bob"); l.State.Live() {
			t.Errorf("a ghost remains: %v", l.State)
		}
		sent := len(w.road.Sent())
		wait(10 * time.Minute)
		if len(w.road.Sent()) != sent {
			t.Error("somebody goes on calling bob")
		}
	})
}

func TestTwoDevices_OfOneUserMeetLikeOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.boot("alice/PHONE").join()
		w.boot("alice/TABLET").join()
		w.boot("bob").join()
		wait(2 * time.Second)
		w.connected("alice/PHONE", "alice/TABLET", "bob")
		if got := w.said("alice/PHONE", "alice/TABLET"); got != "invite, select_answer" {
			t.Errorf("the lesser device said %s", got)
		}
	})
}

func TestInvite_ThatOvertakesTheMembershipIsAnsweredWhenThatComes(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lag["bob"] = 20 * time.Second // bob's sync is slow with state
		bob := w.boot("bob").join()
		w.boot("alice").join()
		wait(10 * time.Second)
		if held := bob.registry.Snapshot().Held; held != 1 {
			t.Errorf("%d messages held, want the invite", held)
		}
		wait(15 * time.Second)
		w.connected("alice", "bob")
		if got := w.total("alice", "bob"); got != 3 {
			t.Errorf("%d messages", got)
		}
	})
}

func TestInvite_BeforeWeEnteredIsAnsweredWhenWeDo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.boot("alice").join()
		bob := w.boot("bob")
		w.set(bob.sessionEvent("full_mesh")) // others see it before our request returns
		wait(5 * time.Second)
		bob.registry.Enter(slot)
		wait(time.Second)
		w.connected("alice", "bob")
		if got := w.total("alice", "bob"); got != 3 {
			t.Errorf("%d messages", got)
		}
	})
}

func TestRejoin_WhileFormerConnectionsStillCloseWaitsForThem(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		bob := w.boot("bob").join()
		wait(2 * time.Second)
		alice.closing = 3 * time.Second
		for range 3 {
			bob.crash()
			bob = w.boot("bob").join()
			wait(500 * time.Millisecond)
		}
		wait(10 * time.Second)
		w.connected("alice", "bob")
		if most := w.fabric.Most("alice", "bob"); most != 1 {
			t.Errorf("alice had %d connections to bob at once", most)
		}
	})
}
