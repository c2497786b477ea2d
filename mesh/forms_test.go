package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// stickyFacts is a sticky member of the slot with one transport.
func stickyFacts(user, focus string, now time.Time) membership.Sticky {
	return membership.Sticky{
		Event: membership.Event{Type: message.TypeMember, Sender: user, EventID: "$" + user, SentAt: now, Content: json.RawMessage(fmt.Sprintf(
			`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"transports":{"published":[{"type":%q}],"can_subscribe":[]},`+
				`"member":{"user_id":%q,"device_id":"D","id":"s"},"versions":[],"msc4354_sticky_key":"s"}`, focus, user))},
		Until: now.Add(time.Hour), Duration: time.Hour,
	}
}

func TestPlan_OnlyShowsMembersThatCannotBeReached(t *testing.T) {
	now := time.UnixMilli(1795188860000)
	facts := membership.Facts{
		RoomID: "!r:x", Joined: map[string]bool{"@mesh:x": true, "@livekit:x": true, "@dart:x": true},
		Sticky: []membership.Sticky{stickyFacts("@mesh:x", "full_mesh", now), stickyFacts("@livekit:x", "livekit", now)},
		State: []membership.Event{{
			Type: message.TypeMemberFamedly, StateKey: "@dart:x", Sender: "@dart:x", EventID: "$dart", SentAt: now,
			Content: json.RawMessage(fmt.Sprintf(`{"memberships":[{"call_id":"","device_id":"D","expires_ts":%d,"foci_active":[{"type":"mesh"}]}]}`,
				now.Add(time.Hour).UnixMilli())),
		}},
	}
	slot := membership.Key{RoomID: "!r:x", ConfID: message.SlotRoom}
	sessions := membership.Compute(facts, now).Sessions
	p := pairing{self: message.Party{UserID: "@us:x", DeviceID: "D"}, maxMembers: 8, entered: map[membership.Key]bool{slot: true}}
	got := p.plan(sessions)
	if peers := got.peers[slot]; len(sessions) != 2 || len(got.peers) != 1 || len(peers) != 1 || peers[0].UserID != "@mesh:x" {
		t.Errorf("of %d sessions the peers are %+v", len(sessions), got.peers)
	}
	if strangers := got.strangers[slot]; len(strangers) != 1 || strangers[0].Party.UserID != "@livekit:x" || !errors.Is(strangers[0].Err, ErrMemberFocus) {
		t.Errorf("strangers are %+v", got.strangers)
	}
}
