// Package registration makes accounts on homeservers with open registration,
// for tests that meet servers which others wrote.
//
// It is no client: it knows one request, as the client-server API has it under
// "Account registration", and the one stage m.login.dummy of it.
package registration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Account is what a homeserver gave.
type Account struct {
	UserID   string
	DeviceID string
	Token    string
}

// Make registers a user of that name with a device, whose ID the homeserver
// chooses if device is "". An error says what the homeserver answered.
func Make(base, name, password, device string) (Account, error) {
	request := map[string]any{"username": name, "password": password}
	if device != "" {
		request["device_id"] = device
	}
	var answer struct {
		UserID  string `json:"user_id"`
		Device  string `json:"device_id"`
		Token   string `json:"access_token"`
		Session string `json:"session"`
	}
	auth := map[string]string{"type": "m.login.dummy"}
	request["auth"] = auth
	for {
		status, text, err := post(base+"/_matrix/client/v3/register", request)
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		switch {
		case err != nil:
			return Account{}, fmt.Errorf("an account for %s on %s: %w", name, base, err)
		case status == http.StatusOK && answer.Token != "":
			return Account{UserID: answer.UserID, DeviceID: answer.Device, Token: answer.Token}, nil
		case status != http.StatusUnauthorized || answer.Session == "" || auth["session"] != "":
			return Account{}, fmt.Errorf("an account for %s on %s: HTTP %d %s", name, base, status, text)
		}
		auth["session"] = answer.Session // Dendrite wants it named, and the rest again
	}
}

// post closes its connection, so that nothing of it outlives a test.
func post(url string, body any) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
