//go:build interop

package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// tell posts JSON to a homeserver that others wrote, and reads its consent.
func tell(t *testing.T, address, token string, content any) map[string]any {
	t.Helper()
	return answerTo(t, address, token, content, http.StatusOK)
}

func answerTo(t *testing.T, address, token string, content any, status int) map[string]any {
	t.Helper()
	body, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != status {
		t.Fatalf("%s: %s %v %v", address, response.Status, answer, err)
	}
	return answer
}

// register makes an account with a room, whose limits are its own.
func register(t *testing.T, base string) Config {
	t.Helper()
	name := "doctor" + time.Now().UTC().Format("150405.000000")
	account := map[string]any{"username": name, "password": password}
	session, _ := answerTo(t, base+"/_matrix/client/v3/register", "", account, http.StatusUnauthorized)["session"].(string)
	account["auth"] = map[string]string{"type": "m.login.dummy", "session": session}
	made := tell(t, base+"/_matrix/client/v3/register", "", account)
	token, _ := made["access_token"].(string)
	room, _ := tell(t, base+"/_matrix/client/v3/createRoom", token, map[string]any{"preset": "private_chat"})["room_id"].(string)
	return Config{Homeserver: base, User: name, Password: password, Token: token, Room: room}
}

func TestInterop_FindsNothingBrokenOnSynapse(t *testing.T) {
	base := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER names no homeserver; internal/scripts/interop starts one")
	}
	for name, byToken := range map[string]bool{"with a password": false, "with a token": true} {
		t.Run(name, func(t *testing.T) {
			config := register(t, base)
			if byToken {
				config.User, config.Password = "", ""
			} else {
				config.Token = ""
			}
			inspector, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			// No relay may be named, and the token's device has no keys: that
			// is how the test is set up.
			expected := []string{"turn.server", "keys.onetime"}
			for f := range inspector.Findings(ctx) {
				t.Logf("%s %s: %s (%s)", f.Level, f.Check, f.Found, f.Took.Round(time.Millisecond))
				if f.Level == Broken || f.Level == Skipped || f.Level == Warning && !slices.Contains(expected, f.Check) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestInterop_NamesWhatDendriteLacks(t *testing.T) {
	base := os.Getenv("MESHFOCUS_INTEROP_DENDRITE")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_DENDRITE is not set: run make interop, which starts a Dendrite")
	}
	config := register(t, base)
	config.Token = ""
	inspector, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	for f := range inspector.Findings(t.Context()) {
		t.Logf("%s %s: %s", f.Level, f.Check, f.Found)
		if f.Level == Warning || f.Level == Broken {
			warnings = append(warnings, f.Level.String()+" "+f.Check)
			if len(f.Command) == 0 || f.Command[0] != "dendrite" {
				t.Errorf("%s has %q pasted into Dendrite", f.Check, f.Command)
			}
		}
	}
	if want := []string{"warning features", "warning transports", "warning turn.server", "warning delayed"}; !slices.Equal(warnings, want) {
		t.Errorf("%v, want %v", warnings, want)
	}
}
