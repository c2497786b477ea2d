package mesh_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// trio connects alice, bob and carol.
func trio(w *world) (alice, bob, carol *device) {
	alice, bob, carol = w.boot("alice").join(), w.boot("bob").join(), w.boot("carol").join()
	wait(2 * time.Second)
	w.connected("alice", "bob", "carol")
	return alice, bob, carol
}

func TestLeave_TellsPeersAndLeavesTheOthersConnected(t *testing.T) {
	inWorld(t, func(w *world) {
		_, bob, _ := trio(w)
		bob.leave()
		wait(time.Second)
		w.unconnected("alice", "bob")
		w.unconnected("carol", "bob")
		w.connected("alice", "carol")
		if got := w.said("bob", "carol"); got != "invite, select_answer, hangup user_hangup" {
			t.Errorf("bob said %s", got)
		}
		if got := w.said("alice", "carol"); got != "invite, select_answer" {
			t.Errorf("alice said %s to carol, who had nothing to do with it", got)
		}
		wait(time.Minute)
		if l := w.devices["alice"].link("bob"); l.Peer != (message.Party{}) {
			t.Errorf("a link to a device that left remains: %v", l.State)
		}
	})
}

func TestHangup_InOneSyncWithTheLeaveEndsThePairAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob, _ := trio(w)
		w.lag["alice"] = time.Hour // she hears of it here:
		bob.vanish()
		alice.registry.SetFacts(w.known())
		alice.registry.Receive([]mesh.Received{{From: bob.party, Encrypted: true, Signal: message.Signal{
			Kind: message.Hangup, Reason: message.ReasonUserHangup,
			Envelope: message.Envelope{
				CallID: alice.link("bob").CallID, ConfID: slot.ConfID, DeviceID: "BOB",
				SenderSessionID: bob.session, DestSessionID: alice.session, Seq: number(1),
			},
		}}})
		wait(10 * time.Millisecond)
		w.unconnected("alice", "bob")
	})
}

func TestLeave_ClosesConnectionsOnlyWhenTheHangupIsHandedOver(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.slow(700 * time.Millisecond)
		began := time.Now()
		open := w.fabric.Open()
		go func() {
			time.Sleep(500 * time.Millisecond)
			if w.fabric.Open() != open {
				t.Error("connections were closed before the hang-ups were handed over")
			}
		}()
		alice.leave()
		if took := time.Since(began); took < 700*time.Millisecond || took > 800*time.Millisecond {
			t.Errorf("leaving took %v", took)
		}
	})
}

func TestLeave_WaitsTwoSecondsForAHomeserverThatIsAway(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.slow(-1)
		began := time.Now()
		alice.leave()
		if took := time.Since(began); took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("leaving took %v, want 2 s", took)
		}
		wait(time.Minute) // bob and carol see the membership go, or their media
		w.unconnected("bob", "alice")
		w.connected("bob", "carol")
	})
}

func TestLeave_EndsWithItsContext(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.slow(-1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := alice.registry.Leave(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLeave_OfARegistryThatDoesNotRunReturns(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		alice.stop()
		if err := alice.registry.Leave(context.Background()); err != nil {
			t.Error(err)
		}
		w.boot("alice") // a new one, for the end of the world
	})
}

func TestEnter_AgainAfterLeavingConnectsAnew(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.leave()
		wait(time.Minute)
		alice.join()
		wait(2 * time.Second)
		w.connected("alice", "bob", "carol")
	})
}

func TestEnter_WhileStillLeavingConnectsWhenThatIsDone(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.slow(500 * time.Millisecond)
		left := make(chan error)
		go func() { left <- alice.registry.Leave(context.Background()) }()
		wait(100 * time.Millisecond)
		alice.registry.Enter(slot) // nothing in the room has changed
		if err := <-left; err != nil {
			t.Error(err)
		}
		wait(30 * time.Second)
		w.connected("alice", "bob", "carol")
		if most := w.fabric.Most("alice", "bob"); most != 1 {
			t.Errorf("%d connections at once", most)
		}
	})
}

func TestRun_EndsWithHangupsWhenItsContextEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		alice.stop()
		wait(time.Second)
		for _, other := range []string{"bob", "carol"} {
			if got := w.said("alice", other); got != "invite, select_answer, hangup user_hangup" {
				t.Errorf("alice said %s to %s", got, other)
			}
		}
	})
}

// The ends of a pair that nobody announces by a message.
func TestEnd_OfAPair(t *testing.T) {
	for _, end := range []struct {
		name  string
		cause func(w *world)
		after time.Duration // until the pair is gone
		stays string        // who is still connected to carol
	}{
		{"membership gone or expired", func(w *world) { w.devices["bob"].vanish() }, 11 * time.Second, "alice"},
		{"the user left the room", func(w *world) { w.depart("bob") }, 100 * time.Millisecond, "alice"},
		{"we are no longer in the room", func(w *world) { w.depart("alice") }, 100 * time.Millisecond, "bob"},
	} {
		t.Run(end.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				trio(w)
				end.cause(w)
				wait(end.after)
				w.unconnected("alice", "bob")
				if said := w.said("alice", "bob"); said != "invite, select_answer" {
					t.Errorf("alice said %s: who is no member is told nothing", said)
				}
				if end.stays != "" {
					w.connected(end.stays, "carol")
				}
			})
		})
	}
}

// conference makes a live MSC3401 call and gives its key.
func (w *world) conference(id string, terminated bool) membership.Key {
	content, err := message.CallObject{Intent: "m.room", Type: "m.video", Terminated: terminated}.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.set(membership.Event{Type: message.TypeCall, StateKey: id, Sender: "@alice:example.org", Content: content})
	return membership.Key{RoomID: roomID, ConfID: id}
}

// joinConference makes the device a member of a conference, in the form of
// js-sdk and Hydrogen, and lets it enter.
func (d *device) joinConference(key membership.Key) *device {
	d.world.mu.Lock()
	before := d.state[[2]string{message.TypeCallMember, d.party.UserID}].Content
	d.world.mu.Unlock()
	content, err := message.WithDevice(before, key.ConfID, message.CallDevice{
		DeviceID: d.party.DeviceID, SessionID: d.session, ExpiresAt: time.Now().Add(time.Hour),
		Feeds: []message.Feed{{Purpose: message.PurposeUserMedia}},
	}, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	d.world.set(membership.Event{
		Type: message.TypeCallMember, StateKey: d.party.UserID, Sender: d.party.UserID, Content: content,
	})
	if d.registry != nil {
		d.registry.Enter(key)
	}
	return d
}

func TestEnd_OfATerminatedConference(t *testing.T) {
	inWorld(t, func(w *world) {
		key := w.conference("conf", false)
		w.boot("alice").joinConference(key)
		w.boot("bob").joinConference(key)
		wait(2 * time.Second)
		w.connected("alice", "bob")
		w.conference("conf", true)
		wait(100 * time.Millisecond)
		w.unconnected("alice", "bob")
		w.unconnected("bob", "alice")
	})
}

func TestEnd_MembershipThatExpiresIsNoticedByTheClock(t *testing.T) {
	inWorld(t, func(w *world) {
		key := w.conference("conf", false)
		w.boot("alice").joinConference(key)
		bob := w.boot("bob").joinConference(key)
		wait(2 * time.Second)
		w.connected("alice", "bob")
		bob.crash() // and his homeserver has no delayed events
		wait(time.Minute)
		if state := w.devices["alice"].link("bob").State; state != negotiate.Calling {
			t.Errorf("alice is %v, want her to try for as long as his membership stands", state)
		}
		wait(2 * time.Hour)
		if l := w.devices["alice"].link("bob"); l.Peer != (message.Party{}) {
			t.Errorf("bob's membership expired and alice is still %v", l.State)
		}
		sent := len(w.road.Sent())
		wait(time.Hour)
		if len(w.road.Sent()) != sent {
			t.Error("alice went on calling somebody who is gone")
		}
	})
}

func TestDelayedLeave_FiresUnderHealthyMediaAndTheMemberComesBack(t *testing.T) {
	inWorld(t, func(w *world) {
		_, bob, _ := trio(w)
		bob.vanish() // its homeserver could not renew the delayed event
		wait(9 * time.Second)
		if state := w.devices["alice"].link("bob").State; state != negotiate.Lingering {
			t.Errorf("alice's link to bob is %v", state)
		}
		bob.join()
		wait(time.Minute)
		w.connected("alice", "bob", "carol")
		if got := w.total("alice", "bob"); got != 3 {
			t.Errorf("%d messages, want the 3 of the start", got)
		}
	})
}

func TestHomeserver_AwayForAMinuteDoesNotTouchMedia(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob, carol := trio(w)
		for _, d := range []*device{alice, bob, carol} {
			d.slow(time.Minute)
		}
		wait(time.Minute)
		w.connected("alice", "bob", "carol")
		if got := len(alice.history("bob")); got > 3 {
			t.Errorf("alice's link to bob changed: %v", alice.history("bob"))
		}
	})
}

func TestHomeserver_ThatAnswers429ForFourMinutesEndsNoCall(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice")
		alice.slow(4 * time.Minute)
		w.boot("bob").join()
		alice.join()
		wait(5 * time.Minute)
		w.connected("alice", "bob")
		if got := w.said("alice", "bob"); got != "invite" { // select_answer is on its way
			t.Errorf("alice said %s", got)
		}
	})
}

func TestRegistry_StopsCleanlyWithoutAnythingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := mesh.NewRegistry(mesh.Config{Self: party("alice")})
		cancel()
		if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := r.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
