package socket

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// listener is whom a browser's seat tells what happens, once it runs.
func (s *stand) listener(b *browser) Listener {
	synctest.Wait()
	s.town.mu.Lock()
	defer s.town.mu.Unlock()
	return s.town.seats[b.self].to
}

func TestDistrust_IsToldAtOnceAndToWhoComesBack(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		ben := message.Party{UserID: "@ben:town", DeviceID: "BEN"}
		s.listener(b).Distrusted([]Distrust{{ben, "Ben's device is not signed."}})
		again := s.open("lobby", b.returns())
		for _, page := range []*browser{b, again} {
			devices := page.must("distrust")["devices"].([]any)
			is, _ := devices[0].(map[string]any)
			if len(devices) != 1 || is["device_id"] != ben.DeviceID || is["user_id"] != ben.UserID || is["words"] != "Ben's device is not signed." {
				t.Errorf("was told %v", devices)
			}
		}
		s.listener(b).Distrusted(nil)
		if devices, _ := again.must("distrust")["devices"].([]any); devices == nil || len(devices) > 0 {
			t.Errorf("after the end of it was told %v", devices)
		}
	})
}

func TestState_HasStickyMembersAndWhenTheyEnd(t *testing.T) {
	sent, until := time.UnixMilli(1_000), time.UnixMilli(61_000)
	event := membership.Event{Type: message.TypeMember, Sender: "@ben:town", EventID: "$m", SentAt: sent, Content: json.RawMessage(`{"a":1}`)}
	slot := membership.Event{Type: message.TypeSlot, StateKey: message.SlotRoom, Sender: "@ben:town", EventID: "$s", SentAt: sent, Content: json.RawMessage(`{}`)}
	got := string(encodeState(State{
		Events: []membership.Event{slot},
		Sticky: []membership.Sticky{{Event: event, Until: until, Duration: time.Minute, Encrypted: true, Device: "BEN"}},
	}))
	want := `{"type":"state","events":[{"type":"` + message.TypeSlot + `","state_key":"` + message.SlotRoom + `","sender":"@ben:town","event_id":"$s","origin_server_ts":1000,"content":{}}],` +
		`"sticky":[{"type":"` + message.TypeMember + `","state_key":"","sender":"@ben:town","event_id":"$m","origin_server_ts":1000,"content":{"a":1},"until":61000,"duration":60000,"device":"BEN"}],"members":[]}`
	if got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

func TestReports_PassToAndFromDevicesOfOtherPages(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		b.say("report", fields{"report": map[string]any{"links": []any{}}})
		ben := message.Party{UserID: "@ben:town", DeviceID: "BEN"}
		s.listener(b).Reports([]Report{{ben, time.UnixMilli(7), json.RawMessage(`{"links":[1]}`)}, {Party: ben, Content: json.RawMessage(`{`)}})
		reports := b.must("reports")["reports"].([]any)
		is, _ := reports[0].(map[string]any)
		if len(reports) != 1 || is["at"] != 7.0 || is["party"].(map[string]any)["device_id"] != ben.DeviceID {
			t.Errorf("was told %v", reports)
		}
		b.say("ping", fields{"id": 1})
		b.must("pong")
		if n := s.town.noted("report " + b.self.String() + ` {"links":[]}`); n != 1 {
			t.Errorf("the seat was given the report %d times", n)
		}
	})
}
