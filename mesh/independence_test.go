package mesh_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

func TestStuckConnection_OfOnePairHoldsUpNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice")
		alice.stuck = "bob"
		alice.join()
		w.boot("bob").join()
		w.boot("carol").join()
		wait(2 * time.Second)
		w.connected("alice", "carol")
		w.connected("bob", "carol")
		wait(20 * time.Second) // the step's limit
		if l := alice.link("bob"); l.Reason != message.ReasonCreateOffer || l.Attempts == 0 || l.Words == "" {
			t.Errorf("the link says %+v", l)
		}
		alice.mu.Lock()
		alice.stuck = ""
		alice.mu.Unlock()
		wait(time.Minute)
		w.connected("alice", "bob", "carol")
	})
}

func TestBrokenPair_NeverTouchesAnother(t *testing.T) {
	inWorld(t, func(w *world) {
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			w.boot(name).join()
		}
		wait(3 * time.Second)
		w.connected(names...)
		w.fabric.Cut("b", "d")
		wait(5 * time.Minute)
		for i, a := range names {
			for _, b := range names[i+1:] {
				if a+b == "bd" {
					continue
				}
				if got := w.total(a, b); got != 3 {
					t.Errorf("%s–%s exchanged %d messages, want 3", a, b, got)
				}
				if got := w.devices[a].connsTo(b); got != 1 {
					t.Errorf("%s made %d connections to %s, want 1", a, got, b)
				}
			}
		}
		if state := w.devices["b"].link("d").State; state == negotiate.Connected {
			t.Error("the pair that was cut is connected")
		}
		w.fabric.Heal("b", "d")
		wait(3 * time.Minute)
		w.connected(names...)
	})
}

func TestSignaller_ThatGivesUpForOnePeerHurtsNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice")
		bob := party("bob")
		alice.refuse = func(s message.Signal) error {
			if s.Invitee == bob.UserID {
				return errors.New("no keys for the device")
			}
			return nil
		}
		alice.join()
		w.boot("bob").join()
		w.boot("carol").join()
		wait(2 * time.Second)
		w.connected("alice", "carol")
		if l := alice.link("bob"); l.Reason != message.ReasonSendInvite || l.Detail != "no keys for the device" {
			t.Errorf("the link says %s, %q", l.Reason, l.Detail)
		}
	})
}

func TestSizeCap_RefusesTheJoinerAndDropsNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		limit := func(c *mesh.Config) { c.MaxMembers = 3 }
		for _, name := range []string{"b", "c", "d"} {
			w.boot(name, limit).join()
			wait(time.Second)
		}
		joiner := w.boot("a", limit)
		wait(time.Second)
		if err := joiner.registry.Check(context.Background(), slot); !errors.Is(err, mesh.ErrMeshFull) {
			t.Errorf("Check says %v", err)
		}
		joiner.join()
		wait(10 * time.Second)
		w.connected("b", "c", "d")
		for _, name := range []string{"b", "c", "d"} {
			if err := w.devices[name].strangers()[party("a")]; !errors.Is(err, mesh.ErrMeshFull) {
				t.Errorf("%s says of the joiner: %v", name, err)
			}
			if err := joiner.strangers()[party(name)]; !errors.Is(err, mesh.ErrMeshFull) {
				t.Errorf("the joiner says of %s: %v", name, err)
			}
			if got := w.total("a", name); got != 0 {
				t.Errorf("%d messages between the joiner and %s", got, name)
			}
		}
		w.devices["c"].leave()
		wait(5 * time.Second)
		w.connected("a", "b", "d") // there is room now
	})
}

func TestFocus_OfAnotherKindIsRefusedInWords(t *testing.T) {
	inWorld(t, func(w *world) {
		livekit := w.device("lk")
		w.set(livekit.sessionEvent("livekit"))
		wait(time.Second)
		alice := w.boot("alice")
		wait(time.Second)
		if err := alice.registry.Check(context.Background(), slot); !errors.Is(err, mesh.ErrUnsupportedFocus) {
			t.Errorf("Check says %v", err)
		}
		alice.join()
		w.boot("bob").join()
		wait(2 * time.Second)
		if err := alice.strangers()[party("lk")]; !errors.Is(err, mesh.ErrUnsupportedFocus) {
			t.Errorf("alice says of the LiveKit member: %v", err)
		}
		if got := w.total("alice", "lk"); got != 0 {
			t.Errorf("%d messages", got)
		}
		w.connected("alice", "bob") // who are a mesh for all that
		if err := w.boot("carol").registry.Check(context.Background(), slot); err != nil {
			t.Errorf("Check of who can meet alice and bob says %v", err)
		}
	})
}
