package registration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMake_NamesTheSessionToServersThatWantIt(t *testing.T) {
	for name, wants := range map[string]bool{"at once": false, "with a session": true} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var request struct {
					Device string            `json:"device_id"`
					Auth   map[string]string `json:"auth"`
				}
				if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.Auth["type"] != "m.login.dummy" {
					t.Errorf("asked for %+v, %v", request, err)
				}
				if wants && request.Auth["session"] != "s" {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(w, `{"session":"s","flows":[]}`)
					return
				}
				_, _ = io.WriteString(w, `{"user_id":"@a:x","device_id":"`+request.Device+`","access_token":"t"}`)
			}))
			defer server.Close()
			if got, err := Make(server.URL, "a", "p", "D"); err != nil || got != (Account{UserID: "@a:x", DeviceID: "D", Token: "t"}) {
				t.Errorf("made %+v, %v", got, err)
			}
		})
	}
}

func TestMake_RepeatsWhatTheServerSays(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"taken":           {400, `{"errcode":"M_USER_IN_USE"}`, "M_USER_IN_USE"},
		"wants more":      {401, `{"session":"s","flows":[{"stages":["m.login.recaptcha"]}]}`, "recaptcha"},
		"no session":      {401, `{"errcode":"M_FORBIDDEN"}`, "M_FORBIDDEN"},
		"no JSON":         {502, `<html>`, "invalid character"},
		"nothing granted": {200, `{}`, "HTTP 200"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			if _, err := Make(server.URL, "a", "p", ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %s in it", err, c.want)
			}
		})
	}
}
