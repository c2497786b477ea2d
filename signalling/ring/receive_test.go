package ring_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// call is a notification that rings Bob, in a situation in which it does.
func call() (ring.Incoming, ring.Situation) {
	in := ring.Incoming{
		EventID: "$n", Room: "!r:hs", Sender: alice.UserID, SentAt: noon,
		Notification: message.Notification{
			Slot: message.SlotRoom, Ring: true, SentAt: noon, Lifetime: 90 * time.Second, Intent: "video", Mentions: toBob,
		},
	}
	return in, ring.Situation{Self: bob, MayCallRoom: true}
}

func TestReceive_RingsWhenEveryConditionHolds(t *testing.T) {
	in, situation := call()
	got, rule := ring.Receive(in, situation, noon.Add(time.Second))
	if rule != "" {
		t.Fatal(rule)
	}
	if !got.Expires.Equal(noon.Add(90*time.Second)) || got.ID != "$n" || !got.Loud || got.Intent != "video" || got.Acknowledge {
		t.Errorf("rings as %+v", got)
	}
}

func TestReceive_EachConditionOfItsOwn(t *testing.T) {
	type change = func(*ring.Incoming, *ring.Situation)
	room := func(in *ring.Incoming) { in.Notification.Mentions = message.Mentions{Room: true} }
	cases := []struct {
		name   string
		late   time.Duration // when it is read
		change change
		want   ring.Rule // "" rings
	}{
		{"not sent by ourselves", 0, func(in *ring.Incoming, _ *ring.Situation) { in.Sender = bob.UserID }, ring.RuleSelf},
		{"the latest of its sticky key", 0, func(_ *ring.Incoming, s *ring.Situation) { s.Replaced = true }, ring.RuleCurrent},
		{"not withdrawn", 0, func(in *ring.Incoming, _ *ring.Situation) {
			in.Notification = message.Notification{Withdrawn: true}
		}, ring.RuleWithdrawn},
		{"the slot not closed", 0, func(_ *ring.Incoming, s *ring.Situation) { s.Slot = membership.SlotClosed }, ring.RuleSlot},
		{"an open slot rings", 0, func(_ *ring.Incoming, s *ring.Situation) { s.Slot = membership.SlotOpen }, ""},
		{"a missing slot rings", 0, func(_ *ring.Incoming, s *ring.Situation) { s.Slot = membership.SlotMissing }, ""},
		{"not expired", 90 * time.Second, func(*ring.Incoming, *ring.Situation) {}, ring.RuleExpired},
		{"the last second rings", 89 * time.Second, func(*ring.Incoming, *ring.Situation) {}, ""},
		{"a sender's clock 21 s ahead does not prolong", 90 * time.Second, func(in *ring.Incoming, _ *ring.Situation) {
			in.Notification.SentAt = noon.Add(21 * time.Second)
		}, ring.RuleExpired},
		{"a sender's clock 20 s ahead does", 90 * time.Second, func(in *ring.Incoming, _ *ring.Situation) {
			in.Notification.SentAt = noon.Add(20 * time.Second)
		}, ""},
		{"somebody else mentioned", 0, func(in *ring.Incoming, _ *ring.Situation) {
			in.Notification.Mentions.Users = []string{carol.UserID}
		}, ring.RuleMentioned},
		{"the room mentioned by one who may", 0, func(in *ring.Incoming, _ *ring.Situation) { room(in) }, ""},
		{"the room mentioned by one who may not", 0, func(in *ring.Incoming, s *ring.Situation) {
			room(in)
			s.MayCallRoom = false
		}, ring.RuleRoomPower},
		{"we mentioned by one who may not call the room", 0, func(in *ring.Incoming, s *ring.Situation) {
			in.Notification.Mentions.Room, s.MayCallRoom = true, false
		}, ""},
		{"no device of ours in the session", 0, func(_ *ring.Incoming, s *ring.Situation) { s.In = true }, ring.RuleJoined},
		{"we left after the notification", 0, func(_ *ring.Incoming, s *ring.Situation) { s.LeftAt = noon.Add(time.Second) }, ring.RuleLeft},
		{"we left in its very moment", 0, func(_ *ring.Incoming, s *ring.Situation) { s.LeftAt = noon }, ring.RuleLeft},
		{"we left before it", 0, func(_ *ring.Incoming, s *ring.Situation) { s.LeftAt = noon.Add(-time.Millisecond) }, ""},
		{"not declined", 0, func(_ *ring.Incoming, s *ring.Situation) { s.Declined = true }, ring.RuleDeclined},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in, situation := call()
			c.change(&in, &situation)
			if _, rule := ring.Receive(in, situation, noon.Add(c.late)); rule != c.want {
				t.Errorf("refused by %q, want %q", rule, c.want)
			}
		})
	}
}

// state is a state event of a room for Look.
func state(eventType, key, sender string, at time.Time, content string) membership.Event {
	return membership.Event{
		Type: eventType, StateKey: key, Sender: sender, EventID: "$" + key, SentAt: at, Content: json.RawMessage(content),
	}
}

func joined(party message.Party) membership.Event {
	return state(message.TypeCallMember, "_"+party.UserID+"_"+party.DeviceID+"_m.call", party.UserID, noon, fmt.Sprintf(
		`{"application":"m.call","call_id":"","device_id":%q,"membershipID":"s","expires":3600000,"focus_active":{"type":"full_mesh"},"foci_preferred":[]}`, party.DeviceID))
}

func TestLook_ReadsTheSituationFromTheRoom(t *testing.T) {
	everybody := map[string]bool{alice.UserID: true, bob.UserID: true}
	open := `{"status":"open","application":{"type":"m.call"}}`
	cases := []struct {
		name  string
		state []membership.Event
		want  ring.Situation
	}{
		{"an empty room", nil, ring.Situation{}},
		{"the caller alone", []membership.Event{joined(alice)}, ring.Situation{}},
		{"our other device is in", []membership.Event{joined(alice), joined(bob2)}, ring.Situation{In: true}},
		{"we left", []membership.Event{state(message.TypeCallMember, "_@bob:hs_B1_m.call", bob.UserID, noon, `{}`)}, ring.Situation{LeftAt: noon}},
		{"somebody else left", []membership.Event{state(message.TypeCallMember, "_@alice:hs_A1_m.call", alice.UserID, noon, `{}`)}, ring.Situation{}},
		{"an open slot", []membership.Event{state(message.TypeSlot, "m.call#ROOM", alice.UserID, noon, open)}, ring.Situation{Slot: membership.SlotOpen}},
		{"a closed slot", []membership.Event{state(message.TypeSlotStable, "m.call#room", alice.UserID, noon, `{}`)}, ring.Situation{Slot: membership.SlotClosed}},
		{"another slot closed", []membership.Event{state(message.TypeSlot, "m.call#x", alice.UserID, noon, `{}`)}, ring.Situation{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.Self = bob
			got := ring.Look(membership.Facts{RoomID: "!r:hs", Joined: everybody, State: c.state}, bob, message.SlotRoom, noon.Add(time.Minute))
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestLook_KnowsStickyLeaves(t *testing.T) {
	leave := func(sender message.Party, content string) membership.Facts {
		e := state(message.TypeMember, "", sender.UserID, noon, content)
		return membership.Facts{Sticky: []membership.Sticky{{Event: e, Until: noon.Add(time.Hour)}}}
	}
	cases := []struct {
		name  string
		facts membership.Facts
		left  bool
	}{
		{"ours from the slot", leave(bob, `{"slot_id":"m.call#ROOM","msc4354_sticky_key":"k"}`), true},
		{"ours from a slot that is not named", leave(bob, `{"msc4354_sticky_key":"k"}`), true},
		{"ours from another slot", leave(bob, `{"slot_id":"m.call#x","msc4354_sticky_key":"k"}`), false},
		{"somebody else's", leave(alice, `{"slot_id":"m.call#ROOM","msc4354_sticky_key":"k"}`), false},
	}
	for _, c := range cases {
		if got := ring.Look(c.facts, bob, message.SlotRoom, noon.Add(time.Minute)); got.LeftAt.Equal(noon) != c.left {
			t.Errorf("%s: left at %s", c.name, got.LeftAt)
		}
	}
}
