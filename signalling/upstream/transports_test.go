package upstream

import (
	"fmt"
	"net/http"
	"testing"
)

func TestTransports_AreForWhoeverHasAnAccount(t *testing.T) {
	home := newFake(t)
	f := start(t, home, func(c *Config) {
		c.Transports = append(c.Transports, []byte(`{"type":"livekit","livekit_service_url":"https://sfu.example"}`), []byte(`{"type":"full_mesh"}`))
	})
	const list = "[map[livekit_service_url:https://sfu.example type:livekit] map[type:full_mesh]]"
	for name, c := range map[string]struct {
		method, token string
		status        int
		code          any
	}{
		"a user":           {"GET", "alice1", 200, nil},
		"a guest":          {"GET", "guest1", 200, nil},
		"nobody":           {"GET", "", 401, codeMissingToken},
		"an unknown token": {"GET", "nobody", 401, codeUnknownToken},
		"another method":   {"POST", "alice1", 405, codeUnrecognized},
		"a preflight":      {"OPTIONS", "", 204, nil},
	} {
		for _, path := range []string{unstableRTC, pathTransports} {
			t.Run(name+" "+path, func(t *testing.T) {
				status, header, answer := f.askWith(c.method, path, c.token, "")
				if status != c.status || answer["errcode"] != c.code || header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("answered %d %v", status, answer)
				}
				if status == 200 && (fmt.Sprint(answer["rtc_transports"]) != list || fmt.Sprint(answer["transports"]) != list) {
					t.Errorf("the list is %v", answer)
				}
			})
		}
	}
}

func TestTransports_AskTheHomeserverOnceForABurst(t *testing.T) {
	home := newFake(t)
	f := start(t, home, nil)
	for range 20 {
		f.ask("GET", unstableRTC, "alice1", "")
	}
	if n := home.whois.Load(); n != 1 {
		t.Errorf("whoami was asked %d times", n)
	}
	if status, _ := f.ask("GET", unstableRTC+"?user_id=@puppet:x", "alice1", ""); status != 200 || home.whois.Load() != 2 {
		t.Error("who speaks for another user is not asked about")
	}
}

func TestTransports_RepeatWhatTheHomeserverSaysOfAToken(t *testing.T) {
	home := newFake(t)
	home.had[pathWhoami] = func(w http.ResponseWriter, _ *http.Request) {
		say(w, 401, map[string]any{"errcode": "M_UNKNOWN_TOKEN", "error": "expired", "soft_logout": true})
	}
	f := start(t, home, nil)
	if status, answer := f.ask("GET", unstableRTC, "alice1", ""); status != 401 || answer["soft_logout"] != true {
		t.Errorf("answered %d %v", status, answer)
	}
	home.set(func() {
		home.had[pathWhoami] = func(w http.ResponseWriter, _ *http.Request) {
			say(w, 403, map[string]any{"errcode": "M_GUEST_ACCESS_FORBIDDEN", "error": "guest"})
		}
	})
	if status, _ := f.ask("GET", unstableRTC, "guest1", ""); status != 200 {
		t.Errorf("a guest whom the homeserver does not name is answered with %d", status)
	}
	home.set(func() {
		home.had[pathWhoami] = func(w http.ResponseWriter, _ *http.Request) {
			say(w, 429, map[string]any{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500})
		}
	})
	if status, answer := f.ask("GET", unstableRTC, "bob1", ""); status != 429 || answer["retry_after_ms"] != 1500.0 {
		t.Errorf("answered %d %v", status, answer)
	}
}
