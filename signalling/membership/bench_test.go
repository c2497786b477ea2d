package membership_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// crowd is a room with 1 000 member events of every form: m.calls with two
// devices, per-device state with a mesh and with another focus, memberships[]
// of both kinds, the seed, sticky members of both generations in an open slot,
// and members that have left.
func crowd(now time.Time) membership.Facts {
	facts := membership.Facts{RoomID: "!crowd:example.org", Joined: map[string]bool{}, Encrypted: true}
	event := func(eventType, key, sender, content string) membership.Event {
		facts.Joined[sender] = true
		return membership.Event{
			Type: eventType, StateKey: key, Sender: sender,
			EventID: fmt.Sprintf("$event%04d", len(facts.State)+len(facts.Sticky)),
			SentAt:  now.Add(-time.Duration(len(facts.State)) * time.Second),
			Content: json.RawMessage(content),
		}
	}
	put := func(eventType, key, sender, content string) {
		facts.State = append(facts.State, event(eventType, key, sender, content))
	}
	stick := func(user, content string) {
		facts.Sticky = append(facts.Sticky, membership.Sticky{
			Event: event(message.TypeMember, "", user, content), Until: now.Add(time.Hour), Duration: time.Hour, Encrypted: true, Device: "DEV",
		})
	}
	put(message.TypeCall, "conf", "@user0:example.org", `{"m.intent":"m.room","m.type":"m.video"}`)
	put(message.TypeSlot, message.SlotRoom, "@user0:example.org", `{"status":"open","application":{"type":"m.call"}}`)
	expires := now.Add(time.Hour).UnixMilli()
	for i := range 1000 {
		user := fmt.Sprintf("@user%d:example.org", i)
		device := fmt.Sprintf(`{"device_id":"A%d","session_id":"s%d","expires_ts":%d,"feeds":[{"purpose":"m.usermedia"}]}`, i, i, expires)
		entry := func(focus string) string {
			return fmt.Sprintf(`{"memberships":[{"application":"m.call","call_id":"","device_id":"D","membershipID":"m%d","expires_ts":%d,`+
				`"foci_active":[{"type":%q}]}]}`, i, expires, focus)
		}
		switch i % 10 {
		case 0:
			put(message.TypeCallMember, user, user, fmt.Sprintf(
				`{"m.calls":[{"m.call_id":"conf","m.devices":[%s,%s]}]}`, device, device[:15]+"B"+device[15:]))
		case 1, 2:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, sessionContent("full_mesh", now))
		case 3:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, sessionContent("livekit", now))
		case 4:
			put(message.TypeCallMember, user, user, entry("livekit"))
		case 5:
			put(message.TypeMemberFamedly, user, user, entry("mesh"))
		case 6:
			put(message.TypeMember, fmt.Sprintf("[%q,%q]", user, "DEV"), user,
				`{"m.application":"m.call","m.call_id":"","device_id":"DEV","focus_active":{"type":"full_mesh"},"foci_preferred":[{"type":"full_mesh"}]}`)
		case 7:
			stick(user, stickyContent(user, `"rtc_transports":[{"type":"livekit","livekit_service_url":"https://sfu.example.org"}],"versions":[]`))
		case 8:
			stick(user, stickyContent(user, `"transports":{"published":[{"type":"full_mesh"}],"can_subscribe":["full_mesh"]},"versions":[]`))
		case 9:
			put(message.TypeCallMember, "_"+user+"_DEV_m.call", user, `{}`)
		}
	}
	return facts
}

func stickyContent(user, transports string) string {
	return fmt.Sprintf(`{"slot_id":"m.call#ROOM","application":{"type":"m.call","m.call.intent":"video"},"msc4354_sticky_key":"9e24ab72-39b6",`+
		`"member":{"user_id":%q,"device_id":"DEV","id":"9e24ab72-39b6"},%s}`, user, transports)
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
