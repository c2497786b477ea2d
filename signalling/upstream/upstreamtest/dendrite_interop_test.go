//go:build interop

package upstreamtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"meshfocus/internal/registration"
)

// client asks a homeserver, or who stands in front of it, as one user.
type client struct {
	t           *testing.T
	base, token string
}

// ask makes a request below /_matrix/client.
func (c client) ask(method, path string, body any) (status int, answer map[string]any) {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest(method, c.base+"/_matrix/client/"+path, bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		c.t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	return response.StatusCode, answer
}

// awaitSent waits until a delayed event was sent, and gives the event's ID.
func (c client) awaitSent(id string) string {
	c.t.Helper()
	var answer map[string]any
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		_, answer = c.ask(http.MethodGet, "v1/delayed_events/"+id, nil)
		if finalised, over := answer["finalised"].(map[string]any); over {
			return fmt.Sprint(finalised["event_id"])
		}
	}
	c.t.Fatalf("%s was not sent: %v", id, answer)
	return ""
}

// TestInterop_DendriteTakesWhatWasScheduledByBody schedules state and a
// message by the endpoints that were accepted, on a homeserver that knows
// nothing of them, and reads both there.
func TestInterop_DendriteTakesWhatWasScheduledByBody(t *testing.T) {
	dendrite := Dendrite(t)
	front, base := InFrontOf(t, dendrite)
	alice, err := registration.Make(base, fmt.Sprintf("alice-%d", os.Getpid()), "for tests only", "ALICE")
	if err != nil {
		t.Fatal(err)
	}
	through, straight := client{t, base, alice.Token}, client{t, dendrite, alice.Token}
	_, made := through.ask(http.MethodPost, "v3/createRoom", map[string]any{"preset": "private_chat"})
	room := url.PathEscape(fmt.Sprint(made["room_id"]))

	if status, answer := straight.ask(http.MethodPut, "v3/rooms/"+room+"/delayed_event/m.x/t1", map[string]any{}); status < 400 {
		t.Fatalf("this Dendrite schedules by itself: %v", answer)
	}
	for name, c := range map[string]struct {
		key  *string
		read string
	}{
		"state": {key: new(string), read: "v3/rooms/" + room + "/state/org.example.x"},
		"key":   {key: &alice.UserID, read: "v3/rooms/" + room + "/state/org.example.x/" + url.PathEscape(alice.UserID)},
		"text":  {},
	} {
		body := map[string]any{"delay_ms": 500, "content": map[string]string{"name": name}}
		if c.key != nil {
			body["state_key"] = *c.key
		}
		status, answer := through.ask(http.MethodPut, "v3/rooms/"+room+"/delayed_event/org.example.x/"+name, body)
		id, _ := answer["delay_id"].(string)
		if status != http.StatusOK || id == "" {
			t.Fatalf("%s: scheduling is answered with %d %v", name, status, answer)
		}
		event := through.awaitSent(id)
		content := map[string]any{}
		if c.read != "" {
			_, content = straight.ask(http.MethodGet, c.read, nil)
		} else {
			_, answer = straight.ask(http.MethodGet, "v3/rooms/"+room+"/event/"+url.PathEscape(event), nil)
			content, _ = answer["content"].(map[string]any)
		}
		if content["name"] != name {
			t.Errorf("%s: Dendrite says %v", name, content)
		}
		if status, _ := through.ask(http.MethodPost, "v1/delayed_events/"+id+"/cancel", map[string]any{}); status != http.StatusConflict {
			t.Errorf("%s: cancelling afterwards is answered with %d", name, status)
		}
	}
	_, capabilities := through.ask(http.MethodGet, "v3/capabilities", nil)
	list, _ := capabilities["capabilities"].(map[string]any)
	if limits, _ := list["m.delayed_events"].(map[string]any); limits["max_scheduled"] != 100.0 || list["m.room_versions"] == nil {
		t.Errorf("the capabilities are %v", list)
	}
	if stats := front.Stats(); stats.Sent != 3 || stats.Failed != 0 || stats.Delayed != 0 || stats.MostLate > 5*time.Second {
		t.Errorf("the figures are %+v", stats)
	}
}
