package mesh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// says has the slot of the room say something.
func (w *world) says(content string) {
	w.set(membership.Event{
		Type: message.TypeSlot, StateKey: message.SlotRoom, Sender: "@alice:example.org", Content: json.RawMessage(content),
	})
}

const (
	slotA      = `{"status":"open","application":{"type":"m.call","m.call.id":"a"}}`
	slotB      = `{"status":"open","application":{"type":"m.call","m.call.id":"b"}}`
	slotClosed = `{"status":"closed"}`
)

// stick makes the device a member by a sticky event, in place of one in the
// state.
func (d *device) stick() *device {
	now := time.Now()
	content := fmt.Sprintf(`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"transports":{"published":[{"type":"full_mesh"}],"can_subscribe":[]},`+
		`"member":{"user_id":%q,"device_id":%q,"id":%q},"versions":[],"msc4354_sticky_key":%[3]q}`, d.party.UserID, d.party.DeviceID, d.session)
	d.world.change(func(facts *membership.Facts) {
		facts.Sticky = append(facts.Sticky, membership.Sticky{
			Event: membership.Event{Type: message.TypeMember, Sender: d.party.UserID, EventID: "$" + d.session, SentAt: now, Content: json.RawMessage(content)},
			Until: now.Add(time.Hour), Duration: time.Hour, Encrypted: true, Device: d.party.DeviceID,
		})
	})
	d.registry.Enter(slot)
	return d
}

// inSlots plays with two connected devices in a slot of session a, once as
// members by the state, once by sticky events.
func inSlots(t *testing.T, play func(w *world, alice, bob *device)) {
	for name, join := range map[string]func(*device) *device{"state": (*device).join, "sticky": (*device).stick} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.says(slotA)
				alice, bob := join(w.boot("alice")), join(w.boot("bob"))
				wait(2 * time.Second)
				w.connected("alice", "bob")
				play(w, alice, bob)
			})
		})
	}
}

// links counts how often the devices have told of their pair.
func links(alice, bob *device) int { return len(alice.history("bob")) + len(bob.history("alice")) }

func TestSlot_RolledBackForThreeSecondsDoesNotTouchMedia(t *testing.T) {
	for name, other := range map[string]string{"closed": slotClosed, "of another session": slotB, "without a name": `{"application":{"type":"m.call"}}`} {
		t.Run(name, func(t *testing.T) {
			inSlots(t, func(w *world, alice, bob *device) {
				call, told, sent := alice.link("bob").CallID, links(alice, bob), len(w.road.Sent())
				for range 5 {
					w.says(other)
					wait(3 * time.Second)
					w.says(slotA)
					wait(500 * time.Millisecond)
				}
				wait(time.Minute)
				w.connected("alice", "bob")
				if is := alice.link("bob").CallID; is != call || links(alice, bob) != told || len(w.road.Sent()) != sent {
					t.Errorf("the call is %s and was %s; %d states were told, %d messages sent", is, call, links(alice, bob)-told, len(w.road.Sent())-sent)
				}
			})
		})
	}
}

func TestSlot_ClosedForFiveSecondsEndsTheCallAndOpenedAgainBeginsOne(t *testing.T) {
	inSlots(t, func(w *world, alice, bob *device) {
		call, sent := alice.link("bob").CallID, len(w.road.Sent())
		w.says(slotClosed)
		wait(4900 * time.Millisecond) // and 20 ms until it is heard
		w.connected("alice", "bob")
		wait(200 * time.Millisecond)
		w.unconnected("alice", "bob")
		w.unconnected("bob", "alice")
		if err := alice.registry.Check(context.Background(), slot); !errors.Is(err, mesh.ErrSlotClosed) {
			t.Errorf("joining gives %v", err)
		}
		wait(time.Minute)
		if len(w.road.Sent()) != sent {
			t.Errorf("in a closed slot was said %s and %s", w.said("alice", "bob"), w.said("bob", "alice"))
		}
		w.says(slotA)
		wait(2 * time.Second)
		w.connected("alice", "bob")
		if alice.link("bob").CallID == call {
			t.Error("the former call goes on")
		}
	})
}

func TestSlot_OfAnotherSessionForFiveSecondsEndsTheCallAndBeginsOne(t *testing.T) {
	for _, lag := range []time.Duration{-2 * time.Second, -100 * time.Millisecond, 0, 100 * time.Millisecond, 2 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			inSlots(t, func(w *world, alice, bob *device) {
				w.lag["alice"], w.lag["bob"] = max(lag, 0), max(-lag, 0)
				call := alice.link("bob").CallID
				w.says(slotB)
				wait(4900 * time.Millisecond)
				w.connected("alice", "bob")
				if is := alice.link("bob").CallID; is != call {
					t.Errorf("the call is %s before its time is over", is)
				}
				wait(5 * time.Second)
				w.connected("alice", "bob")
				if is := alice.link("bob"); is.CallID == call || is.Attempts > 1 {
					t.Errorf("the call is %s and was %s, after %d attempts", is.CallID, call, is.Attempts)
				}
				calls := map[string]bool{}
				for _, s := range w.road.Sent() {
					calls[s.Message.CallID] = true
				}
				wait(time.Minute)
				if w.connected("alice", "bob"); len(calls) != 2 {
					t.Errorf("%d calls, want one for each session", len(calls))
				}
			})
		})
	}
}

func TestSlot_ThatIsClosedWhenWeComeIsNoPlaceToMeet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.says(slotClosed)
		wait(100 * time.Millisecond)
		alice := w.boot("alice").join()
		w.boot("bob").join()
		wait(time.Minute)
		w.unconnected("alice", "bob")
		if err := alice.strangers()[party("bob")]; !errors.Is(err, mesh.ErrSlotClosed) || len(w.road.Sent()) > 0 {
			t.Errorf("bob is a stranger for %v; %d messages", err, len(w.road.Sent()))
		}
	})
}

func TestSlot_OpenedUnderACallLeavesItAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob := w.boot("alice").join(), w.boot("bob").join()
		wait(2 * time.Second)
		w.connected("alice", "bob")
		told := links(alice, bob)
		w.says(slotA)
		wait(time.Minute)
		synctest.Wait()
		if state := alice.link("bob").State; state != negotiate.Connected || links(alice, bob) != told {
			t.Errorf("the link is %v", state)
		}
	})
}
