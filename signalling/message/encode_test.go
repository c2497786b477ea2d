package message_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// full is a message of a kind with everything that Encode wants.
func full(kind message.Kind) message.Signal {
	s := message.Signal{Kind: kind, Envelope: message.Envelope{
		CallID: "1790000000000Xy7Q", PartyID: "ALICEDEV", ConfID: "m.call#ROOM", SlotID: "m.call#ROOM",
		RoomID: "!room:example.org", DeviceID: "ALICEDEV", SenderSessionID: "a1b2c3", DestSessionID: "d4e5f6",
		Seq: ptr(uint32(7)), MessageID: "meshfocus-5f0c", Version: 1,
	}}
	if !kind.Numbered() {
		s.Seq = nil
	}
	muted := message.StreamMetadata{"mic-cam": {Purpose: message.PurposeUserMedia, VideoMuted: true}}
	switch kind {
	case message.Invite:
		s.Lifetime, s.Invitee, s.InviteeDeviceID = time.Minute, "@bob:example.org", "BOBDEV"
		s.Description, s.Metadata = message.Description{Type: "offer", SDP: "v=0"}, muted
	case message.Answer:
		s.Description, s.Metadata = message.Description{Type: "answer", SDP: "v=0"}, muted
	case message.SelectAnswer:
		s.SelectedPartyID = "BOBDEV"
	case message.Candidates:
		s.Candidates = []message.Candidate{
			{Candidate: "candidate:1", SDPMid: ptr("0"), SDPMLineIndex: ptr(uint16(0)), UsernameFragment: ptr("abcd")}, {},
		}
	case message.Negotiate:
		s.Lifetime, s.Description = 10*time.Second, message.Description{Type: "offer", SDP: "v=0"}
	case message.MetadataChanged:
		s.Metadata = muted
	case message.Hangup, message.Reject:
		s.Reason = message.ReasonUserHangup
	}
	return s
}

var kinds = []message.Kind{
	message.Invite, message.Answer, message.SelectAnswer, message.Candidates,
	message.Negotiate, message.MetadataChanged, message.Hangup, message.Reject,
}

// TestEncode_WritesTheUnion compares whole contents, since one field too few
// leaves a peer of one implementation deaf.
func TestEncode_WritesTheUnion(t *testing.T) {
	const envelope = `"call_id":"1790000000000Xy7Q","version":"1","party_id":"ALICEDEV","conf_id":"m.call#ROOM",
		"slot_id":"m.call#ROOM","room_id":"!room:example.org","device_id":"ALICEDEV","sender_session_id":"a1b2c3",
		"dest_session_id":"d4e5f6","org.matrix.msgid":"meshfocus-5f0c"`
	const metadata = `"sdp_stream_metadata":{"mic-cam":{"purpose":"m.usermedia","audio_muted":false,"video_muted":true}},
		"org.matrix.msc3077.sdp_stream_metadata":{"mic-cam":{"purpose":"m.usermedia","audio_muted":false,"video_muted":true}}`
	const capabilities = `"capabilities":{"m.call.transferee":false,"m.call.dtmf":false}`
	want := map[message.Kind]string{
		message.Invite: `"seq":7,"lifetime":60000,"invitee":"@bob:example.org","invitee_device_id":"BOBDEV",
			"offer":{"type":"offer","sdp":"v=0"},` + capabilities + `,` + metadata,
		message.Answer:       `"seq":7,"answer":{"type":"answer","sdp":"v=0"},` + capabilities + `,` + metadata,
		message.SelectAnswer: `"selected_party_id":"BOBDEV"`,
		message.Candidates: `"seq":7,"candidates":[{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"},
			{"candidate":""}]`,
		message.Negotiate:       `"seq":7,"lifetime":10000,"description":{"type":"offer","sdp":"v=0"}`,
		message.MetadataChanged: `"seq":7,` + metadata,
		message.Hangup:          `"seq":7,"reason":"user_hangup"`,
		message.Reject:          ``,
	}
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			eventType, content, err := full(kind).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if eventType != "m.call."+kind.String() {
				t.Errorf("type %s, want m.call.%s", eventType, kind)
			}
			expected := `{` + envelope
			if want[kind] != "" {
				expected += `,` + want[kind]
			}
			equalJSON(t, content, expected+`}`)
		})
	}
}

func equalJSON(t *testing.T, is []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(is, &a); err != nil {
		t.Fatalf("%v in %s", err, is)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("is   %s\nwant %s", is, want)
	}
}

func TestEncode_TakesNothingIncomplete(t *testing.T) {
	cases := []struct {
		name  string
		kind  message.Kind
		spoil func(*message.Signal)
		want  string
	}{
		{"no call", message.Hangup, func(s *message.Signal) { s.CallID = "" }, "call_id"},
		{"a call outside the grammar", message.Hangup, func(s *message.Signal) { s.CallID = "a+b" }, "call_id"},
		{"no conference", message.Hangup, func(s *message.Signal) { s.ConfID = "" }, "conf_id"},
		{"no room", message.Hangup, func(s *message.Signal) { s.RoomID = "" }, "room_id"},
		{"no session of ours", message.Hangup, func(s *message.Signal) { s.SenderSessionID = "" }, "sender_session_id"},
		{"no session of theirs", message.Hangup, func(s *message.Signal) { s.DestSessionID = "" }, "dest_session_id"},
		{"no device", message.Hangup, func(s *message.Signal) { s.DeviceID = "" }, "device_id"},
		{"no number", message.Hangup, func(s *message.Signal) { s.Seq = nil }, "seq"},
		{"a number on a selection", message.SelectAnswer, func(s *message.Signal) { s.Seq = ptr(uint32(2)) }, "seq"},
		{"a number on a rejection", message.Reject, func(s *message.Signal) { s.Seq = ptr(uint32(0)) }, "seq"},
		{"no invitee", message.Invite, func(s *message.Signal) { s.Invitee = "" }, "invitee"},
		{"no invited device", message.Invite, func(s *message.Signal) { s.InviteeDeviceID = "" }, "invitee_device_id"},
		{"a lifetime in the past", message.Invite, func(s *message.Signal) { s.Lifetime = -time.Second }, "lifetime"},
		{"an answer as offer", message.Invite, func(s *message.Signal) { s.Description.Type = "answer" }, "offer.type"},
		{"no description", message.Answer, func(s *message.Signal) { s.Description.SDP = "" }, "answer.sdp"},
		{"a rollback", message.Negotiate, func(s *message.Signal) { s.Description.Type = "rollback" }, "description.type"},
		{"no candidates", message.Candidates, func(s *message.Signal) { s.Candidates = nil }, "candidates"},
		{"no metadata", message.MetadataChanged, func(s *message.Signal) { s.Metadata = nil }, "sdp_stream_metadata"},
		{"nobody selected", message.SelectAnswer, func(s *message.Signal) { s.SelectedPartyID = "" }, "selected_party_id"},
		{"an unknown reason", message.Hangup, func(s *message.Signal) { s.Reason = "bored" }, "reason"},
		{"no kind", message.Kind(99), func(*message.Signal) {}, "kind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := full(c.kind)
			c.spoil(&s)
			_, content, err := s.Encode()
			var faults message.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("error %v and content %s, want Faults", err, content)
			}
			if len(faults) != 1 || faults[0].Path != c.want {
				t.Errorf("faults %v, want one at %s", faults, c.want)
			}
		})
	}
}

func TestEncode_RefusesWhatAServerMightNotTake(t *testing.T) {
	s := full(message.Invite)
	s.Description.SDP = strings.Repeat("x", message.MaxEncoded)
	if _, _, err := s.Encode(); !errors.Is(err, message.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, message.ErrTooLarge)
	}
}

func TestEncode_FillsInPartyLifetimeAndReason(t *testing.T) {
	s := full(message.Invite)
	s.PartyID, s.Lifetime = "", 0
	if is := parsed(t, s); is.PartyID != s.DeviceID || is.Lifetime != message.DefaultLifetime {
		t.Errorf("party %q and lifetime %s, want %q and %s", is.PartyID, is.Lifetime, s.DeviceID, message.DefaultLifetime)
	}
	s = full(message.Hangup)
	s.Reason = ""
	if is := parsed(t, s); is.Reason != message.ReasonUserHangup {
		t.Errorf("reason %s, want %s", is.Reason, message.ReasonUserHangup)
	}
}

// parsed writes a message and reads it.
func parsed(t testing.TB, s message.Signal) message.Signal {
	t.Helper()
	eventType, content, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	is, err := message.ParseSignal(eventType, content)
	if err != nil {
		t.Fatalf("%v in %s", err, content)
	}
	return is
}

func TestEncode_IsTheInverseOfParseSignal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSignal(t)
		eventType, content, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		is, err := message.ParseSignal(eventType, content)
		if err != nil {
			t.Fatalf("%v in %s", err, content)
		}
		if !reflect.DeepEqual(is, s) {
			t.Errorf("was\n%+v\nis\n%+v\nfrom %s", s, is, content)
		}
	})
}

func drawSignal(t *rapid.T) message.Signal {
	id := rapid.StringN(1, 60, 255).Filter(func(text string) bool { return text != "" })
	s := full(rapid.SampledFrom(kinds).Draw(t, "kind"))
	s.CallID = rapid.StringMatching(`[0-9A-Za-z._~-]{1,255}`).Draw(t, "call_id")
	for _, field := range []*string{&s.PartyID, &s.ConfID, &s.RoomID, &s.DeviceID, &s.SenderSessionID, &s.DestSessionID} {
		*field = id.Draw(t, "id")
	}
	s.SlotID = rapid.StringN(0, 60, 255).Draw(t, "slot_id")
	if s.Kind.Numbered() {
		s.Seq = ptr(rapid.Uint32().Draw(t, "seq"))
	}
	if s.Lifetime != 0 {
		s.Lifetime = time.Duration(rapid.IntRange(1, 86400000).Draw(t, "lifetime")) * time.Millisecond
	}
	if s.Description.SDP != "" {
		s.Description.SDP = rapid.StringN(1, -1, 2000).Draw(t, "sdp")
	}
	if s.Kind == message.Negotiate {
		s.Description.Type = rapid.SampledFrom([]string{"offer", "answer"}).Draw(t, "type")
	}
	if s.Reason != "" {
		s.Reason = rapid.SampledFrom([]message.Reason{"user_hangup", "replaced", "ice_failed", "unknown_error"}).Draw(t, "reason")
	}
	if s.Candidates != nil {
		s.Candidates = rapid.SliceOfN(rapid.Custom(drawCandidate), 1, 10).Draw(t, "candidates")
	}
	if s.Metadata != nil {
		s.Metadata = rapid.MapOf(rapid.String(), rapid.Custom(drawStream)).Draw(t, "metadata")
	}
	return s
}

func drawCandidate(t *rapid.T) message.Candidate {
	c := message.Candidate{Candidate: rapid.String().Draw(t, "candidate")}
	c.SDPMid = rapid.Ptr(rapid.String(), true).Draw(t, "mid")
	c.SDPMLineIndex = rapid.Ptr(rapid.Uint16(), true).Draw(t, "index")
	c.UsernameFragment = rapid.Ptr(rapid.String(), true).Draw(t, "ufrag")
	return c
}

func drawStream(t *rapid.T) message.Stream {
	return message.Stream{
		Purpose:    rapid.StringN(0, 60, 255).Draw(t, "purpose"),
		AudioMuted: rapid.Bool().Draw(t, "audio"),
		VideoMuted: rapid.Bool().Draw(t, "video"),
	}
}
