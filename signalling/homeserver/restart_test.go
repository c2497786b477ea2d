package homeserver

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// ends are the seeds after which alice can see nothing any more.
var ends = []string{"/logout", "/account/deactivate", "/leave", "/forget"}

// views are requests that change nothing and together show all there is.
var views = []string{
	`GET /_matrix/client/v3/sync?full_state=true&timeout=0`,
	`GET /_matrix/client/v3/sync?since=$since&timeout=0`,
	`GET /_matrix/client/v3/account/whoami`,
	`GET /_matrix/client/v3/devices`,
	`GET /_matrix/client/v3/profile/$alice`,
	`GET /_matrix/client/v3/user/$alice/filter/0`,
	`GET /_matrix/client/v3/user/$alice/rooms/$room/tags`,
	`GET /_matrix/client/v3/joined_rooms`,
	`GET /_matrix/client/v3/publicRooms`,
	`GET /_matrix/client/v3/directory/room/%23other:example.org`,
	`GET /_matrix/client/v3/rooms/$room/aliases`,
	`GET /_matrix/client/v3/rooms/$room/state`,
	`GET /_matrix/client/v3/rooms/$room/members`,
	`GET /_matrix/client/v3/rooms/$room/messages?dir=b&limit=1000`,
	`GET /_matrix/client/v3/rooms/$room/event/$event`,
	`GET /_matrix/client/v1/rooms/$room/relations/$event`,
	`GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events`,
	`GET /_matrix/client/v3/pushrules/`,
	`POST /_matrix/client/v3/keys/query {"device_keys":{"$alice":[],"$bob":[]}}`,
}

// changing are members that tell the time, or what is new since a restart.
var changing = []string{
	"age", "next_batch", "last_seen_ts", "last_active_ago", "running_since",
	"msc4354_sticky_duration_ttl_ms", "ephemeral", "presence",
}

func TestServer_LooksTheSameAfterARestart(t *testing.T) {
	defer goleak.VerifyNone(t)
	config := Config{DataDir: t.TempDir()}
	s := newStage(t, config)
	for _, seed := range seeds {
		if !mentions(seed, ends) {
			s.play(seed)
		}
	}
	before := s.look()
	s.stop()

	config.ServerName = "example.org"
	again, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	restarted := &stage{t: t, server: again, handler: again.Handler(), token: s.token, words: s.words, escaped: s.escaped}
	restarted.run()
	defer restarted.stop()
	for i, after := range restarted.look() {
		if after != before[i] {
			t.Errorf("%s\nbefore: %s\nafter:  %s", views[i], before[i], after)
		}
	}
}

func mentions(line string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}

// look returns what each view shows, without what always changes.
func (s *stage) look() []string {
	s.t.Helper()
	var shown []string
	for _, view := range views {
		answer, played := s.play(view)
		if !played || answer.Code != http.StatusOK {
			s.t.Fatalf("%s: %d %s", view, answer.Code, answer.Body)
		}
		var content any
		if err := json.Unmarshal(answer.Body.Bytes(), &content); err != nil {
			s.t.Fatalf("%s: %v", view, err)
		}
		text, err := json.Marshal(steady(content))
		if err != nil {
			s.t.Fatal(err)
		}
		shown = append(shown, string(text))
	}
	return shown
}

// steady takes the changing members out of a document.
func steady(content any) any {
	switch content := content.(type) {
	case map[string]any:
		for _, name := range changing {
			delete(content, name)
		}
		for name, member := range content {
			content[name] = steady(member)
		}
	case []any:
		for i := range content {
			content[i] = steady(content[i])
		}
	}
	return content
}
