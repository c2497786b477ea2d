package message_test

import (
	"testing"

	"meshfocus/signalling/message"
)

func TestBefore_OrdersLikeJavaScript(t *testing.T) {
	party := func(user, device string) message.Party { return message.Party{UserID: user, DeviceID: device} }
	cases := []struct {
		name          string
		lesser, other message.Party
	}{
		{"users before devices", party("@a:hs", "Z"), party("@b:hs", "A")},
		{"devices of one user", party("@a:hs", "A"), party("@a:hs", "B")},
		{"capitals before small letters", party("@a:hs", "Z"), party("@a:hs", "a")},
		{"a user that starts like another", party("@a:hs", "Z"), party("@a:hs.org", "A")},
		// The concatenation "user:device" would order these the other way.
		{"a tuple and no concatenation", party("@a:hs", "D"), party("@a:hs.org", "D")},
		// U+1F600 is written with the code unit D83D, which is below U+FF5E.
		{"code units and no code points", party("@😀:hs", "D"), party("@～:hs", "D")},
		{"a device that starts like another", party("@a:hs", "AB"), party("@a:hs", "ABC")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !c.lesser.Before(c.other) || c.other.Before(c.lesser) {
				t.Errorf("%s has to be before %s", c.lesser, c.other)
			}
			if c.lesser.Before(c.lesser) {
				t.Errorf("%s is before itself", c.lesser)
			}
		})
	}
}

func TestEnd_KnowsTheMarkers(t *testing.T) {
	cases := []struct {
		name      string
		candidate message.Candidate
		want      bool
	}{
		{"empty", message.Candidate{}, true},
		{"empty with a mid", message.Candidate{SDPMid: ptr("0")}, true},
		{"a text without mid and line", message.Candidate{Candidate: "candidate:1"}, true},
		{"a mid", message.Candidate{Candidate: "candidate:1", SDPMid: ptr("")}, false},
		{"a line", message.Candidate{Candidate: "candidate:1", SDPMLineIndex: ptr(uint16(0))}, false},
	}
	for _, c := range cases {
		if c.candidate.End() != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
}

func TestParseTransports_TakesEveryAnswerOfAServer(t *testing.T) {
	cases := []struct {
		content string
		want    []string
	}{
		{`{}`, nil},
		{`{"rtc_transports":[]}`, nil},
		{`{"rtc_transports":[{"type":"livekit","livekit_service_url":"u"},{"type":"full_mesh","max_participants":6,"ice_policy":"relay"}]}`, []string{"livekit", "full_mesh"}},
		{`{"transports":[{"type":"full_mesh","max_participants":6,"ice_policy":"relay"}],"rtc_transports":[]}`, []string{"full_mesh"}},
		{`{"transports":[7,{},{"type":7},{"type":"x"}]}`, []string{"x"}},
	}
	for _, c := range cases {
		hints, err := message.ParseTransports([]byte(c.content))
		if err != nil || len(hints) != len(c.want) {
			t.Errorf("%s: %+v and error %v, want %v", c.content, hints, err, c.want)
			continue
		}
		for i, hint := range hints {
			if hint.Type != c.want[i] || len(hint.Raw) == 0 {
				t.Errorf("%s: hint %d is %+v, want %s", c.content, i, hint, c.want[i])
			}
			if hint.Type == "full_mesh" && (hint.MaxParticipants != 6 || hint.ICEPolicy != "relay") {
				t.Errorf("%s: a mesh of %d by %q, want 6 by relay", c.content, hint.MaxParticipants, hint.ICEPolicy)
			}
		}
	}
	if _, err := message.ParseTransports([]byte(`[]`)); err == nil {
		t.Error("a list was taken for an answer")
	}
}
