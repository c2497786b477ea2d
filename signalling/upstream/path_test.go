package upstream

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestMatch_KnowsItsPathsAndNoOthers(t *testing.T) {
	const unstable = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
	for name, c := range map[string]struct {
		path string
		want target
	}{
		"versions":                    {"/_matrix/client/versions", target{endpoint: versions}},
		"well-known":                  {"/.well-known/matrix/client", target{endpoint: wellKnown}},
		"well-known of the server":    {"/.well-known/matrix/server", target{}},
		"transports, unstable":        {"/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", target{endpoint: transports}},
		"transports, stable":          {"/_matrix/client/v1/rtc/transports", target{endpoint: transports}},
		"transports, wrong version":   {"/_matrix/client/v3/rtc/transports", target{}},
		"list":                        {unstable, target{endpoint: delayed}},
		"one, old form":               {unstable + "/mfu_x", target{endpoint: manage, id: "mfu_x"}},
		"one, new form":               {unstable + "/mfu_x/restart", target{endpoint: manage, id: "mfu_x", action: "restart"}},
		"one, too long":               {unstable + "/mfu_x/restart/now", target{}},
		"one, empty":                  {unstable + "/", target{}},
		"one, stable name":            {"/_matrix/client/v1/delayed_events/mfu_x", target{endpoint: manage, id: "mfu_x", stable: true}},
		"one, stable name, action":    {"/_matrix/client/v1/delayed_events/mfu_x/send", target{endpoint: manage, id: "mfu_x", action: "send", stable: true}},
		"list, stable name":           {"/_matrix/client/v1/delayed_events", target{}},
		"one, wrong version":          {"/_matrix/client/v3/delayed_events/mfu_x", target{}},
		"to schedule":                 {"/_matrix/client/unstable/org.matrix.msc4140/rooms/%21a%3Ab/delayed_event/m.x/t%2F1", target{endpoint: schedule, room: "!a:b", kind: "m.x", txn: "t/1"}},
		"to schedule, stable name":    {"/_matrix/client/v3/rooms/!a:b/delayed_event/m.x/t1", target{endpoint: schedule, room: "!a:b", kind: "m.x", txn: "t1", stable: true}},
		"to schedule, wrong version":  {"/_matrix/client/r0/rooms/!a:b/delayed_event/m.x/t1", target{}},
		"to schedule, no transaction": {"/_matrix/client/v3/rooms/!a:b/delayed_event/m.x", target{}},
		"state by an unstable name":   {"/_matrix/client/unstable/org.matrix.msc4140/rooms/!a:b/state/m.x/k", target{}},
		"capabilities":                {"/_matrix/client/v3/capabilities", target{endpoint: capabilities}},
		"state without key":           {"/_matrix/client/v3/rooms/!a:b/state/m.x", target{endpoint: state, room: "!a:b", kind: "m.x"}},
		"state with empty key":        {"/_matrix/client/r0/rooms/!a:b/state/m.x/", target{endpoint: state, room: "!a:b", kind: "m.x"}},
		"state with key":              {"/_matrix/client/v3/rooms/%21a%3Ab/state/m.x/_%40u%3Ab_D", target{endpoint: state, room: "!a:b", kind: "m.x", key: "_@u:b_D"}},
		"escaped slash in a key":      {"/_matrix/client/v3/rooms/!a:b/state/m.x/a%2Fb", target{endpoint: state, room: "!a:b", kind: "m.x", key: "a/b"}},
		"slash in a key":              {"/_matrix/client/v3/rooms/!a:b/state/m.x/a/b", target{}},
		"message":                     {"/_matrix/client/v3/rooms/!a:b/send/m.x/t1", target{endpoint: send, room: "!a:b", kind: "m.x", txn: "t1"}},
		"message without transaction": {"/_matrix/client/v3/rooms/!a:b/send/m.x/", target{}},
		"unknown version":             {"/_matrix/client/v9/rooms/!a:b/send/m.x/t1", target{}},
		"two slashes":                 {"//_matrix/client/v3/rooms/!a:b/send/m.x/t1", target{}},
		"dots":                        {"/_matrix/client/v3/rooms/../send/m.x/t1", target{}},
		"escaped dots":                {"/_matrix/client/v3/rooms/%2e%2E/send/m.x/t1", target{}},
		"broken escape":               {"/_matrix/client/v3/rooms/%zz/send/m.x/t1", target{}},
		"NUL":                         {"/_matrix/client/v3/rooms/%00/send/m.x/t1", target{}},
		"not UTF-8":                   {"/_matrix/client/v3/rooms/%ff/send/m.x/t1", target{}},
		"logout":                      {"/_matrix/client/v3/logout", target{endpoint: logout}},
		"logout everywhere":           {"/_matrix/client/r0/logout/all", target{endpoint: logoutAll}},
		"sync":                        {"/_matrix/client/v3/sync", target{}},
		"root":                        {"/", target{}},
		"nothing":                     {"", target{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := match(c.path); got != c.want {
				t.Fatalf("%s is read as %+v, want %+v", c.path, got, c.want)
			}
		})
	}
}

// FuzzMatch: whatever is matched can be read in one way only. Written anew
// from its parts it is the same target, and no part could climb.
func FuzzMatch(f *testing.F) {
	for _, path := range []string{"/_matrix/client/v3/rooms/!a:b/send/m.x/t%2F1", "/_matrix/client/v3/rooms/%21a/state/m.x/",
		"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x/send", "/_matrix/client/versions",
		"/_matrix/client/v1/delayed_events/x", "/_matrix/client/v3/rooms/!a:b/delayed_event/m.x/t1", "/_matrix/client/unstable/org.matrix.msc4140/rooms/!a:b/delayed_event/m.x/t1", "/_matrix/client/v3/rooms/%2e%2e/state/x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := match(path)
		for _, part := range []string{got.room, got.kind, got.key, got.txn, got.id, got.action} {
			if part == "." || part == ".." || !utf8.ValidString(part) || strings.ContainsRune(part, 0) {
				t.Fatalf("%q holds the part %q", path, part)
			}
		}
		e := url.PathEscape
		again := path
		switch got.endpoint {
		case state:
			again = "/_matrix/client/v3/rooms/" + e(got.room) + "/state/" + e(got.kind) + "/" + e(got.key)
		case send:
			again = "/_matrix/client/v3/rooms/" + e(got.room) + "/send/" + e(got.kind) + "/" + e(got.txn)
		case schedule:
			again = map[bool]string{false: unstableRooms, true: clientPrefix + "v3/rooms/"}[got.stable] + e(got.room) + "/delayed_event/" + e(got.kind) + "/" + e(got.txn)
		case manage:
			again = strings.TrimSuffix(map[bool]string{false: managePath + "/", true: stableDelayed}[got.stable]+e(got.id)+"/"+e(got.action), "/")
		}
		if match(again) != got {
			t.Fatalf("%q is %+v, but %q is %+v", path, got, again, match(again))
		}
	})
}

// FuzzDelay: a query from which a homeserver could read a delay is never taken
// for one without, and what an event is sent with holds neither delay nor token.
func FuzzDelay(f *testing.F) {
	for _, query := range []string{"org.matrix.msc4140.delay=5", "org%2ematrix.msc4140.delay=5&access_token=x&ts=1", "a;org.matrix.msc4140.delay=5",
		"org.matrix.msc4140.delay=1&org.matrix.msc4140.delay=2", "user_id=%40a%3Ab", "org%2ematrix.msc4140.delay=0%0", "%zz&org.matrix.msc4140.delay"} {
		f.Add(query)
	}
	s := &Server{config: Config{MaxDelay: time.Hour}}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		if r.URL.Query().Has("org.matrix.msc4140.delay") && !asksDelay(r) {
			t.Fatalf("%q asks for a delay", query)
		}
		delay, rest, err := s.delay(query)
		if err != nil {
			return
		}
		if !asksDelay(r) {
			t.Fatalf("%q gives a delay and does not ask for one", query)
		}
		if kept, err := url.ParseQuery(rest); err != nil || kept.Has("org.matrix.msc4140.delay") || kept.Has("access_token") || delay < 0 || delay > time.Hour {
			t.Fatalf("%q is a delay of %s and sent with %q", query, delay, rest)
		}
	})
}
