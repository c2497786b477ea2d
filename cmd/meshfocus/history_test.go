package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// say sends a message event as a device and gives its ID.
func (h *callsHome) say(user, device, eventType string, content any) (eventID string) {
	h.t.Helper()
	var answer struct {
		EventID string `json:"event_id"`
	}
	path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/%s/%d", url.PathEscape(h.roomID), eventType, time.Now().UnixNano())
	h.do("PUT", path, h.token(user, device), content, &answer)
	return answer.EventID
}

// ring calls users as a device.
func (h *callsHome) ring(user, device string, users ...string) (eventID string) {
	h.t.Helper()
	content, err := message.Notification{Ring: true, SentAt: time.Now(), Intent: "audio", Mentions: message.Mentions{Users: users}}.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	return h.say(user, device, message.TypeNotification, json.RawMessage(content))
}

// pastCall is a call of Alice and Bob, to which Mod was called and declined,
// and an encrypted message.
func pastCall(t *testing.T) *callsHome {
	h := newCallsHome(t)
	h.inSlot("alice", "A1", time.Minute)
	n := h.ring("alice", "A1", id("bob"), id("mod"), id("carol"))
	h.inSlot("bob", "B1", time.Second) // a stay of no millisecond is none
	h.say("mod", "MOD", message.TypeDecline, map[string]any{"m.relates_to": map[string]string{"rel_type": "m.reference", "event_id": n}})
	h.say("alice", "A1", message.TypeEncrypted, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
	h.put("alice", "A1", message.TypeCallMember, slotKey("alice", "A1"), struct{}{})
	h.put("bob", "B1", message.TypeCallMember, slotKey("bob", "B1"), struct{}{})
	return h
}

func TestCallsHistory_TellsWhoWasThereAndWhoWasNot(t *testing.T) {
	h := pastCall(t)
	code, out, errs := h.command("mod", "MOD", "", "history")
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{
		"m.call#ROOM", "@alice:test.local  1m", "on A1", "on B1", "begun by @alice:test.local", "declined by @mod:test.local",
		"intent audio", "over full_mesh", "best effort: 1 call told by", "1 is encrypted and cannot be read",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for _, wrong := range []string{"missed by @mod", "missed by @bob", "running"} {
		if strings.Contains(out, wrong) {
			t.Errorf("%q is wrong in\n%s", wrong, out)
		}
	}
}

func TestCallsHistory_InLinesForPrograms(t *testing.T) {
	h := pastCall(t)
	code, out, errs := h.command("bob", "B1", "", "history", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 2 {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	var call shownCall
	var end historyEnd
	if err := json.Unmarshal([]byte(lines[0]), &call); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(lines[1]), &end); err != nil {
		t.Fatal(err)
	}
	if call.Type != "call" || call.Slot != message.SlotRoom || call.Running || call.End == nil || len(call.Participants) != 2 || !call.Rung ||
		fmt.Sprint(call.Declined, call.Missed) != "[@mod:test.local] [@carol:test.local]" || call.DurationMs < 60_000 {
		t.Errorf("the call is %+v", call)
	}
	if end.Type != "end" || !end.BestEffort || end.Calls != 1 || end.Unreadable != 1 || end.Room != h.roomID {
		t.Errorf("the end is %+v", end)
	}
}

func TestCallsHistory_InCSVWithoutFormulas(t *testing.T) {
	h := pastCall(t)
	code, out, errs := h.command("bob", "B1", "", "history", "--csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != exitOK || len(rows) != 2 {
		t.Fatalf("exit code %d: %s %v\n%s", code, errs, err, out)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	if got["participants"] != "'@alice:test.local @bob:test.local" || got["devices"] != "2" || got["topology"] != "full_mesh" || got["notification_only"] != "false" {
		t.Errorf("the row is %v", got)
	}
}

func TestCallsHistory_ShowsARunningCallAndNothingTooOld(t *testing.T) {
	h := newCallsHome(t)
	h.inSlot("alice", "A1", time.Minute)
	if _, out, _ := h.command("mod", "MOD", "", "history"); !strings.Contains(out, "running") {
		t.Errorf("a running call is missing in\n%s", out)
	}
	h.put("alice", "A1", message.TypeCallMember, slotKey("alice", "A1"), struct{}{})
	tomorrow := time.Now().Add(24 * time.Hour).Format(time.RFC3339)
	if _, out, _ := h.command("mod", "MOD", "", "history", "--since", tomorrow); !strings.Contains(out, "0 calls") {
		t.Errorf("a call of before is in\n%s", out)
	}
	for _, rule := range []string{"slots", "seed"} {
		if _, out, _ := h.command("mod", "MOD", "", "history", "--since", "all", "--rule", rule); !strings.Contains(out, "1 call ") {
			t.Errorf("by the rule of %s:\n%s", rule, out)
		}
	}
}

func TestCallsHistory_SaysWhatIsWrong(t *testing.T) {
	h := newCallsHome(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--since", "yesterday"}, "--since"},
		{[]string{"--json", "--csv"}, "one of them is enough"},
		{[]string{"--rule", "mine"}, "slots or seed"},
	} {
		code, _, errs := h.command("mod", "MOD", "", append([]string{"history"}, c.args...)...)
		if code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit code %d: %s", c.args, code, errs)
		}
	}
}

func TestParseSince_TakesSpansDaysAndInstants(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"all": "0001-01-01T00:00:00Z", "90m": "2026-03-10T10:30:00Z", "7d": "2026-03-03T12:00:00Z", "0d": "2026-03-10T12:00:00Z",
		"2026-03-01": "2026-03-01T00:00:00Z", "2026-03-01T08:00:00Z": "2026-03-01T08:00:00Z",
	} {
		if got, err := parseSince(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1h", "-1d", "7 days"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q was taken for %s", text, got)
		}
	}
}

func TestVisible_HidesControlCharacters(t *testing.T) {
	if got := visible("a\x1b[31m\nü"); got != "a�[31m�ü" {
		t.Errorf("%q", got)
	}
}
