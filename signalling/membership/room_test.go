package membership_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
)

var update = flag.Bool("update", false, "write what Compute answers to testdata/rooms/*.golden")

func readRoom(t testing.TB, name string) vector.Room {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rooms", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var room vector.Room
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
			facts, now := room.Facts()
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
