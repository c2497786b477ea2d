package history_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"meshfocus/signalling/history"
)

// vectors are examples for other implementations, the signed-in page's among
// them: a timeline, newest event first, and the calls in it. UPDATE_DOCS=1
// writes them anew.
const vectors = "testdata/vectors.json"

type vector struct {
	Name string `json:"name"`
	Now  int64  `json:"now"`
	// Self is our user.
	Self   string      `json:"self"`
	Events []wireEvent `json:"events"`
	Calls  []wireCall  `json:"calls"`
}

type wireEvent struct {
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key,omitempty"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id"`
	SentAt   int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
	Unsigned *wireUnsigned   `json:"unsigned,omitempty"`
}

type wireUnsigned struct {
	Previous json.RawMessage `json:"prev_content"`
	Replaces string          `json:"replaces_state"`
}

type wireCall struct {
	Slot         string            `json:"slot"`
	Start        int64             `json:"start"`
	End          int64             `json:"end"`
	Running      bool              `json:"running"`
	Participants []wireParticipant `json:"participants"`
	Initiator    string            `json:"initiator"`
	Intent       string            `json:"intent"`
	Rung         bool              `json:"rung"`
	Missed       []string          `json:"missed"`
	Declined     []string          `json:"declined"`
	Topology     string            `json:"topology"`
	Anchor       bool              `json:"anchor"`
}

type wireParticipant struct {
	UserID string     `json:"user_id"`
	Parts  []wirePart `json:"parts"`
}

type wirePart struct {
	DeviceID string `json:"device_id"`
	Start    int64  `json:"start"`
	End      int64  `json:"end"`
	Running  bool   `json:"running"`
}

func TestVectors_AreWhatWeRead(t *testing.T) {
	var all []vector
	for _, c := range slices.Concat(slotScenes(), ringScenes()) {
		var l timeline
		c.build(&l)
		all = append(all, vectorOf(c.name, l.backwards(), c.options()))
	}
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 11))
		l := someTimeline(random, 60)
		events := l.backwards()
		if seed%2 == 1 { // events are missing
			events = slices.DeleteFunc(events, func(history.Event) bool { return random.IntN(6) == 0 })
		}
		now := l.events[len(l.events)-1].SentAt.Add(minute(3).Sub(noon))
		all = append(all, vectorOf(fmt.Sprint("people come and go, ", seed), events, history.Options{Now: now, Self: cy}))
	}
	got := encodeVectors(t, all)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(vectors, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectors)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what we read any more; if that is meant, UPDATE_DOCS=1 writes it anew", vectors)
	}
}

// encodeVectors writes one event and one call in a line, to be read in diffs.
func encodeVectors(t *testing.T, all []vector) []byte {
	t.Helper()
	var text bytes.Buffer
	line := func(value any) []byte {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	list := func(name string, count int, at func(int) any) {
		fmt.Fprintf(&text, "  %q: [", name)
		for i := range count {
			fmt.Fprintf(&text, "%s\n    %s", map[bool]string{true: "", false: ","}[i == 0], line(at(i)))
		}
		text.WriteString("]")
	}
	text.WriteString("[")
	for i, v := range all {
		fmt.Fprintf(&text, "%s{\n  \"name\": %s, \"now\": %d, \"self\": %s,\n", map[bool]string{true: "", false: ", "}[i == 0], line(v.Name), v.Now, line(v.Self))
		list("events", len(v.Events), func(i int) any { return v.Events[i] })
		text.WriteString(",\n")
		list("calls", len(v.Calls), func(i int) any { return v.Calls[i] })
		text.WriteString("\n}")
	}
	text.WriteString("]\n")
	return text.Bytes()
}

func vectorOf(name string, events []history.Event, options history.Options) vector {
	v := vector{Name: name, Now: options.Now.UnixMilli(), Self: options.Self}
	for _, e := range events {
		wire := wireEvent{Type: e.Type, Sender: e.Sender, EventID: e.EventID, SentAt: e.SentAt.UnixMilli(), Content: e.Content}
		if e.State {
			wire.StateKey = &e.StateKey
		}
		if e.Previous != nil {
			wire.Unsigned = &wireUnsigned{e.Previous, e.Replaces}
		}
		v.Events = append(v.Events, wire)
	}
	for s := range history.Sessions(slices.Values(events), options) {
		v.Calls = append(v.Calls, callOf(s))
	}
	return v
}

func callOf(s history.Session) wireCall {
	call := wireCall{
		Slot: s.Slot, Start: s.Start.UnixMilli(), End: s.End.UnixMilli(), Running: s.Running, Participants: []wireParticipant{}, Initiator: s.Initiator,
		Intent: s.Intent, Rung: s.Rung, Missed: append([]string{}, s.Missed...), Declined: append([]string{}, s.Declined...), Topology: s.Topology, Anchor: s.Anchor,
	}
	for _, p := range s.Participants {
		wire := wireParticipant{UserID: p.UserID}
		for _, part := range p.Parts {
			wire.Parts = append(wire.Parts, wirePart{part.DeviceID, part.Start.UnixMilli(), part.End.UnixMilli(), part.Running})
		}
		call.Participants = append(call.Participants, wire)
	}
	return call
}
