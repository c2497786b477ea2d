package message_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"meshfocus/signalling/message"
)

// recorded is one message as a published library sent it.
type recorded struct {
	Name    string
	Type    string
	Content json.RawMessage
}

func recordedSignals(t testing.TB) []recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/signals.json")
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
	for _, r := range recordedSignals(t) {
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
