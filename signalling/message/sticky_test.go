package message_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"meshfocus/signalling/message"
)

const shippedMember = `"member":{"user_id":"@a:hs","device_id":"D","id":"i"}`

func TestParseStickyMember_TellsTheGenerationsApart(t *testing.T) {
	const head = `{"slot_id":"m.call#ROOM","application":{"type":"m.call","m.call.intent":"audio"},`
	for name, test := range map[string]struct {
		content    string
		generation message.Generation
		left       bool
		userID     string
		published  string
	}{
		"js-sdk 42":            {head + `"rtc_transports":[{"type":"livekit"}],` + shippedMember + `,"versions":[],"msc4354_sticky_key":"i"}`, message.GenerationList, false, "@a:hs", "livekit"},
		"js-sdk 43":            {head + `"transports":{"published":[{"type":"livekit"}],"can_subscribe":["livekit"]},` + shippedMember + `,"versions":[],"msc4354_sticky_key":"i"}`, message.GenerationPublished, false, "@a:hs", "livekit"},
		"both":                 {head + `"rtc_transports":[{"type":"x"}],"transports":{"published":[{"type":"y"}]},` + shippedMember + `,"sticky_key":"i"}`, message.GenerationPublished, false, "@a:hs", "y"},
		"MSC4196":              {head + `"rtc_transports":[],"member":{"claimed_user_id":"@a:hs","claimed_device_id":"D","id":"i"},"sticky_key":"i"}`, message.GenerationList, false, "@a:hs", ""},
		"the newest text":      {head + `"transports":{"published":[{"type":"m.livekit"}]},"member":{"id":"i","membership":"join"},"sticky_key":"i","msc4354_sticky_key":"i"}`, message.GenerationNewest, false, "", "m.livekit"},
		"a leave":              {`{"slot_id":"m.call#ROOM","msc4354_sticky_key":"i"}`, message.GenerationUnknown, true, "", ""},
		"a leave of js-sdk 42": {`{"msc4354_sticky_key":"i"}`, message.GenerationUnknown, true, "", ""},
		"a newest leave":       {`{"member":{"id":"i","membership":"leave"},"leave_reason":{"code":"leave"},"sticky_key":"i"}`, message.GenerationNewest, true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := message.ParseStickyMember([]byte(test.content))
			if err != nil {
				t.Fatal(err)
			}
			published := ""
			if len(m.Transports.Published) > 0 {
				published = m.Transports.Published[0].Type
			}
			if m.StickyKey != "i" || m.Generation != test.generation || m.Left != test.left || m.UserID != test.userID || published != test.published {
				t.Errorf("reads as %+v", m)
			}
		})
	}
}

func TestParseStickyMember_SaysWhatIsWrong(t *testing.T) {
	const tail = `"transports":{"published":[]},` + shippedMember + `,"sticky_key":"i"}`
	for content, path := range map[string]string{
		`{"slot_id":"m.call#ROOM","sticky_key":"i","msc4354_sticky_key":"j"}`: "msc4354_sticky_key",
		`{}`: "sticky_key",
		`{"slot_id":"m.call","application":{"type":"m.call"},` + tail:                                                      "slot_id",
		`{"slot_id":"m.call#a#b","application":{"type":"m.call"},` + tail:                                                  "slot_id",
		`{"slot_id":"x#ROOM","application":{"type":"m.call"},` + tail:                                                      "slot_id",
		`{"slot_id":"m.call#ROOM","application":"m.call",` + tail:                                                          "application",
		`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"sticky_key":"i"}`:                                       "member",
		`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"member":{},"rtc_transports":[],"sticky_key":"i"}`:       "member.id",
		`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},` + shippedMember + `,"sticky_key":"i"}`:                 "rtc_transports",
		`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"transports":[],` + shippedMember + `,"sticky_key":"i"}`: "transports",
	} {
		m, err := message.ParseStickyMember([]byte(content))
		if err == nil || !strings.Contains(err.Error(), path+": ") {
			t.Errorf("%s: %+v and error %v, want one about %s", content, m, err, path)
		}
	}
}

func TestStickyMemberEncode_WritesForBothDeployedGenerations(t *testing.T) {
	m := message.StickyMember{
		SlotID: message.SlotRoom, StickyKey: "i", Application: message.ApplicationCall, Intent: "video", MemberID: "i", UserID: "@a:hs", DeviceID: "D",
		Transports: message.Transports{Published: []message.Focus{{Type: "full_mesh"}}, CanSubscribe: []string{"full_mesh"}},
	}
	content, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"application":{"m.call.intent":"video","type":"m.call"},"member":{"device_id":"D","id":"i","user_id":"@a:hs"},` +
		`"msc4354_sticky_key":"i","rtc_transports":[{"type":"full_mesh"}],"slot_id":"m.call#ROOM","sticky_key":"i",` +
		`"transports":{"can_subscribe":["full_mesh"],"published":[{"type":"full_mesh"}]},"versions":[]}`
	if string(content) != want {
		t.Errorf("is   %s\nwant %s", content, want)
	}
	m.Left = true
	if content, err = m.Encode(); err != nil || string(content) != `{"msc4354_sticky_key":"i","slot_id":"m.call#ROOM"}` {
		t.Errorf("a leave is %s, error %v", content, err)
	}
	if content, err := (message.StickyMember{SlotID: message.SlotRoom, StickyKey: "i"}).Encode(); err == nil {
		t.Errorf("a member of nothing was written as %s", content)
	}
}

func TestStickyMemberEncode_WritesWhatParseStickyMemberReads(t *testing.T) {
	for _, m := range []message.StickyMember{
		{Generation: message.GenerationPublished, UserID: "@a:hs", DeviceID: "D", Versions: []string{"v"}},
		{Generation: message.GenerationNewest, Intent: "audio"},
		{Generation: message.GenerationNewest, Left: true, LeaveReason: message.LeaveReason{Code: "media_error", Reason: "no camera"}},
	} {
		m.SlotID, m.StickyKey, m.MemberID = "m.call#ROOM", "i", "i"
		if !m.Left {
			m.Application = message.ApplicationCall
			m.Transports = message.Transports{Published: []message.Focus{{Type: "full_mesh", Raw: json.RawMessage(`{"type":"full_mesh"}`)}}, CanSubscribe: []string{"full_mesh"}}
		}
		content, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if is, err := message.ParseStickyMember(content); err != nil || !reflect.DeepEqual(is, m) {
			t.Errorf("%s reads as\n%+v with error %v, want\n%+v", content, is, err, m)
		}
	}
}

func FuzzParseStickyMember(f *testing.F) {
	f.Add([]byte(`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"rtc_transports":[{"type":"x"}],` + shippedMember + `,"versions":[],"msc4354_sticky_key":"i"}`))
	f.Add([]byte(`{"member":{"membership":"leave"},"disconnect_reason":{"class":"x"},"sticky_key":"i"}`))
	f.Add([]byte(`{"slot_id":"m.call#","application":{"type":"m.call"},"transports":{"published":[1,{"type":"y"}],"can_subscribe":[1]},"member":{"id":"i"},"sticky_key":"i"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := message.ParseStickyMember(content)
		if err != nil {
			return
		}
		if m.StickyKey == "" || !m.Left && (m.MemberID == "" || m.Application == "" || !strings.HasPrefix(m.SlotID, m.Application+"#")) {
			t.Errorf("%s reads as %+v", content, m)
		}
	})
}

func TestParseSlot_ReadsBothGenerations(t *testing.T) {
	for content, want := range map[string]string{
		`{"application":{"type":"m.call"}}`: "open m.call",
		`{"status":"open","application":{"type":"m.call","m.call.id":"c"},"encryption":{"type":"m.per_member"}}`: "open m.call c m.per_member",
		`{}`:                  "closed",
		`{"status":"closed"}`: "closed",
		`{"status":"closed","application":{"type":"m.call"}}`: "closed m.call",
		`{"status":"open"}`: "error application",
		`{"status":"ajar","application":{"type":"m.call"}}`: "error status",
		`{"application":"m.call"}`:                          "error application",
		`{"application":{"type":"a#b"}}`:                    "error application.type",
		`[]`:                                                "error ",
	} {
		slot, err := message.ParseSlot([]byte(content))
		is := "closed"
		if slot.Open {
			is = "open"
		}
		for _, text := range []string{slot.Application, slot.CallID, slot.Encryption} {
			if text != "" {
				is += " " + text
			}
		}
		if path, wrong := strings.CutPrefix(want, "error "); wrong {
			if err == nil || !strings.Contains(err.Error(), path) || slot.Open {
				t.Errorf("%s is %s with error %v, want %s", content, is, err, want)
			}
		} else if err != nil || is != want {
			t.Errorf("%s is %s with error %v, want %s", content, is, err, want)
		}
	}
}

func TestSlotContentEncode_WritesWhatParseSlotReads(t *testing.T) {
	for _, slot := range []message.SlotContent{
		{},
		{Open: true, Application: "m.call"},
		{Open: true, Application: "m.call", CallID: "c", Encryption: "org.matrix.msc4143.per_member"},
	} {
		content, err := slot.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if is, err := message.ParseSlot(content); err != nil || !reflect.DeepEqual(is, slot) {
			t.Errorf("%s reads as %+v with error %v", content, is, err)
		}
	}
	if content, err := (message.SlotContent{Open: true}).Encode(); err == nil {
		t.Errorf("an open slot of no application was written as %s", content)
	}
}

func FuzzParseSlot(f *testing.F) {
	f.Add([]byte(`{"status":"open","application":{"type":"m.call","m.call.id":"c"},"encryption":{"type":"x"}}`))
	f.Add([]byte(`{"status":7,"application":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		slot, err := message.ParseSlot(content)
		if slot.Open && (err != nil || slot.Application == "") {
			t.Errorf("%s is open with %+v and error %v", content, slot, err)
		}
	})
}
