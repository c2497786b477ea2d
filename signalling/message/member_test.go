package message_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestParseMember_TellsTheRecordedFormsApart(t *testing.T) {
	for _, r := range readRecorded(t, "testdata/members.json") {
		if r.Type != message.TypeCallMember {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			m, err := message.ParseMember(r.Content)
			if err != nil {
				t.Fatal(err)
			}
			if m.Form.String() != r.Form {
				t.Errorf("form %s, want %s", m.Form, r.Form)
			}
			if m.Spoilt != nil || m.Faults != nil {
				t.Errorf("something wrong with a good content: %v %v", m.Spoilt, m.Faults)
			}
		})
	}
}

func TestParseMember_DispatchesOnContent(t *testing.T) {
	cases := map[string]message.Form{
		`{}`:                         message.FormLeft,
		`{"leave_reason":{"x":1}}`:   message.FormLeft,
		`{"m.calls":{}}`:             message.FormLeft,
		`{"m.calls":null}`:           message.FormLeft,
		`{"application":{"type":1}}`: message.FormLeft,
		`{"memberships":7}`:          message.FormLeft,
		`{"m.calls":[]}`:             message.FormCalls,
		`{"memberships":[{"x":1}]}`:  message.FormLegacy,
		`{"m.calls":[],"memberships":[],"application":"m.call"}`:                                     message.FormCalls,
		`{"memberships":[],"application":"m.call"}`:                                                  message.FormLegacy,
		`{"application":"m.call","call_id":"","device_id":"D","focus_active":{"type":"x"}}`:          message.FormSession,
		`{"m.application":"m.call","m.call_id":"","device_id":"D","focus_active":{"type":"mesh"}}`:   message.FormSeed,
		`{"application":"m.call","call_id":"","device_id":"D","foci_active":[{"type":"full_mesh"}]}`: message.FormSession,
	}
	for content, want := range cases {
		m, err := message.ParseMember([]byte(content))
		if err != nil || m.Form != want {
			t.Errorf("%s: form %s and error %v, want %s", content, m.Form, err, want)
		}
		if (m.Session != nil) != (want == message.FormSession || want == message.FormSeed) {
			t.Errorf("%s: session %+v beside form %s", content, m.Session, m.Form)
		}
	}
}

func TestParseMember_KeepsGoodDevicesBesideBadOnes(t *testing.T) {
	good := `{"device_id":"D1","session_id":"s1","expires_ts":1795192460803.5,"feeds":[{"purpose":"m.usermedia"}],"m.foci":{}}`
	content := `{"m.calls":[
		7,
		{"m.call_id":"conf","m.devices":[
			` + good + `,
			{"device_id":"D2","session_id":"s2","expires_ts":1795192460803},
			{"device_id":"D3","session_id":"s3","expires_ts":"soon","feeds":[]},
			{"device_id":"D4","expires_ts":1795192460803,"feeds":[]},
			{"session_id":"s5","expires_ts":1795192460803,"feeds":[]},
			"D6",
			{"device_id":"D7","session_id":"s7","expires_ts":1795192460803,"feeds":[]}]},
		{"m.call_id":"other"},
		{"m.devices":[]}]}`
	m, err := message.ParseMember([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1795192460803).UTC()
	want := []message.CallMemberships{{CallID: "conf", Devices: []message.CallDevice{
		{DeviceID: "D1", SessionID: "s1", ExpiresAt: at, Feeds: []message.Feed{{Purpose: "m.usermedia"}}},
		{DeviceID: "D7", SessionID: "s7", ExpiresAt: at},
	}}}
	if !reflect.DeepEqual(m.Calls, want) {
		t.Errorf("calls %+v\nwant  %+v", m.Calls, want)
	}
	var spoilt []string
	for _, entry := range m.Spoilt {
		spoilt = append(spoilt, entry.CallID+"/"+entry.DeviceID+" "+entry.Faults[0].Path)
	}
	wantSpoilt := []string{
		"/ m.calls[0]",
		"conf/D2 m.calls[1].m.devices[1].feeds",
		"conf/D3 m.calls[1].m.devices[2].expires_ts",
		"conf/D4 m.calls[1].m.devices[3].session_id",
		"conf/ m.calls[1].m.devices[4].device_id",
		"conf/ m.calls[1].m.devices[5]",
		"other/ m.calls[2].m.devices",
		"/ m.calls[3].m.call_id",
	}
	if !reflect.DeepEqual(spoilt, wantSpoilt) {
		t.Errorf("spoilt\n%s\nwant\n%s", strings.Join(spoilt, "\n"), strings.Join(wantSpoilt, "\n"))
	}
}

func TestParseMember_ReadsThePerDeviceForm(t *testing.T) {
	content := `{"application":"m.call","call_id":"ROOM","device_id":"DEV","membershipID":"m1","scope":"m.room",
		"m.call.intent":"audio","created_ts":1790000000000,"expires":60000,
		"focus_active":{"type":"livekit","focus_selection":"multi_sfu"},
		"foci_preferred":[{"type":"livekit","livekit_service_url":"https://sfu.example"},{"url":"x"}],
		"meshfocus.rtc_transports":{"published":[{"type":"full_mesh","max_participants":8}],"can_subscribe":["full_mesh",3]}}`
	m, err := message.ParseMember([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	want := &message.SessionContent{
		Application: "m.call", CallID: "ROOM", DeviceID: "DEV", MembershipID: "m1", Scope: "m.room", Intent: "audio",
		CreatedAt: time.UnixMilli(1790000000000).UTC(), Expires: time.Minute,
		FocusActive: message.Focus{Type: "livekit", Selection: "multi_sfu",
			Raw: json.RawMessage(`{"type":"livekit","focus_selection":"multi_sfu"}`)},
		FociPreferred: []message.Focus{{Type: "livekit",
			Raw: json.RawMessage(`{"type":"livekit","livekit_service_url":"https://sfu.example"}`)}},
		Transports: &message.Transports{
			Published:    []message.Focus{{Type: "full_mesh", Raw: json.RawMessage(`{"type":"full_mesh","max_participants":8}`)}},
			CanSubscribe: []string{"full_mesh"},
		},
	}
	if !reflect.DeepEqual(m.Session, want) {
		t.Errorf("session %+v\nwant    %+v", m.Session, want)
	}
	if len(m.Faults) != 1 || m.Faults[0].Path != "foci_preferred[1]" {
		t.Errorf("faults %v, want one at foci_preferred[1]", m.Faults)
	}
	if m.Session.FocusType() != "full_mesh" || m.Session.SlotID() != message.SlotRoom {
		t.Errorf("focus %s in %s, want full_mesh in %s", m.Session.FocusType(), m.Session.SlotID(), message.SlotRoom)
	}
}

func TestParseMember_RefusesAPerDeviceMembershipWithout(t *testing.T) {
	const rest = `"application":"m.call","call_id":"","device_id":"D","focus_active":{"type":"full_mesh"}`
	cases := map[string]string{
		"call_id":                      strings.Replace(`{`+rest+`}`, `"call_id":"",`, ``, 1),
		"device_id":                    strings.Replace(`{`+rest+`}`, `"device_id":"D",`, ``, 1),
		"focus_active":                 strings.Replace(`{`+rest+`}`, `"focus_active"`, `"focus"`, 1),
		"focus_active.type":            strings.Replace(`{`+rest+`}`, `"type"`, `"kind"`, 1),
		"created_ts":                   `{` + rest + `,"created_ts":"now"}`,
		"expires":                      `{` + rest + `,"expires":true}`,
		"application":                  strings.Replace(`{`+rest+`}`, `m.call`, `m.call#x`, 1),
		"m.call_id":                    strings.Replace(`{`+rest+`}`, `"call_id":""`, `"m.call_id":7`, 1),
		"focus_active in a list":       strings.Replace(`{`+rest+`}`, `{"type":"full_mesh"}`, `[]`, 1),
		"expires out of range":         `{` + rest + `,"expires":1e300}`,
		"focus_active of another kind": strings.Replace(`{`+rest+`}`, `{"type":"full_mesh"}`, `"mesh"`, 1),
	}
	for name, content := range cases {
		m, err := message.ParseMember([]byte(content))
		var faults message.Faults
		path, _, _ := strings.Cut(name, " ")
		if !errors.As(err, &faults) || faults[0].Path != path {
			t.Errorf("%s: error %v, want Faults at %s in %s", name, err, path, content)
		}
		if m.Form != message.FormSession || m.Session != nil {
			t.Errorf("%s: %+v, want the form and nothing else", name, m)
		}
	}
}

func TestParseMember_BoundsAnExpiry(t *testing.T) {
	for expires, want := range map[string]time.Duration{
		"9007199254740991": 10 * 365 * 24 * time.Hour, "-9007199254740991": -10 * 365 * 24 * time.Hour, "0": 0, "1500.7": 1500 * time.Millisecond,
	} {
		content := `{"application":"m.call","call_id":"","device_id":"D","focus_active":{"type":"x"},"expires":` + expires + `}`
		if m, err := message.ParseMember([]byte(content)); err != nil || m.Session.Expires != want {
			t.Errorf("%s: %+v and error %v, want %s", expires, m.Session, err, want)
		}
	}
}

func TestParseMember_BoundsWhatAHostileContentCosts(t *testing.T) {
	content := `{"m.calls":[` + strings.Repeat("0,", 30000) +
		`{"m.call_id":"conf","m.devices":[{"device_id":"D","session_id":"s","expires_ts":1,"feeds":[]}]}]}`
	m, err := message.ParseMember([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, entry := range m.Spoilt {
		if entry.Faults[0].Path != "" {
			told++
		}
	}
	if told > 64 || len(m.Spoilt) > 64 {
		t.Errorf("%d spoilt entries and %d paths are told, want at most 64", len(m.Spoilt), told)
	}
	if len(m.Calls) != 1 || len(m.Calls[0].Devices) != 1 {
		t.Errorf("calls %+v, want the good one behind the bad", m.Calls)
	}
}

func TestParseCallObject_ReadsRecordedCalls(t *testing.T) {
	for _, r := range readRecorded(t, "testdata/members.json") {
		if r.Type != message.TypeCall {
			continue
		}
		c, err := message.ParseCallObject(r.Content)
		if err != nil || c.Intent != "m.room" || c.Type != "m.video" || c.Terminated || c.DataChannels {
			t.Errorf("%s: %+v and error %v", r.Name, c, err)
		}
	}
}

func TestParseCallObject_KnowsWhatEndedACall(t *testing.T) {
	cases := map[string]bool{
		``:                                false,
		`,"m.terminated":null`:            false,
		`,"m.terminated":false`:           false,
		`,"m.terminated":""`:              false,
		`,"m.terminated":0`:               false,
		`,"m.terminated":true`:            true,
		`,"m.terminated":"call_ended"`:    true,
		`,"m.terminated":1`:               true,
		`,"m.terminated":{"reason":null}`: true,
	}
	for field, want := range cases {
		c, err := message.ParseCallObject([]byte(`{"m.intent":"m.ring","m.type":"m.voice","m.name":"n","dataChannelsEnabled":true` + field + `}`))
		wanted := message.CallObject{Intent: "m.ring", Type: "m.voice", Name: "n", DataChannels: true, Terminated: want}
		if err != nil || c != wanted {
			t.Errorf("%s: %+v and error %v, want %+v", field, c, err, wanted)
		}
	}
}

func TestParseCallObject_TakesOnlyKnownKinds(t *testing.T) {
	for _, content := range []string{`{}`, `[]`, `{"m.intent":"m.ring"}`, `{"m.intent":"m.x","m.type":"m.video"}`, `{"m.intent":"m.room","m.type":"m.hologram"}`} {
		if c, err := message.ParseCallObject([]byte(content)); err == nil {
			t.Errorf("%s was taken as %+v", content, c)
		}
	}
}

func TestSlotID_TakesTheSpellingsOfTheRoomAsOne(t *testing.T) {
	cases := []struct {
		a, b string
		same bool
	}{
		{"m.call#ROOM", "m.call#room", true},
		{"m.call#ROOM", "m.call#", true},
		{"m.call#ROOM", "", true},
		{"m.call#ROOM", "m.call#other", false},
		{"m.call#Other", "m.call#other", false},
		{"m.board#ROOM", "m.board#room", false},
		{"conf-1", "conf-1", true},
		{"conf-1", "conf-2", false},
		{"ROOM", "room", false},
		{"conf-1", "", false},
	}
	for _, c := range cases {
		if message.SameSlot(c.a, c.b) != c.same || message.SameSlot(c.b, c.a) != c.same {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.same)
		}
	}
}

func TestIsMesh_TakesAllNamesOfAMesh(t *testing.T) {
	for name, want := range map[string]bool{
		"full_mesh": true, "m.full_mesh": true, "msc4143.full_mesh": true, "mesh": true,
		"": false, "livekit": false, "notfull_mesh": false, "m.mesh": false, "full_mesh.x": false,
	} {
		if message.IsMesh(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestSessionStateKey_HidesTheUserFromAuthRules(t *testing.T) {
	alice := message.Party{UserID: "@alice:example.org", DeviceID: "DEV"}
	cases := []struct{ slot, version, want string }{
		{message.SlotRoom, "10", "_@alice:example.org_DEV_m.call"},
		{"", "", "_@alice:example.org_DEV_m.call"},
		{"m.call#room", "org.matrix.msc3757.11", "@alice:example.org_DEV_m.call"},
		{message.SlotRoom, "org.matrix.msc3779.9", "@alice:example.org_DEV_m.call"},
		{"m.call#second", "12", "_@alice:example.org_DEV_m.callsecond"},
	}
	for _, c := range cases {
		if is := message.SessionStateKey(alice, c.slot, c.version); is != c.want {
			t.Errorf("slot %q in version %q: key %s, want %s", c.slot, c.version, is, c.want)
		}
	}
}

func TestSessionEncode_WritesWhatOthersRead(t *testing.T) {
	mesh := message.Focus{Type: message.FocusFullMesh}
	s := message.SessionContent{Application: "m.call", CallID: "ROOM", DeviceID: "DEV", MembershipID: "m1", FocusActive: mesh,
		FociPreferred: []message.Focus{mesh}}
	join := s
	refresh := s
	refresh.CreatedAt, refresh.Expires, refresh.Intent = time.UnixMilli(1790000000000), 8*time.Hour, "video"
	cases := []struct {
		name    string
		content message.SessionContent
		want    string
	}{
		{"a join", join, `{"application":"m.call","call_id":"","scope":"m.room","device_id":"DEV","membershipID":"m1","expires":14400000,
			"focus_active":{"type":"full_mesh"},"foci_preferred":[{"type":"full_mesh"}]}`},
		{"a refresh", refresh, `{"application":"m.call","call_id":"","scope":"m.room","device_id":"DEV","membershipID":"m1","expires":28800000,
			"created_ts":1790000000000,"m.call.intent":"video","focus_active":{"type":"full_mesh"},"foci_preferred":[{"type":"full_mesh"}]}`},
		{"a veiled one", join.RumaSafe(), `{"application":"m.call","call_id":"","scope":"m.room","device_id":"DEV","membershipID":"m1","expires":14400000,
			"focus_active":{"type":"livekit","focus_selection":"multi_sfu"},"foci_preferred":[],
			"meshfocus.rtc_transports":{"published":[{"type":"full_mesh"}],"can_subscribe":["full_mesh"]}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			content, err := c.content.Encode()
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, content, c.want)
			m, err := message.ParseMember(content)
			if err != nil || m.Session == nil || m.Session.FocusType() != message.FocusFullMesh {
				t.Errorf("reads as %+v with error %v, want a mesh", m, err)
			}
		})
	}
}

func TestSessionEncode_TakesNothingIncomplete(t *testing.T) {
	_, err := message.SessionContent{CallID: "a#b", Expires: -time.Second}.Encode()
	var faults message.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error %v, want Faults", err)
	}
	var paths []string
	for _, fault := range faults {
		paths = append(paths, fault.Path)
	}
	want := []string{"application", "call_id", "device_id", "membershipID", "expires", "focus_active.type"}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("faults at %v, want %v", paths, want)
	}
}

func TestCallObjectEncode_WritesWhatParseCallObjectReads(t *testing.T) {
	for _, c := range []message.CallObject{
		{Intent: "m.room", Type: "m.video"},
		{Intent: "m.ring", Type: "m.voice", Name: "n", DataChannels: true, Terminated: true},
	} {
		content, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if is, err := message.ParseCallObject(content); err != nil || is != c {
			t.Errorf("%+v reads as %+v with error %v", c, is, err)
		}
	}
	if content, err := (message.CallObject{Intent: "m.room"}).Encode(); err == nil {
		t.Errorf("a call of no type was written as %s", content)
	}
}

func FuzzParseMember(f *testing.F) {
	for _, r := range readRecorded(f, "testdata/members.json") {
		f.Add([]byte(r.Content))
	}
	f.Add([]byte(`{"memberships":[{}]}`))
	f.Add([]byte(`{"m.application":"m.call","m.call_id":"","device_id":"D","foci_active":[{"type":"mesh"}]}`))
	f.Add([]byte(`{"application":"m.call","call_id":"","device_id":"D","focus_active":{"type":"full_mesh","org.meshfocus.forwards":true,` + byText + `}}`))
	f.Add([]byte(`{"m.calls":[{"m.call_id":"c","m.devices":[` + strings.TrimSuffix(oursText, "}") + `,` + byText + `}]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = message.ParseCallObject(content)
		m, err := message.ParseMember(content)
		if (m.Session != nil) != ((m.Form == message.FormSession || m.Form == message.FormSeed) && err == nil) {
			t.Errorf("session %+v beside form %s and error %v", m.Session, m.Form, err)
		}
		if m.Form != message.FormCalls && m.Calls != nil || m.Form != message.FormLegacy && m.Legacy != nil {
			t.Errorf("calls %v and memberships %v in a content of form %s", m.Calls, m.Legacy, m.Form)
		}
		for _, entry := range m.Legacy {
			if entry.DeviceID == "" || entry.ExpiresAt.IsZero() && entry.Expires == 0 {
				t.Errorf("an entry without a device or an end: %+v", entry)
			}
		}
		for _, call := range m.Calls {
			for _, device := range call.Devices {
				if device.DeviceID == "" || device.SessionID == "" || (device.Via.UserID == "") != (device.Via.DeviceID == "") {
					t.Errorf("a device without names: %+v", device)
				}
			}
		}
	})
}
