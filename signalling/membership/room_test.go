package membership_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
)

var update = flag.Bool("update", false, "write what Compute answers to testdata/rooms/*.golden")

// recordedRoom is a room as a homeserver tells it: recorded from published
// clients, or made up for one rule.
type recordedRoom struct {
	About  string   `json:"about"`
	Now    int64    `json:"now"` // milliseconds
	RoomID string   `json:"room_id"`
	Joined []string `json:"joined"`
	State  []struct {
		Type     string          `json:"type"`
		StateKey string          `json:"state_key"`
		Sender   string          `json:"sender"`
		EventID  string          `json:"event_id"`
		SentAt   int64           `json:"origin_server_ts"`
		Content  json.RawMessage `json:"content"`
	} `json:"state"`
}

func (r recordedRoom) facts() (membership.Facts, time.Time) {
	facts := membership.Facts{RoomID: r.RoomID, Joined: map[string]bool{}}
	for _, user := range r.Joined {
		facts.Joined[user] = true
	}
	for _, e := range r.State {
		facts.State = append(facts.State, membership.Event{
			Type: e.Type, StateKey: e.StateKey, Sender: e.Sender, EventID: e.EventID,
			SentAt: time.UnixMilli(e.SentAt).UTC(), Content: e.Content,
		})
	}
	return facts, time.UnixMilli(r.Now).UTC()
}

func readRoom(t testing.TB, name string) recordedRoom {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rooms", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var room recordedRoom
	if err := json.Unmarshal(data, &room); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return room
}

func roomNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/rooms/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rooms: %v", err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}

func TestCompute_AnswersTheRecordedRooms(t *testing.T) {
	for _, name := range roomNames(t) {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", "rooms", name+".golden")
			room := readRoom(t, name)
			facts, now := room.facts()
			is := describe(room.About, now, membership.Compute(facts, now))
			if *update {
				if err := os.WriteFile(golden, is, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(is, want) {
				t.Errorf("is\n%s\nwant\n%s", is, want)
			}
		})
	}
}
