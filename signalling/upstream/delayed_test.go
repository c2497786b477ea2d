package upstream

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func inMemory(*Config) {}

func TestDelayed_IsSentOnTimeAsItWasWrittenWithTheUsersToken(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	began := time.Now()
	f.scheduled(leavePath+"?user_id=%40alice%3Ax&org.matrix.msc4140.delay=300&access_token=alice1", "", ` {"a" : "ü"} `)
	if len(home.sent()) != 0 {
		t.Fatal("it was sent at once")
	}
	home.awaitEvent(t)
	after := time.Since(began)
	if after < 300*time.Millisecond {
		t.Errorf("sent after %s, want 300 ms", after)
	}
	t.Logf("sent after %s", after)
	if got, want := home.sent(), []string{leavePath + "?user_id=%40alice%3Ax" + ` alice1 {"a" : "ü"}`}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestDelayed_IsManagedInBothForms(t *testing.T) {
	for name, manage := range map[string]func(f *front, id, action string) (int, map[string]any){
		"action in the path": func(f *front, id, action string) (int, map[string]any) {
			return f.ask("POST", managePath+"/"+id+"/"+action, "alice1", "{}")
		},
		"action in the path, no token, no body": func(f *front, id, action string) (int, map[string]any) {
			return f.ask("POST", managePath+"/"+id+"/"+action, "", "")
		},
		"action in the body": func(f *front, id, action string) (int, map[string]any) {
			return f.ask("POST", managePath+"/"+id, "alice1", fmt.Sprintf(`{"action":%q}`, action))
		},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			f := start(t, home, inMemory)
			id := f.scheduled(leaveURI+"60000", "alice1", "{}")
			before := f.book.since(id)
			if status, answer := manage(f, id, "restart"); status != 200 || len(answer) != 0 {
				t.Fatalf("restart answered %d %v", status, answer)
			}
			if after := f.book.since(id); !after.After(before) {
				t.Error("the delay does not run anew")
			}
			if status, answer := manage(f, id, "send"); status != 200 || len(answer) != 0 || len(home.sent()) != 1 {
				t.Fatalf("send answered %d %v, sent %q", status, answer, home.sent())
			}
			if status, answer := manage(f, id, "send"); status != 200 || len(home.sent()) != 1 {
				t.Errorf("a second send answered %d %v, sent %q", status, answer, home.sent())
			}
			if status, answer := manage(f, id, "cancel"); status != 404 || answer["errcode"] != codeNotFound {
				t.Errorf("cancelling what was sent answered %d %v", status, answer)
			}
			id = f.scheduled(leaveURI+"60000", "alice1", "{}")
			if status, _ := manage(f, id, "cancel"); status != 200 || f.waiting() != (Stats{}) {
				t.Errorf("cancel answered %d and left %+v", status, f.Stats())
			}
			if status, _ := manage(f, id, "restart"); status != 404 {
				t.Errorf("a cancelled event restarts with %d", status)
			}
		})
	}
}

func TestDelayed_RefusesWithTheCodesOfSynapse(t *testing.T) {
	home := newFake(t)
	f := start(t, home, func(c *Config) { c.MaxDelayedPerUser = 2; c.MaxDelay = time.Minute })
	id := f.scheduled(leaveURI+"50000", "alice1", "{}")
	f.scheduled(leaveURI+"50000", "alice2", "{}")
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		code                      string
	}{
		"no token":                      {"PUT", leaveURI + "1", "", "{}", 401, codeMissingToken},
		"unknown token":                 {"PUT", leaveURI + "1", "nobody", "{}", 401, codeUnknownToken},
		"too long":                      {"PUT", leaveURI + "60001", "bob1", "{}", 400, codeUnknown},
		"far too long":                  {"PUT", leaveURI + "99999999999999999999", "bob1", "{}", 400, codeInvalidParam},
		"negative":                      {"PUT", leaveURI + "-1", "bob1", "{}", 400, codeInvalidParam},
		"no number":                     {"PUT", leaveURI + "soon", "bob1", "{}", 400, codeInvalidParam},
		"two delays":                    {"PUT", leaveURI + "1&org.matrix.msc4140.delay=2", "bob1", "{}", 400, codeInvalidParam},
		"a delay behind a semicolon":    {"PUT", leavePath + "?a=1;org.matrix.msc4140.delay=5", "bob1", "{}", 400, codeInvalidParam},
		"a delay in another spelling":   {"PUT", leavePath + "?org%2Ematrix.msc4140.delay=x", "bob1", "{}", 400, codeInvalidParam},
		"a delay beside what is broken": {"PUT", leavePath + "?org%2Ematrix.msc4140.delay=1&a=%0", "bob1", "{}", 400, codeInvalidParam},
		"too many":                      {"PUT", leaveURI + "1", "alice1", "{}", 429, codeLimitExceeded},
		"no JSON":                       {"PUT", leaveURI + "1", "bob1", "{", 400, codeNotJSON},
		"empty":                         {"PUT", leaveURI + "1", "bob1", "", 400, codeNotJSON},
		"not UTF-8":                     {"PUT", leaveURI + "1", "bob1", "{\"a\":\"\xff\"}", 400, codeNotJSON},
		"no object":                     {"PUT", leaveURI + "1", "bob1", "[]", 400, codeBadJSON},
		"too large":                     {"PUT", leaveURI + "1", "bob1", `{"a":"` + strings.Repeat("a", maxContent) + `"}`, 413, codeTooLarge},
		"a path that is none":           {"PUT", "/_matrix/client/v3//rooms/!a:x/state/t?org.matrix.msc4140.delay=1", "bob1", "{}", 404, codeUnrecognized},
		"a path with dots":              {"PUT", "/_matrix/client/v3/rooms/!a:x/state/../t?org.matrix.msc4140.delay=1", "bob1", "{}", 404, codeUnrecognized},
		"unknown event":                 {"POST", managePath + "/mfu_none/restart", "alice1", "{}", 404, codeNotFound},
		"another's event":               {"POST", managePath + "/" + id + "/cancel", "bob1", "{}", 404, codeNotFound},
		"with a token that is none":     {"POST", managePath + "/" + id + "/cancel", "nobody", "{}", 401, codeUnknownToken},
		"unknown action":                {"POST", managePath + "/" + id + "/delete", "alice1", "{}", 404, codeUnrecognized},
		"unknown action in the body":    {"POST", managePath + "/" + id, "alice1", `{"action":"delete"}`, 400, codeInvalidParam},
		"no action in the body":         {"POST", managePath + "/" + id, "alice1", `{}`, 400, codeMissingParam},
		"an action of another kind":     {"POST", managePath + "/" + id, "alice1", `{"action":1}`, 400, codeInvalidParam},
		"wrong method":                  {"DELETE", managePath + "/" + id, "alice1", ``, 405, codeUnrecognized},
		"list without token":            {"GET", managePath, "", "", 401, codeMissingToken},
		"another's, looked at":          {"GET", managePath + "/" + id, "bob1", "", 404, codeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := f.ask(c.method, c.path, c.token, c.body)
			if status != c.status || answer["errcode"] != c.code || answer["error"] == "" {
				t.Errorf("answered %d %v, want %d %s", status, answer, c.status, c.code)
			}
			if name == "too long" && (answer["org.matrix.msc4140.errcode"] != codeMaxDelayExceeded || answer["org.matrix.msc4140.max_delay"] != 60000.0) {
				t.Errorf("the longest delay is not named: %v", answer)
			}
		})
	}
	if sent := home.sent(); len(sent) != 0 {
		t.Errorf("the homeserver was given %q", sent)
	}
}

func TestDelayed_ListsWhatTheUserScheduledSoonestFirst(t *testing.T) {
	f := start(t, newFake(t), inMemory)
	late := f.scheduled(leaveURI+"60000", "alice1", `{"a":1}`)
	soon := f.scheduled("/_matrix/client/v3/rooms/!a:x/send/m.x/t1?org.matrix.msc4140.delay=50000", "alice2", "{}")
	f.scheduled(leaveURI+"60000", "bob1", "{}")
	status, answer := f.ask("GET", managePath, "alice1", "")
	list, _ := answer["delayed_events"].([]any)
	if status != 200 || len(list) != 2 || fmt.Sprint(answer["scheduled"]) != fmt.Sprint(list) {
		t.Fatalf("answered %d %v", status, answer)
	}
	first, second := list[0].(map[string]any), list[1].(map[string]any)
	if first["delay_id"] != soon || second["delay_id"] != late || second["room_id"] != "!a:x" || second["state_key"] != "_@alice:x_A1" ||
		second["type"] != "m.call.member" || second["delay"] != 60000.0 || fmt.Sprint(second["content"]) != "map[a:1]" || first["state_key"] != nil {
		t.Errorf("listed %v", list)
	}
	if _, one := f.ask("GET", managePath+"/"+late, "alice1", ""); one["delay_id"] != late {
		t.Errorf("one by its ID is %v", one)
	}
	if _, answer := f.ask("GET", managePath+"?status=finalised", "alice1", ""); answer["scheduled"] != nil || answer["finalised"] == nil {
		t.Errorf("those that are done are %v", answer)
	}
}

func TestDelayed_ARepeatedTransactionIsScheduledOnce(t *testing.T) {
	f := start(t, newFake(t), inMemory)
	const path = "/_matrix/client/v3/rooms/!a:x/send/m.x/t1?org.matrix.msc4140.delay=50000"
	if first, second := f.scheduled(path, "alice1", "{}"), f.scheduled(path, "alice1", "{}"); first != second {
		t.Error("it is scheduled twice")
	}
	if first, other := f.scheduled(path, "alice1", "{}"), f.scheduled(path, "alice2", "{}"); first == other {
		t.Error("another device's transaction is taken for the same")
	}
}

func TestDelayed_RestartsAreLimitedAndSayWhenToComeBack(t *testing.T) {
	f := start(t, newFake(t), func(c *Config) { c.Manage = Limit{PerSecond: 0.001, Burst: 2} })
	id := f.scheduled(leaveURI+"60000", "alice1", "{}")
	for range 2 {
		if status, _ := f.ask("POST", managePath+"/"+id+"/restart", "alice1", "{}"); status != 200 {
			t.Fatalf("within the limit: %d", status)
		}
	}
	status, header, answer := f.askWith("POST", managePath+"/"+id+"/restart", "alice1", "{}")
	wait, _ := answer["retry_after_ms"].(float64)
	if status != 429 || answer["errcode"] != codeLimitExceeded || wait < 900_000 || header.Get("Retry-After") == "" {
		t.Errorf("answered %d %v", status, answer)
	}
}

func TestDelayed_WaitsForAHomeserverThatDoesNotAnswer(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	home.set(func() { home.down = true })
	f.homeserver.set(abilities{})
	id := f.book.mustSchedule(t, caller{token: "alice1", user: "@alice:x", device: "A1"}, time.Hour)
	if status, answer := f.ask("POST", managePath+"/"+id+"/send", "alice1", "{}"); status != 502 || answer["errcode"] != codeUnknown {
		t.Fatalf("send answered %d %v", status, answer)
	}
	f.homeserver.forgetCaller("alice1", "")
	if status, _ := f.ask("POST", managePath+"/"+id+"/restart", "alice1", "{}"); status != 200 {
		t.Errorf("a restart is not heard while the homeserver is down: %d", status)
	}
	home.set(func() { home.down = false; home.limits["alice1"] = 1 })
	if status, answer := f.ask("POST", managePath+"/"+id+"/send", "alice1", "{}"); status != 429 || answer["retry_after_ms"] != 10.0 {
		t.Fatalf("the homeserver's 429 becomes %d %v", status, answer)
	}
	if status, _ := f.ask("POST", managePath+"/"+id+"/send", "alice1", "{}"); status != 200 {
		t.Errorf("it cannot be sent afterwards: %d", status)
	}
}

func TestDelayed_IsDroppedWhenTheHomeserverForbidsItAtItsTime(t *testing.T) {
	home := newFake(t)
	home.answer = func(w http.ResponseWriter) {
		say(w, 403, map[string]any{"errcode": "M_FORBIDDEN", "error": "not in room"})
	}
	f := start(t, home, inMemory)
	id := f.scheduled(leaveURI+"60000", "alice1", "{}")
	if status, answer := f.ask("POST", managePath+"/"+id+"/send", "alice1", "{}"); status != 403 || answer["error"] != "not in room" {
		t.Errorf("answered %d %v", status, answer)
	}
	if f.waiting() != (Stats{Delayed: 1, Devices: 1}) {
		t.Errorf("before its time it is given up: %+v", f.Stats())
	}
	id = f.scheduled(leaveURI+"1", "bob1", "{}")
	home.awaitEvent(t) // what was asked for
	home.awaitEvent(t)
	finalised := f.awaitEnd(id, "bob1")
	if failure, _ := finalised["error"].(map[string]any); failure["error"] != "not in room" || finalised["event_id"] != nil || f.Stats().Failed != 1 {
		t.Errorf("it became %v, counted are %+v", finalised, f.Stats())
	}
}

func TestDelayed_SurvivesARestartAndIsThenSent(t *testing.T) {
	home, dir := newFake(t), t.TempDir()
	onDisk := func(c *Config) { c.DataDir = dir }
	f := start(t, home, onDisk)
	soon := f.scheduled(leaveURI+"1500", "alice1", `{"secret-content":1}`)
	later := f.scheduled(leaveURI+"60000", "alice2", "{}")
	gone := f.scheduled(leaveURI+"60000", "bob1", "{}")
	f.ask("POST", managePath+"/"+gone+"/cancel", "bob1", "{}")
	f.stop()

	f = start(t, home, onDisk)
	if f.waiting() != (Stats{Delayed: 2, Devices: 2}) {
		t.Fatalf("after the restart there are %+v", f.Stats())
	}
	home.awaitEvent(t)
	if got, want := home.sent(), []string{leavePath + ` alice1 {"secret-content":1}`}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	if status, _ := f.ask("POST", managePath+"/"+later+"/restart", "alice2", "{}"); status != 200 {
		t.Errorf("the later one restarts with %d", status)
	}
	f.ask("POST", managePath+"/"+later+"/cancel", "", "")
	if f.waiting() != (Stats{}) {
		t.Errorf("in the end there are %+v", f.Stats())
	}
	f.stop()
	for _, file := range []string{"upstream.db", "upstream.key"} {
		about, err := os.Stat(filepath.Join(dir, file))
		if err != nil || about.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, mode %v", file, err, about.Mode())
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, secret := range []string{"alice", "secret-content", soon, later, "m.call.member"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %q in the clear", file, secret)
			}
		}
	}
}

func TestDelayed_StaysOursWhenTheHomeserverLearnsToKeepThem(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	id := f.scheduled(leaveURI+"60000", "alice1", "{}")
	f.homeserver.set(abilities{delayed: true})
	if status, _ := f.ask("POST", managePath+"/"+id+"/send", "alice1", "{}"); status != 200 || len(home.sent()) != 1 {
		t.Errorf("answered %d, sent %q", status, home.sent())
	}
}
