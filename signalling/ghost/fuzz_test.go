package ghost

import (
	"encoding/json"
	"strings"
	"testing"

	"meshfocus/signalling/message"
)

// Whatever stands in an event, what is written instead is JSON, and names the
// device no more.
func FuzzWithout(f *testing.F) {
	f.Add(`{"m.calls":[{"m.call_id":"c","m.devices":[{"device_id":"D"},{"device_id":"E"}]}]}`, "D")
	f.Add(`{"memberships":[{"device_id":"D"},7]}`, "D")
	f.Add(`{"application":"m.call","device_id":"D"}`, "D")
	f.Add(`{"m.calls":7,"memberships":"x"}`, "")
	f.Fuzz(func(t *testing.T, content, device string) {
		gone := []Entry{{Party: message.Party{DeviceID: device}}}
		rest, left := without(json.RawMessage(content), gone)
		if !json.Valid(rest) {
			t.Fatalf("%s becomes %s", content, rest)
		}
		again, still := without(rest, gone)
		if still != left || string(again) != string(rest) && !strings.Contains(string(rest), "m.calls") {
			t.Errorf("%s becomes %s with %d left, and then %s with %d", content, rest, left, again, still)
		}
	})
}
