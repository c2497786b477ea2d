package message_test

import (
	"reflect"
	"strings"
	"testing"

	"meshfocus/signalling/message"
)

func TestDialect_OfTheDartSDKComparesUserAndDeviceAsOneText(t *testing.T) {
	party := func(user, device string) message.Party { return message.Party{UserID: user, DeviceID: device} }
	for _, c := range []struct {
		name            string
		caller, callee  message.Party
		matrix, famedly bool // the one calls the other
	}{
		{"two users", party("@a:hs", "Z"), party("@b:hs", "A"), true, true},
		{"two devices", party("@a:hs", "A"), party("@a:hs", "B"), true, true},
		{"a server that begins like another", party("@a:hs", "D"), party("@a:hs.org", "D"), true, false},
		{"a server with a port", party("@a:hs", "D"), party("@a:hs:8448", "A"), true, false},
		{"a server with a port, and a small device", party("@a:hs", "1"), party("@a:hs:8448", "A"), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for dialect, want := range map[message.Dialect]bool{message.DialectMatrix: c.matrix, message.DialectFamedly: c.famedly} {
				if is, back := dialect.Calls(c.caller, c.callee), dialect.Calls(c.callee, c.caller); is != want || back == want {
					t.Errorf("in dialect %d %s calls %s: %v, and back: %v", dialect, c.caller, c.callee, is, back)
				}
			}
		})
	}
}

func TestDialect_OfTheDartSDKHasItsOwnTypesAndIDs(t *testing.T) {
	for _, kind := range kinds {
		s := full(kind)
		s.Dialect, s.ConfID, s.SlotID, s.CallID, s.PartyID = message.DialectFamedly, "", "", "a+/= any", s.SenderSessionID
		eventType, content, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if eventType != "com.famedly.call.member."+kind.String() || !strings.Contains(string(content), `"conf_id":""`) {
			t.Errorf("%s is written as %s %s", kind, eventType, content)
		}
		again, err := message.ParseSignal(eventType, content)
		if again.Faults = nil; err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s reads as\n%+v, %v, want\n%+v", eventType, again, err, s)
		}
		s.Dialect = message.DialectMatrix
		if _, _, err := s.Encode(); err == nil {
			t.Errorf("%s with the Dart SDK's IDs is written as one of Matrix", kind)
		}
	}
}
