package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"meshfocus/internal/registration"
)

// Home is a homeserver with open registration.
type Home struct {
	Name string // as in the grid
	Base string // URL
}

// Account is a device on a Home, as the pages take it.
type Account struct {
	Homeserver string `json:"homeserver"`
	UserID     string `json:"user_id"`
	DeviceID   string `json:"device_id"`
	Token      string `json:"token"`
	Password   string `json:"password"`
}

// Register makes an account.
func (h Home) Register(t testing.TB, name, device string) Account {
	t.Helper()
	const password = "for tests only"
	made, err := registration.Make(h.Base, name, password, device)
	if err != nil {
		t.Fatal(err)
	}
	return Account{Homeserver: h.Base, UserID: made.UserID, DeviceID: made.DeviceID, Token: made.Token, Password: password}
}

// Room makes a public room in which everybody may send the events of calls,
// or, with a power above 0, only who has that.
func (h Home) Room(t testing.TB, host Account, power int) (roomID string) {
	t.Helper()
	var room struct {
		ID    string `json:"room_id"`
		Error string
	}
	err := h.ask(http.MethodPost, "/createRoom", host.Token, map[string]any{
		"preset": "public_chat",
		"power_level_content_override": map[string]any{"events": map[string]int{
			"org.matrix.msc3401.call": power, "org.matrix.msc3401.call.member": 0,
		}},
	}, &room)
	if err != nil || room.ID == "" {
		t.Fatalf("no room on %s: %v %s", h.Name, err, room.Error)
	}
	return room.ID
}

// Find gives the ID of the room of an alias.
func (h Home) Find(t testing.TB, alias string) (roomID string) {
	t.Helper()
	var room struct {
		ID    string `json:"room_id"`
		Error string
	}
	if err := h.ask(http.MethodGet, "/directory/room/"+url.PathEscape(alias), "", nil, &room); err != nil || room.ID == "" {
		t.Fatalf("no room %s on %s: %v %s", alias, h.Name, err, room.Error)
	}
	return room.ID
}

// StartCall makes the object of a conference.
func (h Home) StartCall(t testing.TB, host Account, roomID, confID string) {
	t.Helper()
	h.SetState(t, host, roomID, "org.matrix.msc3401.call", confID, map[string]any{"m.intent": "m.room", "m.type": "m.video"})
}

// SetState sets a state event.
func (h Home) SetState(t testing.TB, who Account, roomID, kind, key string, content any) {
	t.Helper()
	var answer struct {
		EventID string `json:"event_id"`
		Error   string
	}
	path := "/rooms/" + url.PathEscape(roomID) + "/state/" + kind + "/" + url.PathEscape(key)
	if err := h.ask(http.MethodPut, path, who.Token, content, &answer); err != nil || answer.EventID == "" {
		t.Fatalf("state %s of %s: %v %s", kind, roomID, err, answer.Error)
	}
}

// State gives the content of a state event; ok is false without one.
func (h Home) State(t testing.TB, who Account, roomID, kind, key string) (content map[string]any, ok bool) {
	t.Helper()
	path := "/rooms/" + url.PathEscape(roomID) + "/state/" + kind + "/" + url.PathEscape(key)
	if err := h.ask(http.MethodGet, path, who.Token, nil, &content); err != nil {
		t.Fatalf("state %s of %s: %v", kind, roomID, err)
	}
	_, failed := content["errcode"]
	return content, !failed
}

// ask sends JSON, if any, and reads JSON, be it an answer or an error.
func (h Home) ask(method, path, token string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, h.Base+"/_matrix/client/v3"+path, sent)
	if err != nil {
		return err
	}
	request.Close = true
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 500 {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return json.Unmarshal(text, answer)
}
