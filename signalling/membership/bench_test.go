package membership_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// crowd is a room with 1 000 member events of mixed forms: m.calls with two
// devices, per-device state with a mesh and with another focus, the legacy
// array, and members that have left.
func crowd(now time.Time) membership.Facts {
	facts := membership.Facts{RoomID: "!crowd:example.org", Joined: map[string]bool{}}
	put := func(eventType, key, sender, content string) {
		facts.Joined[sender] = true
		facts.State = append(facts.State, membership.Event{
			Type: eventType, StateKey: key, Sender: sender,
			EventID: fmt.Sprintf("$event%04d", len(facts.State)),
			SentAt:  now.Add(-time.Duration(len(facts.State)) * time.Second),
			Content: json.RawMessage(content),
		})
	}
	put(message.TypeCall, "conf", "@user0:example.org", `{"m.intent":"m.room","m.type":"m.video"}`)
	expires := now.Add(time.Hour).UnixMilli()
	for i := range 1000 {
		user := fmt.Sprintf("@user%d:example.org", i)
		device := fmt.Sprintf(`{"device_id":"A%d","session_id":"s%d","expires_ts":%d,"feeds":[{"purpose":"m.usermedia"}]}`, i, i, expires)
		switch i % 5 {
		case 0:
			put(message.TypeCallMember, user, user, fmt.Sprintf(
				`{"m.calls":[{"m.call_id":"conf","m.devices":[%s,%s]}]}`, device, device[:15]+"B"+device[15:]))
		case 1:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, sessionContent("full_mesh", now))
		case 2:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, sessionContent("livekit", now))
		case 3:
			put(message.TypeCallMember, user, user, fmt.Sprintf(`{"memberships":[{"application":"m.call","call_id":"","device_id":"D","expires_ts":%d}]}`, expires))
		case 4:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, `{}`)
		}
	}
	return facts
}

func sessionContent(focus string, now time.Time) string {
	return fmt.Sprintf(`{"application":"m.call","call_id":"","scope":"m.room","device_id":"DEV",`+
		`"membershipID":"0123456789abcdef","expires":14400000,"created_ts":%d,"m.call.intent":"video",`+
		`"focus_active":{"type":"%s"},"foci_preferred":[{"type":"%s","livekit_alias":"!room:example.org"}]}`,
		now.UnixMilli(), focus, focus)
}

func BenchmarkCompute_ThousandMembers(b *testing.B) {
	now := time.UnixMilli(1795188860551)
	facts := crowd(now)
	b.ReportAllocs()
	for b.Loop() {
		membership.Compute(facts, now)
	}
}
