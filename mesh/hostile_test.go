package mesh_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// What a hostile device in the room may try, one test each. Others stand where
// they are decided: a replayed Olm message in signalling/matrix (TestHostile_…),
// candidates that point inside in focus/transport (TestHostile_…).

// hostile is alice in a call with bob, and mallory, who is in the room too.
func hostile(w *world) (alice, bob, mallory *device) {
	alice, bob = w.boot("alice").join(), w.boot("bob").join()
	mallory = w.device("mallory")
	mallory.play(func(message.Party, message.Signal) {})
	wait(3 * time.Second)
	w.connected("alice", "bob")
	return alice, bob, mallory
}

// unharmed: alice and bob are in the call they were in.
func unharmed(w *world, alice *device, callID string) {
	w.t.Helper()
	wait(2 * time.Second)
	w.connected("alice", "bob")
	if now := alice.link("bob").CallID; now != callID {
		w.t.Errorf("the call is %s now, was %s", now, callID)
	}
}

// refusedFor reports whether alice refused something for that reason.
func refusedFor(d *device, want error) bool {
	for _, err := range d.refusals() {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// deliver gives a message to a device as its homeserver would.
func (d *device) deliver(from message.Party, s message.Signal) {
	d.registry.Receive([]mesh.Received{{From: from, Encrypted: true, Signal: s}})
}

// hangup is one for a call, with an envelope that is right in the name of a
// device.
func hangup(of, to *device, callID string) message.Signal {
	return message.Signal{Kind: message.Hangup, Reason: message.ReasonUserHangup, Envelope: message.Envelope{
		CallID: callID, ConfID: slot.ConfID, RoomID: roomID, DeviceID: of.party.DeviceID, PartyID: of.party.DeviceID,
		SenderSessionID: of.session, DestSessionID: to.session, Version: 1,
	}}
}

func TestHostile_AForgedDeviceIDInTheEnvelopeGetsNowhere(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob, mallory := hostile(w)
		callID := alice.link("bob").CallID
		forged := hangup(bob, alice, callID)
		alice.deliver(mallory.party, forged) // another user's device
		other := party("bob/OTHER")
		alice.deliver(other, forged) // another device of the same user
		forged.DeviceID = other.DeviceID
		alice.deliver(other, forged) // bob's call and session, its own name
		forged.DeviceID, forged.PartyID = "", bob.party.DeviceID
		alice.deliver(mallory.party, forged) // no name but the party's
		unharmed(w, alice, callID)
		if !refusedFor(alice, mesh.ErrOtherDevice) {
			t.Errorf("refused for %v, want ErrOtherDevice", alice.refusals())
		}
	})
}

func TestHostile_AReplayedInviteOfAnOldCallIsNotAnswered(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		bob := w.boot("bob").join()
		wait(3 * time.Second)
		var invite message.Signal
		for _, s := range w.road.Sent() {
			if s.Message.Kind == message.Invite {
				invite = s.Message
			}
		}
		old := alice.link("bob").CallID
		w.fabric.Cut("alice", "bob") // until the call is given up and placed anew
		wait(2 * time.Minute)
		w.fabric.Heal("alice", "bob")
		wait(2 * time.Minute)
		w.connected("alice", "bob")
		callID := alice.link("bob").CallID
		if callID == old {
			t.Fatal("the call was not replaced")
		}
		said := w.said("bob", "alice")
		bob.deliver(alice.party, invite) // the same once more
		invite.MessageID = "another"
		bob.deliver(alice.party, invite) // with a message ID of its own
		unharmed(w, alice, callID)
		if now := w.said("bob", "alice"); now != said {
			t.Errorf("the replay was answered: %s", strings.TrimPrefix(now, said))
		}
	})
}

func TestHostile_AStateKeyOfAnotherUserMakesNobodyAMember(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob, mallory := hostile(w)
		callID := alice.link("bob").CallID
		// A leave, and a membership with mallory's session, both under bob's key.
		for _, focus := range []string{"", message.FocusFullMesh} {
			event := bob.sessionEvent(message.FocusFullMesh)
			event.Sender = mallory.party.UserID
			if focus == "" {
				event.Content = message.LeftContent()
			} else {
				stolen := &device{world: w, name: "bob", party: bob.party, session: mallory.session}
				event.Content = stolen.sessionEvent(focus).Content
			}
			event.EventID, event.SentAt = "$stolen"+focus, time.Now()
			facts := w.known()
			facts.State = append(facts.State, event) // beside bob's own: who may overwrite it is the room's matter
			alice.registry.SetFacts(facts)
			wait(30 * time.Second)
			unharmed(w, alice, callID)
		}
		facts := alice.registry.Snapshot().Rooms[0]
		if !refusedBy(facts.Refusals, mallory.party.UserID) {
			t.Errorf("no refusal names mallory: %+v", facts.Refusals)
		}
		for _, session := range facts.Sessions {
			for _, member := range session.Members {
				if member.UserID == mallory.party.UserID || member.SessionID == mallory.session {
					t.Errorf("%v is a member", member)
				}
			}
		}
	})
}

func refusedBy(refusals []membership.Refusal, user string) bool {
	for _, r := range refusals {
		if strings.Contains(fmt.Sprintf("%+v", r), user) {
			return true
		}
	}
	return false
}

func TestHostile_MessagesBeforeMembershipFillNoMemory(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, mallory := hostile(w)
		callID := alice.link("bob").CallID
		flood := func(from message.Party, count, size int) {
			s := hangup(mallory, alice, "x")
			s.Kind, s.DeviceID = message.Candidates, from.DeviceID
			s.Candidates = []message.Candidate{{Candidate: strings.Repeat("x", size)}}
			batch := make([]mesh.Received, count)
			for i := range batch {
				batch[i] = mesh.Received{From: from, Encrypted: true, Signal: s}
			}
			alice.registry.Receive(batch)
		}
		flood(mallory.party, 1000, 10)
		wait(time.Second)
		if held := alice.registry.Snapshot().Held; held != 64 {
			t.Errorf("%d messages of one device wait, want 64", held)
		}
		flood(mallory.party, 1, 70_000) // no event is that large
		for i := range 100 {
			flood(message.Party{UserID: mallory.party.UserID, DeviceID: fmt.Sprint("D", i)}, 64, 15_000)
		}
		wait(time.Second)
		if held := alice.registry.Snapshot().Held; held > 64+(1<<20)/15_000 {
			t.Errorf("%d messages wait, which is more than 1 MiB", held)
		}
		if !refusedFor(alice, mesh.ErrNoMembership) {
			t.Errorf("refused for %v", alice.refusals())
		}
		unharmed(w, alice, callID)
		wait(31 * time.Second)
		if held := alice.registry.Snapshot().Held; held != 0 {
			t.Errorf("%d messages wait after 30 s", held)
		}
	})
}

func TestHostile_AFloodOfInvitesOpensTenConnectionsAMinuteAndOneAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		zed := w.boot("zed").join() // the greatest: it is called
		mallory := w.device("mallory")
		mallory.play(func(message.Party, message.Signal) {})
		mallory.join()
		w.boot("bob").join()
		wait(3 * time.Second)
		w.connected("bob", "zed")
		callID := zed.link("bob").CallID
		for i := range 100 {
			mallory.invite(zed, slot, fmt.Sprint("flood", i))
			wait(100 * time.Millisecond)
		}
		wait(2 * time.Second)
		if opened := zed.opened("mallory"); opened != 10 {
			t.Errorf("%d connections were opened, want 10", opened)
		}
		if most := w.fabric.Most("zed", "mallory"); most > 1 {
			t.Errorf("%d connections at once, want one live call", most)
		}
		if !refusedFor(zed, mesh.ErrTooManyInvites) {
			t.Errorf("refused for %v", zed.refusals())
		}
		w.connected("bob", "zed")
		if now := zed.link("bob").CallID; now != callID {
			t.Errorf("bob's call is %s now, was %s", now, callID)
		}
		wait(time.Minute)
		mallory.invite(zed, slot, "later")
		wait(time.Second)
		if opened := zed.opened("mallory"); opened != 11 {
			t.Errorf("%d connections were opened, want one more after a minute", opened)
		}
	})
}

// opened counts the connections that were made towards a device.
func (d *device) opened(to string) (count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		if c.request.Peer == party(to) {
			count++
		}
	}
	return count
}

// untrusted is a refusal with words, as an account gives them.
type untrusted struct{}

func (untrusted) Error() string { return "not trusted" }
func (untrusted) Words() string { return "Device BOB is not trusted: its owner has not signed it." }

func TestDistrust_IsSaidInWordsOnTheLinkUntilTheDeviceIsTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice")
		alice.refuse = func(message.Signal) error { return fmt.Errorf("send: %w", untrusted{}) }
		alice.join()
		w.boot("bob").join()
		wait(3 * time.Second)
		if l := alice.link("bob"); l.Distrust != (untrusted{}).Words() || l.State == negotiate.Connected {
			t.Errorf("the link says %q and is %v", l.Distrust, l.State)
		}
		if words := w.said("alice", "bob"); words != "" {
			t.Errorf("alice said %s", words)
		}
		alice.mu.Lock()
		alice.refuse = nil
		alice.mu.Unlock()
		wait(2 * time.Minute)
		w.connected("alice", "bob")
		if l := alice.link("bob"); l.Distrust != "" {
			t.Errorf("the link still says %q", l.Distrust)
		}
		alice.registry.Refuse([]mesh.Refused{{From: party("bob"), Kind: message.Invite, Room: roomID, Err: errors.New("it was not encrypted")}})
		wait(time.Second)
		if l := alice.link("bob"); !strings.Contains(l.Distrust, "not encrypted") || !strings.Contains(l.Distrust, "BOB") {
			t.Errorf("the link says %q", l.Distrust)
		}
	})
}
