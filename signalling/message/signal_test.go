package message_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// recorded is one message or state event as a published library sent it.
type recorded struct {
	Name    string
	Type    string
	Form    string // of a membership
	Content json.RawMessage
}

func readRecorded(t testing.TB, file string) []recorded {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestParseSignal_ReadsEveryRecordedMessageWithoutFaults(t *testing.T) {
	for _, r := range readRecorded(t, "testdata/signals.json") {
		t.Run(r.Name, func(t *testing.T) {
			s, err := message.ParseSignal(r.Type, r.Content)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Faults) > 0 {
				t.Errorf("faults in a good message: %v", s.Faults)
			}
			if want := strings.TrimPrefix(r.Type, "m.call."); s.Kind.String() != want {
				t.Errorf("kind %s, want %s", s.Kind, want)
			}
			checkEnvelope(t, s.Envelope)
			checkBody(t, s)
		})
	}
}

func checkEnvelope(t *testing.T, e message.Envelope) {
	t.Helper()
	if e.CallID == "" || e.ConfID == "" || e.DeviceID == "" || e.SenderSessionID == "" || e.DestSessionID == "" {
		t.Errorf("an ID got lost: %+v", e)
	}
	if e.PartyID != e.DeviceID {
		t.Errorf("party %q, want the device %q", e.PartyID, e.DeviceID)
	}
	if e.Seq == nil || e.Version != 1 {
		t.Errorf("seq %v and version %d, want a number and 1", e.Seq, e.Version)
	}
}

// checkBody checks that what the kind needs was read.
func checkBody(t *testing.T, s message.Signal) {
	t.Helper()
	filled := map[message.Kind]bool{
		message.Invite:          s.Description.Type == "offer" && s.Lifetime == time.Minute,
		message.Answer:          s.Description.Type == "answer",
		message.SelectAnswer:    s.SelectedPartyID != "",
		message.Candidates:      len(s.Candidates) > 0 && s.Candidates[0].SDPMid != nil && s.Candidates[0].SDPMLineIndex != nil,
		message.Negotiate:       s.Description.SDP != "" && s.Lifetime == time.Minute,
		message.MetadataChanged: len(s.Metadata) == 1,
		message.Hangup:          s.Reason != "" && s.Reason != message.ReasonUnknown,
	}
	if !filled[s.Kind] {
		t.Errorf("the body got lost: %+v", s)
	}
	if s.Description.SDP == "" {
		return
	}
	for id, stream := range s.Metadata {
		known := stream.Purpose == message.PurposeUserMedia || stream.Purpose == message.PurposeScreenShare
		if !known || !strings.Contains(s.Description.SDP, "a=msid:"+id) {
			t.Errorf("stream %s is %+v, want one of the description with a known purpose", id, stream)
		}
	}
}

// common are the fields without which no message is read.
const common = `"call_id":"c1","conf_id":"conf","dest_session_id":"us"`

func ptr[T any](value T) *T { return &value }

// envelope is what common reads as, with changes.
func envelope(change func(*message.Envelope)) message.Envelope {
	e := message.Envelope{CallID: "c1", ConfID: "conf", DestSessionID: "us", Version: 1}
	if change != nil {
		change(&e)
	}
	return e
}

func TestParseSignal_ToleratesWhatPeersDo(t *testing.T) {
	invite := envelope(func(e *message.Envelope) { e.DeviceID, e.PartyID = "D", "D" })
	offer := message.Description{Type: "offer", SDP: "v=0"}
	cases := []struct {
		name      string
		eventType string
		content   string
		want      message.Signal
		faults    int
	}{
		{"an invite with the least in it", "m.call.invite",
			`{` + common + `,"device_id":"D","offer":{"sdp":"v=0"}}`,
			message.Signal{Kind: message.Invite, Envelope: invite, Lifetime: time.Minute, Description: offer}, 0},
		{"a version as a number", "m.call.hangup",
			`{` + common + `,"version":1}`,
			message.Signal{Kind: message.Hangup, Envelope: envelope(nil), Reason: "user_hangup"}, 0},
		{"version 0 as a string", "m.call.hangup",
			`{` + common + `,"version":"0"}`,
			message.Signal{Kind: message.Hangup, Envelope: envelope(func(e *message.Envelope) { e.Version = 0 }), Reason: "user_hangup"}, 0},
		{"an unknown version", "m.call.hangup",
			`{` + common + `,"version":{"x":2}}`,
			message.Signal{Kind: message.Hangup, Envelope: envelope(nil), Reason: "user_hangup"}, 0},
		{"an unknown reason", "m.call.hangup",
			`{` + common + `,"reason":"bored"}`,
			message.Signal{Kind: message.Hangup, Envelope: envelope(nil), Reason: "unknown_error"}, 0},
		{"a party in base64", "m.call.hangup",
			`{` + common + `,"party_id":"a+/b==","reason":"replaced"}`,
			message.Signal{Kind: message.Hangup, Envelope: envelope(func(e *message.Envelope) { e.PartyID = "a+/b==" }), Reason: "replaced"}, 0},
		{"a seq that is a float without fraction", "m.call.reject",
			`{` + common + `,"seq":3.0}`,
			message.Signal{Kind: message.Reject, Envelope: envelope(func(e *message.Envelope) { e.Seq = ptr(uint32(3)) }), Reason: "user_hangup"}, 0},
		{"a seq that is none", "m.call.reject",
			`{` + common + `,"seq":-1}`,
			message.Signal{Kind: message.Reject, Envelope: envelope(nil), Reason: "user_hangup"}, 1},
		{"a seq beyond all bounds", "m.call.reject",
			`{` + common + `,"seq":1e300}`,
			message.Signal{Kind: message.Reject, Envelope: envelope(nil), Reason: "user_hangup"}, 1},
		{"fields that are null", "m.call.reject",
			`{` + common + `,"seq":null,"party_id":null,"room_id":null,"reason":null}`,
			message.Signal{Kind: message.Reject, Envelope: envelope(nil), Reason: "user_hangup"}, 0},
		{"a lifetime that is none", "m.call.negotiate",
			`{` + common + `,"lifetime":"long","description":{"type":"answer","sdp":"v=0"}}`,
			message.Signal{Kind: message.Negotiate, Envelope: envelope(nil), Lifetime: time.Minute,
				Description: message.Description{Type: "answer", SDP: "v=0"}}, 1},
		{"a lifetime beyond all bounds", "m.call.negotiate",
			`{` + common + `,"lifetime":9007199254740991,"description":{"type":"offer","sdp":"v=0"}}`,
			message.Signal{Kind: message.Negotiate, Envelope: envelope(nil), Lifetime: 24 * time.Hour, Description: offer}, 0},
		{"stable metadata beside the unstable", "m.call.sdp_stream_metadata_changed",
			`{` + common + `,"sdp_stream_metadata":{"s":{"purpose":"m.usermedia"}},"org.matrix.msc3077.sdp_stream_metadata":{}}`,
			message.Signal{Kind: message.MetadataChanged, Envelope: envelope(nil),
				Metadata: message.StreamMetadata{"s": {Purpose: "m.usermedia"}}}, 0},
		{"unstable metadata under an unstable type", "org.matrix.call.sdp_stream_metadata_changed",
			`{` + common + `,"org.matrix.msc3077.sdp_stream_metadata":{"s":{"purpose":"m.screenshare","audio_muted":true,"video_muted":true}}}`,
			message.Signal{Kind: message.MetadataChanged, Envelope: envelope(nil),
				Metadata: message.StreamMetadata{"s": {Purpose: "m.screenshare", AudioMuted: true, VideoMuted: true}}}, 0},
		{"metadata with one bad stream", "m.call.sdp_stream_metadata_changed",
			`{` + common + `,"sdp_stream_metadata":{"bad":7,"s":{"purpose":"m.usermedia"}}}`,
			message.Signal{Kind: message.MetadataChanged, Envelope: envelope(nil),
				Metadata: message.StreamMetadata{"s": {Purpose: "m.usermedia"}}}, 1},
		{"candidates without mids, null and bad ones", "m.call.candidates",
			`{` + common + `,"candidates":[{"candidate":""},{"candidate":null,"sdpMid":null},7,{"sdpMid":"0"},
				{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":70000,"usernameFragment":"uf"}]}`,
			message.Signal{Kind: message.Candidates, Envelope: envelope(nil), Candidates: []message.Candidate{
				{}, {}, {Candidate: "candidate:1", SDPMid: ptr("0"), UsernameFragment: ptr("uf")}}}, 3},
		{"the Dart SDK's names and IDs", "com.famedly.call.member.select_answer",
			`{"call_id":"a+/=","conf_id":"","dest_session_id":"us","room_id":"!r:hs","selected_party_id":"p"}`,
			message.Signal{Kind: message.SelectAnswer, SelectedPartyID: "p",
				Envelope: message.Envelope{Dialect: message.DialectFamedly, CallID: "a+/=", DestSessionID: "us", RoomID: "!r:hs", Version: 1}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := message.ParseSignal(c.eventType, []byte(c.content))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Faults) != c.faults {
				t.Errorf("%d faults, want %d: %v", len(s.Faults), c.faults, s.Faults)
			}
			s.Faults = nil
			if !reflect.DeepEqual(s, c.want) {
				t.Errorf("read as\n%+v, want\n%+v", s, c.want)
			}
		})
	}
}

func TestParseSignal_TellsEverythingThatIsWrong(t *testing.T) {
	cases := []struct {
		name      string
		eventType string
		content   string
		want      []string // paths of the faults
	}{
		{"nothing there", "m.call.invite", `{}`,
			[]string{"call_id", "conf_id", "dest_session_id", "device_id", "offer"}},
		{"IDs of the wrong kind, too long, or outside their grammar", "m.call.hangup",
			`{"call_id":"a b","conf_id":"","dest_session_id":7,"party_id":"` + strings.Repeat("x", 256) + `"}`,
			[]string{"call_id", "conf_id", "dest_session_id", "party_id"}},
		{"an answer in an invite", "m.call.invite", `{` + common + `,"device_id":"D","offer":{"type":"answer"}}`,
			[]string{"offer.sdp", "offer.type"}},
		{"a negotiation without a type", "m.call.negotiate", `{` + common + `,"description":{"sdp":"v=0"}}`,
			[]string{"description.type"}},
		{"a rollback", "m.call.negotiate", `{` + common + `,"description":{"type":"rollback","sdp":""}}`,
			[]string{"description.sdp", "description.type"}},
		{"no candidates", "m.call.candidates", `{` + common + `,"candidates":{}}`, []string{"candidates"}},
		{"no metadata", "m.call.sdp_stream_metadata_changed", `{` + common + `,"sdp_stream_metadata":[]}`,
			[]string{"sdp_stream_metadata", "sdp_stream_metadata"}},
		{"nobody selected", "m.call.select_answer", `{` + common + `,"selected_party_id":""}`, []string{"selected_party_id"}},
		{"a key in other letters", "m.call.hangup", `{"Call_ID":"c1","conf_id":"conf","dest_session_id":"us"}`, []string{"call_id"}},
		{"a list", "m.call.hangup", `[]`, []string{""}},
		{"no JSON", "m.call.hangup", `{"call_id":`, []string{""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := message.ParseSignal(c.eventType, []byte(c.content))
			var faults message.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("error %v, want Faults", err)
			}
			var paths []string
			for _, fault := range faults {
				paths = append(paths, fault.Path)
			}
			if !reflect.DeepEqual(paths, c.want) {
				t.Errorf("faults at %v, want %v", paths, c.want)
			}
		})
	}
}

func TestParseSignal_TellsTypesApart(t *testing.T) {
	cases := map[string]error{
		"m.call.asserted_identity":              message.ErrIgnoredType,
		"org.matrix.call.asserted_identity":     message.ErrIgnoredType,
		"com.famedly.call.member.replaces":      message.ErrIgnoredType,
		"m.call":                                message.ErrUnknownType,
		"m.room_key":                            message.ErrUnknownType,
		"com.famedly.call.member.encryption":    message.ErrUnknownType,
		"org.matrix.call.invite":                message.ErrUnknownType,
		"com.famedly.call.member.m.call.hangup": message.ErrUnknownType,
	}
	for eventType, want := range cases {
		if _, err := message.ParseSignal(eventType, []byte(`{}`)); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", eventType, err, want)
		}
	}
}

func TestParseSignal_RefusesContentsNoServerWouldTake(t *testing.T) {
	content := `{` + common + `,"reason":"` + strings.Repeat("x", message.MaxContent) + `"}`
	if _, err := message.ParseSignal("m.call.hangup", []byte(content)); !errors.Is(err, message.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, message.ErrTooLarge)
	}
}

func TestParseSignal_TellsOnlySoManyFaults(t *testing.T) {
	content := `{` + common + `,"sdp_stream_metadata":{` + strings.Repeat(`"s":0,`, 5000) + `"t":{"purpose":"m.usermedia"}}}`
	s, err := message.ParseSignal("m.call.sdp_stream_metadata_changed", []byte(content))
	if err != nil || len(s.Faults) > 64 || len(s.Metadata) != 1 {
		t.Errorf("error %v, %d faults and metadata %v, want at most 64 and one stream", err, len(s.Faults), s.Metadata)
	}
}

func TestFault_SaysWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	_, err := message.ParseSignal("m.call.hangup", []byte(`{"call_id":"a b","conf_id":"conf"}`))
	const want = `message: call_id: "a b", want 1 to 255 of [0-9A-Za-z._~-]; dest_session_id: missing, want the session the message is for`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func FuzzParseSignal(f *testing.F) {
	for _, r := range readRecorded(f, "testdata/signals.json") {
		f.Add(r.Type, []byte(r.Content))
	}
	f.Add("com.famedly.call.member.hangup", []byte(`{`+common+`}`))
	f.Fuzz(func(t *testing.T, eventType string, content []byte) {
		s, err := message.ParseSignal(eventType, content)
		if err != nil {
			if !reflect.DeepEqual(s, message.Signal{}) {
				t.Errorf("a value beside the error %v: %+v", err, s)
			}
			return
		}
		checkWritable(t, s)
	})
}

// checkWritable checks that a message that was read can be written again once
// it has what we add, and then reads as the same.
func checkWritable(t *testing.T, s message.Signal) {
	complete(&s)
	eventType, content, err := s.Encode()
	var faults message.Faults
	if errors.As(err, &faults) || errors.Is(err, message.ErrTooLarge) {
		return // the Dart SDK's IDs and empty lists are not ours to write
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := message.ParseSignal(eventType, content)
	if err != nil {
		t.Fatalf("cannot read what was written: %v\n%s", err, content)
	}
	s.Faults, s.Version = nil, 1
	if !reflect.DeepEqual(again, s) {
		t.Errorf("was\n%+v, reads again as\n%+v", s, again)
	}
}

// complete fills in what others may leave out and we never do.
func complete(s *message.Signal) {
	fill := func(field *string) {
		if *field == "" {
			*field = "filled"
		}
	}
	fill(&s.RoomID)
	fill(&s.DeviceID)
	fill(&s.PartyID)
	fill(&s.SenderSessionID)
	if s.Kind == message.Invite {
		fill(&s.Invitee)
		fill(&s.InviteeDeviceID)
	}
	if s.Seq = ptr(uint32(4)); !s.Kind.Numbered() {
		s.Seq = nil
	}
}
