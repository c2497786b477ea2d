package membership_test

import (
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestSession_IsNamedByItsWordsAndByNoOthers(t *testing.T) {
	session := func(form message.Form, confID string) membership.Session {
		return membership.Session{Key: membership.Key{ConfID: confID}, Form: form}
	}
	sessions := map[string]membership.Session{
		"a conference":                 session(message.FormCalls, "conf"),
		"the slot of the room":         session(message.FormSession, message.SlotRoom),
		"another slot":                 session(message.FormSession, "m.call#other"),
		"the Dart SDK's call":          session(message.FormFamedly, membership.FamedlyConfID("m.call", "")),
		"another call of the Dart SDK": session(message.FormFamedly, membership.FamedlyConfID("m.call", "other")),
	}
	wire := map[string][3]string{
		"a conference": {"m.call.", "conf", ""}, "the slot of the room": {"m.call.", message.SlotRoom, message.SlotRoom},
		"another slot": {"m.call.", "m.call#other", "m.call#other"}, "the Dart SDK's call": {"com.famedly.call.member.", "", ""},
		"another call of the Dart SDK": {"com.famedly.call.member.", "other", ""},
	}
	for name, s := range sessions {
		dialect, confID, slotID := s.Words()
		signal := message.Signal{Envelope: message.Envelope{Dialect: dialect, ConfID: confID, SlotID: slotID}}
		prefix := map[message.Dialect]string{message.DialectMatrix: "m.call.", message.DialectFamedly: "com.famedly.call.member."}[dialect]
		if is := [3]string{prefix, confID, slotID}; is != wire[name] {
			t.Errorf("%s is named %q, want %q", name, is, wire[name])
		}
		for other, session := range sessions {
			if session.Meant(signal) != (other == name) {
				t.Errorf("what names %s is taken for %s: %v", name, other, session.Meant(signal))
			}
		}
	}
}
