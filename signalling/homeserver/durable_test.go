package homeserver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestServer_ShowsNothingBeforeItIsDurable stops the journal, so to say, and
// lets alice do things whose answer she does not get. Nobody else may see them
// either: after a power failure they would have seen what never was.
func TestServer_ShowsNothingBeforeItIsDurable(t *testing.T) {
	const bobSync = `GET /_matrix/client/v3/sync?timeout=0&since=`
	cases := []struct{ name, deed, view string }{
		{"a message", `PUT /_matrix/client/v3/rooms/$room/send/m.room.message/n1 {"body":"new"}`, bobSync},
		{"a message in the history", `PUT /_matrix/client/v3/rooms/$room/send/m.room.message/n1 {"body":"new"}`,
			`GET /_matrix/client/v3/rooms/$room/messages?dir=b`},
		{"state", `PUT /_matrix/client/v3/rooms/$room/state/m.room.topic {"topic":"new"}`, bobSync},
		{"state, asked for", `PUT /_matrix/client/v3/rooms/$room/state/m.room.topic {"topic":"new"}`,
			`GET /_matrix/client/v3/rooms/$room/state/m.room.topic`},
		{"a redaction", `PUT /_matrix/client/v3/rooms/$room/redact/$event/n1 {}`, bobSync},
		{"a to-device message", `PUT /_matrix/client/v3/sendToDevice/new/n1 {"messages":{"$bob":{"PHONE":{}}}}`, bobSync},
		{"an invitation", `POST /_matrix/client/v3/createRoom {"invite":["$bob"]}`, bobSync},
		{"a ban", `POST /_matrix/client/v3/rooms/$room/ban {"user_id":"$bob"}`, bobSync},
		{"a profile", `PUT /_matrix/client/v3/profile/$alice/displayname {"displayname":"new"}`, `GET /_matrix/client/v3/profile/$alice`},
		{"a receipt", `POST /_matrix/client/v3/rooms/$room/receipt/m.read/$event {}`, bobSync},
		{"new device keys", `POST /_matrix/client/v3/keys/upload {"device_keys":{"user_id":"$alice","device_id":"$device","algorithms":[],"keys":{"ed25519:$device":"new"},"signatures":{}}}`, bobSync},
		{"a one-time key taken from bob", `POST /_matrix/client/v3/keys/claim {"one_time_keys":{"$bob":{"PHONE":"signed_curve25519"}}}`, bobSync},
		{"an alias", `PUT /_matrix/client/v3/directory/room/%23new:example.org {"room_id":"$room"}`, `GET /_matrix/client/v3/directory/room/%23new:example.org`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() { goleak.VerifyNone(t) })
			config := Config{DataDir: t.TempDir()}
			s := newStage(t, config)
			bob := s.device("bob", "PHONE")
			s.make(bob, "POST", "keys/upload", `{"one_time_keys":{"signed_curve25519:A":{"key":"k"}},"device_keys":{"user_id":"@bob:example.org","device_id":"PHONE","algorithms":[],"keys":{"ed25519:PHONE":"k"},"signatures":{}}}`, "")
			view := c.view
			if view == bobSync {
				view += s.make(bob, "GET", "sync", "", "next_batch")
			}
			s.stop()

			s = s.again(config)
			if answer, answered := s.glance(bob, view, workPatience); !answered {
				t.Fatalf("bob cannot look before the deed: %s", answer.Body)
			}
			if answer, answered := s.glance(s.token, c.deed, glancePatience); answered {
				t.Fatalf("alice was answered: %s", answer.Body)
			}
			if answer, answered := s.glance(bob, view, glancePatience); answered {
				t.Errorf("bob saw it: %s", answer.Body)
			}
			s.run()
			if answer, answered := s.glance(bob, view, workPatience); !answered {
				t.Errorf("bob cannot look when it is durable: %s", answer.Body)
			}
		})
	}
}

// glancePatience is how long an answer has that should not come at all: it
// waits for a journal that does not run.
const glancePatience = 20 * time.Millisecond

// again opens the stage's data anew and does not run the server. The stretch
// of positions that a start reserves is taken for written, or nothing at all
// would be answered.
func (s *stage) again(config Config) *stage {
	s.t.Helper()
	config.ServerName = "example.org"
	server, err := New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { server.closeStore() })
	server.model.reserved, server.model.written = 0, 0
	return &stage{t: s.t, server: server, handler: server.Handler(), token: s.token, words: s.words, escaped: s.escaped}
}

// glance plays a line as anybody and gives up after so long.
func (s *stage) glance(token, line string, patience time.Duration) (answer *httptest.ResponseRecorder, answered bool) {
	s.t.Helper()
	method, rest, _ := strings.Cut(line, " ")
	target, body, _ := strings.Cut(rest, " ")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method,
		"http://example.org"+s.escaped.Replace(target), strings.NewReader(s.words.Replace(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer = httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	return answer, ctx.Err() == nil
}
