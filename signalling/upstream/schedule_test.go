package upstream

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSchedule_ByBodyIsSentAsAClientWouldHaveSentIt(t *testing.T) {
	const room = "/_matrix/client/v3/rooms/%21a:x"
	for name, c := range map[string]struct{ path, body, want string }{
		"state":                  {"m.call.member/t1", `{"delay_ms":1,"state_key":"_@alice:x_A1","content":{"a":"ü"}}`, room + `/state/m.call.member/_@alice:x_A1 alice1 {"a":"ü"}`},
		"state with a slash":     {"m.x/t1", `{"delay_ms":1,"state_key":"a/b","content":{}}`, room + `/state/m.x/a%2Fb alice1 {}`},
		"state with empty key":   {"m.x/t1", `{"delay_ms":1,"state_key":"","content":{}}`, room + `/state/m.x alice1 {}`},
		"message":                {"m.x%2Fy/t%2F1", `{"delay_ms":1,"content":{}}`, room + `/send/m.x%2Fy/delayed.t%2F1 alice1 {}`},
		"message, key that null": {"m.x/t1", `{"delay_ms":1,"state_key":null,"content":{}}`, room + `/send/m.x/delayed.t1 alice1 {}`},
		"sticky message": {"m.x/t1?org.matrix.msc4354.sticky_duration_ms=5&access_token=alice1", `{"delay_ms":1,"content":{}}`,
			room + `/send/m.x/delayed.t1?org.matrix.msc4354.sticky_duration_ms=5 alice1 {}`},
	} {
		for _, base := range []string{schedulePath, stablePath} {
			t.Run(name, func(t *testing.T) {
				home := newFake(t)
				f := start(t, home, inMemory)
				f.scheduled(base+c.path, "alice1", c.body)
				home.awaitEvent(t)
				if got := home.sent(); !slices.Equal(got, []string{c.want}) {
					t.Errorf("sent %q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestSchedule_ByBodyRefusesWithTheCodesOfTheAcceptedText(t *testing.T) {
	home := newFake(t)
	f := start(t, home, func(c *Config) { c.MaxDelayedPerUser = 1; c.MaxDelay = time.Minute })
	f.scheduled(schedulePath+"m.x/t0", "alice1", `{"delay_ms":50000,"content":{}}`)
	large := `{"a":"` + strings.Repeat("a", maxContent-7) + `"}`
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		code                      string
	}{
		"no token":           {"PUT", schedulePath, "", `{}`, 401, codeMissingToken},
		"unknown token":      {"PUT", schedulePath, "nobody", `{}`, 401, codeUnknownToken},
		"another method":     {"POST", schedulePath, "bob1", `{}`, 405, codeUnrecognized},
		"too long":           {"PUT", schedulePath, "bob1", `{"delay_ms":60001,"content":{}}`, 400, codeDelayTooLargeUnstable},
		"too long, stable":   {"PUT", stablePath, "bob1", `{"delay_ms":60001,"content":{}}`, 400, codeDelayTooLarge},
		"zero":               {"PUT", stablePath, "bob1", `{"delay_ms":0,"content":{}}`, 400, codeInvalidParam},
		"negative":           {"PUT", stablePath, "bob1", `{"delay_ms":-1,"content":{}}`, 400, codeInvalidParam},
		"a fraction":         {"PUT", stablePath, "bob1", `{"delay_ms":1.5,"content":{}}`, 400, codeInvalidParam},
		"far too long":       {"PUT", stablePath, "bob1", `{"delay_ms":99999999999999999999,"content":{}}`, 400, codeInvalidParam},
		"no delay":           {"PUT", stablePath, "bob1", `{"content":{}}`, 400, codeMissingParam},
		"no content":         {"PUT", stablePath, "bob1", `{"delay_ms":1}`, 400, codeMissingParam},
		"content of another": {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":[]}`, 400, codeInvalidParam},
		"key of another":     {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":{},"state_key":1}`, 400, codeInvalidParam},
		"key that climbs":    {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":{},"state_key":".."}`, 400, codeInvalidParam},
		"key with a NUL":     {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":{},"state_key":"a\u0000"}`, 400, codeInvalidParam},
		"both forms":         {"PUT", stablePath + "m.x/t1?org.matrix.msc4140.delay=1", "bob1", `{"delay_ms":1,"content":{}}`, 400, codeInvalidParam},
		"no JSON":            {"PUT", stablePath, "bob1", `{`, 400, codeNotJSON},
		"no object":          {"PUT", stablePath, "bob1", `[]`, 400, codeBadJSON},
		"content too large":  {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":` + large + ` }`, 413, codeTooLarge},
		"all too large":      {"PUT", stablePath, "bob1", `{"delay_ms":1,"content":{},"a":` + large + `,"b":` + large + `}`, 413, codeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path
			if strings.HasSuffix(path, "/delayed_event/") {
				path += "m.x/t1"
			}
			status, answer := f.ask(c.method, path, c.token, c.body)
			if status != c.status || answer["errcode"] != c.code || answer["error"] == "" {
				t.Errorf("answered %d %v, want %d %s", status, answer, c.status, c.code)
			}
		})
	}
	status, header, answer := f.askWith("PUT", stablePath+"m.x/t9", "alice2", `{"delay_ms":1,"content":{}}`)
	if wait, _ := answer["retry_after_ms"].(float64); status != 429 || wait < 40_000 || wait > 50_000 || header.Get("Retry-After") != fmt.Sprint(50) {
		t.Errorf("too many are answered with %d %v, to come back after %s", status, answer, header.Get("Retry-After"))
	}
	if sent := home.sent(); len(sent) != 0 {
		t.Errorf("the homeserver was given %q", sent)
	}
}

func TestSchedule_ARepeatedTransactionIsOneEventAlsoWhenThatIsOver(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	const body = `{"delay_ms":50000,"state_key":"","content":{}}`
	first := f.scheduled(schedulePath+"m.x/t1", "alice1", body)
	if again := f.scheduled(schedulePath+"m.x/t1", "alice1", body); again != first {
		t.Error("it is scheduled twice")
	}
	f.ask("POST", stableManage+"/"+first+"/send", "alice1", "")
	if again := f.scheduled(schedulePath+"m.x/t1", "alice1", body); again != first || f.Stats().Delayed != 0 {
		t.Error("it is scheduled again after it was sent")
	}
	for name, other := range map[string]string{
		"device":      f.scheduled(schedulePath+"m.x/t1", "alice2", body),
		"transaction": f.scheduled(schedulePath+"m.x/t2", "alice1", body),
		"endpoint":    f.scheduled(stablePath+"m.x/t1", "alice1", body),
	} {
		if other == first {
			t.Errorf("that of another %s is taken for the same", name)
		}
	}
}

// Guests take part in calls, so they may schedule what ends their part
// (MSC4140, "Guest accounts").
func TestSchedule_IsOpenToGuests(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	f.scheduled(leaveURI+"60000", "guest1", "{}")
	id := f.scheduled(stablePath+"m.x/t1", "guest1", `{"delay_ms":60000,"content":{}}`)
	if status, answer := f.ask("POST", stableManage+"/"+id+"/send", "guest1", ""); status != 200 || len(home.sent()) != 1 {
		t.Errorf("sending is answered with %d %v", status, answer)
	}
}

// FuzzSendPath: whatever is scheduled by body is sent to the room, as the type
// and under the key that were named, as a homeserver reads paths.
func FuzzSendPath(f *testing.F) {
	f.Add("!a:x", "m.x", "t1", "k", true)
	f.Add("!a/b:x", "m.x/y", "t/1", "..", true)
	f.Add("..", "%2e", "", "", false)
	f.Fuzz(func(t *testing.T, room, kind, txn, key string, isState bool) {
		e := url.PathEscape
		at := match(unstableRooms + e(room) + "/delayed_event/" + e(kind) + "/" + e(txn))
		if at.endpoint != schedule {
			return
		}
		want := target{endpoint: send, room: room, kind: kind, txn: "delayed." + txn}
		var stateKey *string
		if isState {
			stateKey, want = &key, target{endpoint: state, room: room, kind: kind, key: key}
		}
		path, ok := sendPath(at, stateKey)
		if !ok {
			return
		}
		if got := match(path); got != want {
			t.Fatalf("%s is read as %+v, want %+v", path, got, want)
		}
		if r, err := http.NewRequest(http.MethodPut, "http://x"+path, nil); err != nil || r.URL.EscapedPath() != path {
			t.Fatalf("%q cannot be asked for: %v", path, err)
		}
	})
}
