package homeserver

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// passedOver are the seeds after which there is less to see, and what is
// meant to be forgotten.
var passedOver = []string{"/logout", "/account/deactivate", "/leave", "/forget", "$delay/send", "/typing/"}

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
	`GET /_matrix/client/v3/keys/changes?from=$since&to=$since`,
	`POST /_matrix/client/v3/keys/query {"device_keys":{"$alice":[],"$bob":[]}}`,
}

// changing are members that tell the time, or what is new since a restart.
var changing = []string{
	"age", "next_batch", "start", "last_seen_ts", "last_active_ago",
	"msc4354_sticky_duration_ttl_ms", "presence",
}

func TestServer_LooksTheSameAfterARestart(t *testing.T) {
	t.Run("after all that is right and all that is strange", func(t *testing.T) {
		compareAcrossRestart(t, slices.Concat(seeds, strange))
	})
	t.Run("after random damage", func(t *testing.T) {
		dice := rand.Uint64()
		d := damager{rand.New(rand.NewPCG(dice, 0))}
		var lines []string
		for range 300 {
			lines = append(lines, d.damage(d.seed()))
		}
		compareAcrossRestart(t, lines)
		if t.Failed() {
			t.Logf("the dice were %d", dice)
		}
	})
}

func compareAcrossRestart(t *testing.T, lines []string) {
	defer goleak.VerifyNone(t)
	config := Config{DataDir: t.TempDir()}
	s := newStage(t, config)
	for _, line := range lines {
		if !mentions(line, passedOver) {
			s.play(line)
		}
	}
	before := s.look()
	s.stop()

	restarted := s.again(config)
	restarted.run()
	defer restarted.stop()
	for i, after := range restarted.look() {
		for _, difference := range compare("", before[i], after) {
			t.Errorf("%s\n%s", views[i], difference)
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

// look returns what each view shows.
func (s *stage) look() []any {
	s.t.Helper()
	var shown []any
	for _, view := range views {
		answer, played := s.play(view)
		if !played || answer.Code >= http.StatusInternalServerError {
			s.t.Fatalf("%s: %d %s", view, answer.Code, answer.Body)
		}
		var content any
		if err := json.Unmarshal(answer.Body.Bytes(), &content); err != nil {
			s.t.Fatalf("%s: %v", view, err)
		}
		shown = append(shown, content)
	}
	return shown
}

// compare names the places in which two documents differ. The order of arrays
// is not looked at: much of it is that of a map.
func compare(at string, before, after any) []string {
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok {
			return compareObjects(at, before, after)
		}
	case []any:
		if after, ok := after.([]any); ok && len(before) == len(after) {
			var differences []string
			slices.SortFunc(before, byText)
			slices.SortFunc(after, byText)
			for i := range before {
				differences = append(differences, compare(fmt.Sprintf("%s[%d]", at, i), before[i], after[i])...)
			}
			return differences
		}
	}
	if byText(before, after) != 0 {
		return []string{fmt.Sprintf("%s was %s and is %s", at, text(before), text(after))}
	}
	return nil
}

func compareObjects(at string, before, after map[string]any) (differences []string) {
	for name := range before {
		if _, ok := after[name]; !ok {
			after[name] = nil
		}
	}
	for name := range after {
		if !slices.Contains(changing, name) {
			differences = append(differences, compare(at+"."+name, before[name], after[name])...)
		}
	}
	return differences
}

func byText(a, b any) int { return strings.Compare(text(a), text(b)) }

// text is a document without the members that change.
func text(content any) string {
	data, err := json.Marshal(steady(content))
	if err != nil {
		panic(err) // it was JSON
	}
	return string(data)
}

// steady takes the changing members out of a document.
func steady(content any) any {
	switch content := content.(type) {
	case map[string]any:
		for _, name := range changing {
			delete(content, name)
		}
		for _, member := range content {
			steady(member)
		}
	case []any:
		for _, element := range content {
			steady(element)
		}
	}
	return content
}
