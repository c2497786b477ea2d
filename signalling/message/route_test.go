package message_test

import (
	"encoding/json"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

var (
	byFocus   = message.Route{Via: message.Party{UserID: "@f:hs", DeviceID: "F"}}
	forwards  = message.Route{Forwards: true}
	byText    = `"org.meshfocus.via":{"user_id":"@f:hs","device_id":"F"}`
	routeText = map[message.Route]string{{}: ``, forwards: `,"org.meshfocus.forwards":true`, byFocus: `,` + byText}
)

func TestRoute_StandsBesideTheMesh(t *testing.T) {
	for route, text := range routeText {
		mesh := message.Focus{Type: "full_mesh"}.With(route)
		s := message.SessionContent{Application: "m.call", DeviceID: "DEV", MembershipID: "m1", FocusActive: mesh, FociPreferred: []message.Focus{{Type: "full_mesh"}}}
		for name, content := range map[string]message.SessionContent{"in the clear": s, "veiled": s.RumaSafe()} {
			wire, err := content.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var fields struct {
				Active json.RawMessage `json:"focus_active"`
				Veiled struct {
					Published []json.RawMessage
				} `json:"meshfocus.rtc_transports"`
			}
			if err := json.Unmarshal(wire, &fields); err != nil {
				t.Fatal(err)
			}
			is := fields.Active
			if name == "veiled" {
				is = fields.Veiled.Published[0]
			}
			equalJSON(t, is, `{"type":"full_mesh"`+text+`}`)
			if m, err := message.ParseMember(wire); err != nil || m.Session.Route() != route {
				t.Errorf("%s %s reads as %+v with error %v", name, wire, m.Session.Route(), err)
			}
		}
		device := ours("s1")
		device.Route = route
		wire, err := message.WithDevice(nil, "conf", device, editedAt)
		if err != nil {
			t.Fatal(err)
		}
		equalJSON(t, wire, `{"m.calls":[{"m.call_id":"conf","m.devices":[`+oursText[:len(oursText)-1]+text+`}]}]}`)
		if m, err := message.ParseMember(wire); err != nil || m.Calls[0].Devices[0].Route != route {
			t.Errorf("%s reads as %+v with error %v", wire, m, err)
		}
		dart := message.FamedlyFocus().With(route)
		wire, err = message.WithFamedlyDevice(nil, message.LegacyMembership{
			Application: "m.call", DeviceID: "DEV", MembershipID: "s", ExpiresAt: editedAt.Add(time.Minute), Foci: []message.Focus{dart},
		}, editedAt)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := message.ParseMember(wire); err != nil || m.Legacy[0].Foci[0].Route != route {
			t.Errorf("%s reads as %+v with error %v", wire, m, err)
		}
	}
	if livekit := (message.Focus{Type: "livekit"}).With(byFocus); livekit.Route != (message.Route{}) {
		t.Errorf("a route is said of %+v", livekit)
	}
}

func TestRoute_IsReadTolerantly(t *testing.T) {
	for text, want := range map[string]message.Route{
		`"org.meshfocus.forwards":true,` + byText:                       {Forwards: true, Via: byFocus.Via},
		`"org.meshfocus.forwards":"true"`:                               {},
		`"org.meshfocus.forwards":1,"org.meshfocus.via":null`:           {},
		`"org.meshfocus.via":"@f:hs"`:                                   {},
		`"org.meshfocus.via":{"user_id":"@f:hs"}`:                       {},
		`"org.meshfocus.via":{"user_id":7,"device_id":"F"}`:             {},
		`"org.meshfocus.via":[{"user_id":"@f:hs","device_id":"F"}]`:     {},
		`"org.meshfocus.via":{"device_id":"F","user_id":"@f:hs","x":1}`: byFocus,
	} {
		content := `{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"member":{"id":"i","user_id":"@a:hs","device_id":"A"},"versions":[],` +
			`"sticky_key":"i","rtc_transports":[{"type":"livekit",` + text + `},{"type":"m.full_mesh",` + text + `}]}`
		m, err := message.ParseStickyMember([]byte(content))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if is := m.Transports.Published; is[1].Route != want || is[0].Route != (message.Route{}) {
			t.Errorf("%s reads as %+v, want %+v", text, is, want)
		}
	}
}
