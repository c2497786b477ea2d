package mesh_test

import (
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// The Dart SDK's calls are sessions of their own: who is in one is met there,
// in its dialect.
func TestFamedly_CallIsHeldInItsOwnWords(t *testing.T) {
	inWorld(t, func(w *world) {
		key := membership.Key{RoomID: roomID, ConfID: membership.FamedlyConfID(message.ApplicationCall, "")}
		enter := func(d *device) *device {
			content, err := message.WithFamedlyDevice(nil, message.LegacyMembership{
				Application: message.ApplicationCall, DeviceID: d.party.DeviceID, MembershipID: d.session,
				ExpiresAt: time.Now().Add(time.Hour), Foci: []message.Focus{message.FamedlyFocus()},
			}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			w.set(membership.Event{Type: message.TypeMemberFamedly, StateKey: d.party.UserID, Sender: d.party.UserID, Content: content})
			d.registry.Enter(key)
			return d
		}
		alice := enter(w.boot("alice"))
		enter(w.boot("bob"))
		w.boot("carol").join() // in the slot of the room, whom they do not meet
		wait(2 * time.Second)
		w.connected("alice", "bob")
		w.unconnected("alice", "carol")
		alice.leave()
		wait(time.Second)
		w.unconnected("bob", "alice")
		if got := w.said("alice", "bob"); got != "invite, select_answer, hangup user_hangup" {
			t.Errorf("alice said %s", got)
		}
		for _, sent := range w.road.Sent() {
			s := sent.Message
			eventType, _, err := s.Encode()
			if err != nil || eventType != "com.famedly.call.member."+s.Kind.String() || s.ConfID != "" || s.SlotID != "" || s.PartyID != s.SenderSessionID {
				t.Errorf("%s %+v, %v", eventType, s.Envelope, err)
			}
		}
		if len(w.road.Sent()) == 0 {
			t.Error("nothing was said")
		}
	})
}
