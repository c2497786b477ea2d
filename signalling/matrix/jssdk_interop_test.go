//go:build interop

package matrix

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// foreignLine is what the program with js-sdk in it prints.
type foreignLine struct {
	Ready    bool            `json:"ready"`
	EventID  string          `json:"event_id"`
	Type     string          `json:"type"`
	Content  json.RawMessage `json:"content"`
	Relation struct {
		EventID string `json:"event_id"`
	} `json:"relation"`
}

// foreignDevice runs js-sdk 43 as a device of a user, and gives what it prints.
func (h *house) foreignDevice(user, device string) <-chan foreignLine {
	h.t.Helper()
	command := exec.CommandContext(h.t.Context(), "node", "testdata/jssdk43.mjs", "../../internal/npm/node_modules/matrix-js-sdk-43",
		h.http.URL, "@"+user+":test", device, h.issue(user, device), h.room)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	lines, ended := make(chan foreignLine, 64), make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var line foreignLine
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				lines <- line
			}
		}
	}()
	h.t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
		_ = command.Wait()
		if h.t.Failed() {
			h.t.Log(errs.String())
		}
	})
	return lines
}

func next(t *testing.T, lines <-chan foreignLine, what string, is func(foreignLine) bool) foreignLine {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line := <-lines:
			if is(line) {
				return line
			}
		case <-deadline:
			t.Fatalf("js-sdk did not show %s", what)
		}
	}
}

// Our Megolm is read by a Rust library, and its Megolm by us.
func TestInterop_JsSdk43ReadsOurEncryptedRingAndDeclinesIt(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	bob := h.open(h.clear("bob", "SPARE")) // brings the user into the room
	lines := h.foreignDevice("bob", "JS")
	next(t, lines, "its first sync", func(line foreignLine) bool { return line.Ready })
	alice, atAlice, _ := h.hear(h.config("alice", "A"))
	eventID, err := alice.Notify(t.Context(), h.room, message.Notification{
		Ring: true, SentAt: time.Now(), Member: "$member", Mentions: message.Mentions{Users: []string{bob.Party().UserID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := next(t, lines, "the ring", func(line foreignLine) bool { return line.EventID == eventID })
	n, err := message.ParseNotification(got.Type, got.Content)
	if err != nil || !n.Ring || got.Relation.EventID != "$member" {
		t.Errorf("it read %+v as %+v, %v", got, n, err)
	}
	atAlice.wait(t, "the decline", func(*sink) bool {
		for _, heard := range atAlice.heard {
			decline, err := message.ParseDecline(heard.Content)
			if message.IsDecline(heard.Type) && err == nil && decline.Notification == eventID {
				return true
			}
		}
		return false
	})
	if all := spoken(t, alice, h.room); all[message.TypeEncrypted] != 2 || len(all) != 1 {
		t.Errorf("the homeserver has %v, want all of it encrypted", all)
	}
}
