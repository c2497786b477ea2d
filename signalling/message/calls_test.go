package message_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// editedAt is the writer's clock of the tests.
var editedAt = time.UnixMilli(1795188860000)

func ours(session string) message.CallDevice {
	return message.CallDevice{DeviceID: "US", SessionID: session, ExpiresAt: time.UnixMilli(1795192460000),
		Feeds: []message.Feed{{Purpose: message.PurposeUserMedia}}}
}

const (
	oursText   = `{"device_id":"US","expires_ts":1795192460000,"feeds":[{"purpose":"m.usermedia"}],"session_id":"s1"}`
	otherText  = `{ "session_id":"s9", "device_id" : "THEM", "x.y":[1e3, "\u00e9"], "expires_ts":1795192460001,"feeds":[] }`
	staleText  = `{"device_id":"OLD","session_id":"s8","expires_ts":1795188855000,"feeds":[]}`
	slackText  = `{"device_id":"SLOW","session_id":"s7","expires_ts":1795188855001,"feeds":[]}`
	spoiltText = `{"device_id":"BAD","expires_ts":1795192460001}`
	elsewhere  = `{"m.devices":[` + otherText + `],  "m.foci":["@sfu:hs"], "m.call_id":"elsewhere"}`
)

func TestWithDevice_ChangesNothingButTheDevice(t *testing.T) {
	cases := []struct{ name, content, want string }{
		{"a first call", `{}`, `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"nothing at all", ``, `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"no object", `[1]`, `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"calls of another kind", `{"m.calls":7,"x":1}`, `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}],"x":1}`},
		{"another call", `{"x": {"y" :1},"m.calls":[` + elsewhere + `]}`,
			`{"x":{"y" :1},"m.calls":[` + elsewhere + `,{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"another device in the call", `{"m.calls":[{"m.call_id":"conf","z":null,"m.devices":[` + otherText + `]}]}`,
			`{"m.calls":[{"m.call_id":"conf","z":null,"m.devices":[` + otherText + `,` + oursText + `]}]}`},
		{"a renewal", `{"m.calls":[{"m.call_id":"conf","m.devices":[{"device_id":"US","session_id":"s0","expires_ts":1795192460000,"feeds":[]},` + otherText + `]}]}`,
			`{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `,` + otherText + `]}]}`},
		{"our device twice", `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `,` + otherText + `,` + oursText + `]}]}`,
			`{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `,` + otherText + `]}]}`},
		{"our device in a call that stands twice", `{"m.calls":[{"m.call_id":"conf","m.devices":[]},{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`,
			`{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"stale and spoilt devices", `{"m.calls":[{"m.call_id":"conf","m.devices":[` + staleText + `,` + slackText + `,` + spoiltText + `]},{"m.call_id":"old","m.devices":[` + staleText + `]}]}`,
			`{"m.calls":[{"m.call_id":"conf","m.devices":[` + slackText + `,` + oursText + `]}]}`},
		{"what nobody understands", `{"m.calls":[7,{"m.call_id":8},{"m.call_id":"empty","m.devices":[]}]}`,
			`{"m.calls":[7,{"m.call_id":8},{"m.call_id":"empty","m.devices":[]},{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
		{"a field that stands twice", `{"m.calls":[` + elsewhere + `],"m.calls":[]}`, `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			is, err := message.WithDevice([]byte(c.content), "conf", ours("s1"), editedAt)
			if err != nil {
				t.Fatal(err)
			}
			if string(is) != c.want {
				t.Errorf("content\n%s\nwant\n%s", is, c.want)
			}
		})
	}
}

func TestWithoutDevice_LeavesTheOthers(t *testing.T) {
	cases := []struct{ name, content, want string }{
		{"the last of all", `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`, `{"m.calls":[]}`},
		{"nothing to leave", `{}`, `{"m.calls":[]}`},
		{"the last of the call", `{"m.calls":[` + elsewhere + `,{"m.call_id":"conf","m.devices":[` + oursText + `,` + staleText + `]}]}`,
			`{"m.calls":[` + elsewhere + `]}`},
		{"another device stays", `{"m.calls":[{"m.call_id":"conf","m.devices":[` + oursText + `,` + otherText + `]}],"x":1}`,
			`{"m.calls":[{"m.call_id":"conf","m.devices":[` + otherText + `]}],"x":1}`},
		{"the same device in another call stays", `{"m.calls":[{"m.call_id":"b","m.devices":[` + oursText + `]},{"m.call_id":"conf","m.devices":[` + oursText + `]}]}`,
			`{"m.calls":[{"m.call_id":"b","m.devices":[` + oursText + `]}]}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if is := message.WithoutDevice([]byte(c.content), "conf", "US", editedAt); string(is) != c.want {
				t.Errorf("content\n%s\nwant\n%s", is, c.want)
			}
		})
	}
}

func TestWithDevice_TakesNothingIncomplete(t *testing.T) {
	for name, join := range map[string]func() ([]byte, error){
		"no conference": func() ([]byte, error) { return message.WithDevice(nil, "", ours("s1"), editedAt) },
		"no session":    func() ([]byte, error) { return message.WithDevice(nil, "conf", ours(""), editedAt) },
		"no device": func() ([]byte, error) {
			return message.WithDevice(nil, "conf", message.CallDevice{SessionID: "s", ExpiresAt: editedAt}, editedAt)
		},
		"no expiry": func() ([]byte, error) {
			return message.WithDevice(nil, "conf", message.CallDevice{SessionID: "s", DeviceID: "D"}, editedAt)
		},
	} {
		var faults message.Faults
		if content, err := join(); !errors.As(err, &faults) || len(faults) != 1 {
			t.Errorf("%s: content %s and error %v, want one fault", name, content, err)
		}
	}
}

// devicesOf reads who is in which call.
func devicesOf(t testing.TB, content []byte) map[string][]string {
	t.Helper()
	if !json.Valid(content) {
		t.Fatalf("no JSON: %s", content)
	}
	m, err := message.ParseMember(content)
	if err != nil {
		t.Fatalf("%v in %s", err, content)
	}
	devices := map[string][]string{}
	for _, call := range m.Calls {
		for _, device := range call.Devices {
			devices[call.CallID] = append(devices[call.CallID], device.DeviceID)
		}
	}
	return devices
}

// TestWithDevice_KeepsTheBooksOfManyDevices joins and leaves any number of devices
// in any calls: who stays is who joined last and has not left.
func TestWithDevice_KeepsTheBooksOfManyDevices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := []byte(`{}`)
		want := map[string][]string{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			conf := rapid.SampledFrom([]string{"a", "b", `"c`}).Draw(t, "conf")
			device := ours("s1")
			device.DeviceID = rapid.SampledFrom([]string{"D", "E", "Ü"}).Draw(t, "device")
			at := slices.Index(want[conf], device.DeviceID)
			if rapid.Bool().Draw(t, "joins") {
				var err error
				if content, err = message.WithDevice(content, conf, device, editedAt); err != nil {
					t.Fatal(err)
				}
				if at < 0 {
					want[conf] = append(want[conf], device.DeviceID)
				}
			} else {
				content = message.WithoutDevice(content, conf, device.DeviceID, editedAt)
				if at >= 0 {
					want[conf] = slices.Delete(want[conf], at, at+1)
				}
			}
			if len(want[conf]) == 0 {
				delete(want, conf)
			}
		}
		m, err := message.ParseMember(content)
		if err != nil || len(m.Spoilt) > 0 {
			t.Fatalf("%v %v in %s", err, m.Spoilt, content)
		}
		is := map[string][]string{}
		for _, call := range m.Calls {
			for _, device := range call.Devices {
				is[call.CallID] = append(is[call.CallID], device.DeviceID)
			}
		}
		if !reflect.DeepEqual(is, want) {
			t.Errorf("devices %v, want %v in %s", is, want, content)
		}
	})
}

func FuzzWithDevice(f *testing.F) {
	for _, r := range readRecorded(f, "testdata/members.json") {
		f.Add([]byte(r.Content), "conf")
	}
	f.Add([]byte(`{"m.calls":[`+elsewhere+`,{"m.call_id":"conf","m.devices":[`+otherText+`,`+spoiltText+`]}]}`), "conf")
	f.Fuzz(func(t *testing.T, content []byte, confID string) {
		with, err := message.WithDevice(content, confID, ours("s1"), editedAt)
		if err != nil || len(with) > message.MaxContent {
			return
		}
		if devices := devicesOf(t, with)[confID]; !slices.Contains(devices, "US") {
			t.Errorf("our device is not among %v in %s", devices, with)
		}
		without := message.WithoutDevice(with, confID, "US", editedAt)
		if devices := devicesOf(t, without)[confID]; slices.Contains(devices, "US") {
			t.Errorf("our device is still in %s", without)
		}
	})
}
