package mesh_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// liveKit is a member that uses LiveKit as js-sdk 43 writes it in one of its
// modes. It says that it joined at an instant of its own.
func (w *world) liveKit(mode string, joined time.Time) {
	d := w.device("livekit")
	const focus = `{"type":"livekit","livekit_service_url":"https://sfu.example"}`
	if mode == "matrix_2_0" {
		w.change(func(facts *membership.Facts) {
			facts.Sticky = []membership.Sticky{{
				Event: membership.Event{Type: message.TypeMember, Sender: d.party.UserID, EventID: "$livekit", SentAt: joined, Content: json.RawMessage(fmt.Sprintf(
					`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"transports":{"published":[%s],"can_subscribe":["livekit"]},`+
						`"member":{"user_id":%q,"device_id":%q,"id":"lk"},"versions":[],"msc4354_sticky_key":"lk"}`, focus, d.party.UserID, d.party.DeviceID))},
				Until: time.Now().Add(time.Hour), Duration: time.Hour,
			}}
		})
		return
	}
	selection := map[string]string{"legacy": "oldest_membership", "compatibility": "multi_sfu"}[mode]
	w.set(membership.Event{
		Type: message.TypeCallMember, Sender: d.party.UserID, StateKey: "_" + d.party.UserID + "_" + d.party.DeviceID + "_m.call",
		Content: json.RawMessage(fmt.Sprintf(`{"application":"m.call","call_id":"","scope":"m.room","device_id":%q,"membershipID":"lk","expires":14400000,`+
			`"created_ts":%d,"focus_active":{"type":"livekit","focus_selection":%q},"foci_preferred":[%s]}`, d.party.DeviceID, joined.UnixMilli(), selection, focus)),
	})
}

// quiet fails if a pair of ours was ever anything but connected once it was.
func (w *world) quiet(names ...string) {
	w.t.Helper()
	for _, a := range names {
		for _, b := range names {
			was := false
			for _, state := range w.devices[a].history(b) {
				if was && state != negotiate.Connected {
					w.t.Errorf("%s with %s: %v after it was connected", a, b, state)
				}
				was = was || state == negotiate.Connected
			}
		}
	}
}

// A LiveKit member comes into a mesh, whatever it says about itself and whoever
// of ours leaves then: who of ours is in stays together, finds each other again
// after trouble, and lets in who is on its way.
func TestMesh_HoldsTogether_WhenLiveKitMembersCome(t *testing.T) {
	for _, mode := range []string{"legacy", "compatibility", "matrix_2_0"} {
		for name, ago := range map[string]time.Duration{"the youngest": 0, "the oldest by its own word": time.Hour} {
			t.Run(mode+", "+name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					w.boot("alice").join()
					w.boot("bob").join()
					w.boot("carol").join()
					wait(5 * time.Second)
					w.connected("alice", "bob", "carol")
					w.boot("dave").join()
					w.liveKit(mode, time.Now().Add(-ago)) // while dave is connecting
					wait(10 * time.Second)
					w.connected("alice", "bob", "carol", "dave")
					w.quiet("alice", "bob", "carol", "dave")

					w.devices["alice"].leave() // who was the oldest of ours
					wait(10 * time.Second)
					w.connected("bob", "carol", "dave")
					w.quiet("bob", "carol", "dave")

					w.devices["bob"].crash()
					w.boot("bob").join() // a new session: its links have to be made anew
					wait(time.Minute)
					w.connected("bob", "carol", "dave")
				})
			})
		}
	}
}
