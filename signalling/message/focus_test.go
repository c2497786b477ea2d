package message

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestFocusMessage_ReadsWhatItWrites(t *testing.T) {
	streams := FocusStreams{"s": {
		Stream: Stream{Purpose: PurposeUserMedia, AudioMuted: true}, UserID: "@a:x", DeviceID: "A",
		Tracks: map[string]FocusStreamTrack{"t": {Kind: "video", Width: 640, Height: 480}},
	}}
	for _, m := range []FocusMessage{
		{Kind: FocusPing}, {Kind: FocusPong},
		{Kind: FocusSubscription, Subscribe: []FocusTrack{{"s", "t", 320, 180}}, Unsubscribe: []FocusTrack{{StreamID: "s", TrackID: "u"}}},
		{Kind: FocusNegotiate, Description: Description{"offer", "v=0"}, Streams: streams},
		{Kind: FocusMetadataChanged, Streams: streams},
		{Kind: FocusResting, Resting: []FocusRest{{"s", "t", []string{"f", "h"}}, {"s", "u", []string{}}}},
	} {
		if got, err := ParseFocusMessage(m.Encode()); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s is read as %+v, %v", m.Encode(), got, err)
		}
	}
}

// As matrix-js-sdk's branch of MSC3401 and waterfall wrote them.
func TestFocusMessage_ReadsOthers(t *testing.T) {
	got, err := ParseFocusMessage([]byte(`{"type":"m.call.track_subscription","content":{"subscribe":[{"stream_id":"s","track_id":"t","width":-3,"height":99999999}],"unsubscribe":[]}}`))
	if err != nil || len(got.Subscribe) != 1 || got.Subscribe[0] != (FocusTrack{"s", "t", 0, largestPicture}) {
		t.Errorf("it is %+v, %v", got, err)
	}
	if got, err := ParseFocusMessage([]byte(`{"type":"m.call.ping","content":{}}`)); err != nil || got.Kind != FocusPing {
		t.Errorf("it is %+v, %v", got, err)
	}
}

func TestFocusMessage_RefusesNonsense(t *testing.T) {
	if _, err := ParseFocusMessage([]byte(`{"type":"m.call.connect_to_focus","content":{}}`)); !errors.Is(err, ErrUnknownType) {
		t.Errorf("another type: %v", err)
	}
	if _, err := ParseFocusMessage([]byte(strings.Repeat("x", MaxContent+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long: %v", err)
	}
	many := `{"type":"m.call.track_subscription","content":{"subscribe":[` + strings.Repeat(`{},`, mostFocusTracks) + `{}]}}`
	for _, text := range []string{
		``, `7`, `{"type":"m.call.negotiate"}`, `{"type":"m.call.negotiate","content":{"description":{"type":"rollback","sdp":"v=0"}}}`,
		`{"type":"m.call.track_subscription","content":{"subscribe":7}}`, many,
	} {
		if m, err := ParseFocusMessage([]byte(text)); err == nil {
			t.Errorf("%.80q is read as %+v", text, m)
		}
	}
}

func FuzzParseFocusMessage(f *testing.F) {
	f.Add([]byte(`{"type":"m.call.track_subscription","content":{"subscribe":[{"stream_id":"s","track_id":"t","width":1}]}}`))
	f.Add([]byte(`{"type":"m.call.negotiate","content":{"description":{"type":"answer","sdp":"v=0"},"sdp_stream_metadata":{"s":{"purpose":"m.usermedia"}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseFocusMessage(text)
		if err != nil {
			return
		}
		encoded := m.Encode()
		if again, err := ParseFocusMessage(encoded); err != nil && !errors.Is(err, ErrTooLarge) || err == nil && !reflect.DeepEqual(again.Encode(), encoded) {
			t.Fatalf("%q becomes %q, %v", text, encoded, err)
		}
	})
}
