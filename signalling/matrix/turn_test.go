package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestTurnPolicy_DecidesWhenToAsk(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	good := turnAnswer{Username: "u", Password: "p", URIs: []string{"turn:host"}}
	lasting := func(seconds float64) turnAnswer { a := good; a.TTL = seconds; return a }
	for _, test := range []struct {
		name string
		do   func(*turnPolicy)
		// not due until just before, due at; usable until ends (zero: for ever)
		due, ends time.Duration
	}{
		{"at once at the start", func(*turnPolicy) {}, 0, 0},
		{"after ten minutes without expiry", func(p *turnPolicy) { p.answered(lasting(0), start) }, 10 * time.Minute, 0},
		{"after ten minutes of a day", func(p *turnPolicy) { p.answered(lasting(86400), start) }, 10 * time.Minute, 24 * time.Hour},
		{"when a tenth of the life is left", func(p *turnPolicy) { p.answered(lasting(600), start) }, 9 * time.Minute, 10 * time.Minute},
		{"when a minute is left", func(p *turnPolicy) { p.answered(lasting(300), start) }, 4 * time.Minute, 5 * time.Minute},
		{"not at full speed when the life is very short", func(p *turnPolicy) { p.answered(lasting(20), start) }, 30 * time.Second, 20 * time.Second},
		{"after an hour when there are none", func(p *turnPolicy) { p.answered(turnAnswer{}, start) }, time.Hour, 0},
		{"after an hour when we may not", func(p *turnPolicy) { p.none(start) }, time.Hour, 0},
		{"after 30 s when it failed", func(p *turnPolicy) { p.failed(0, start, middle) }, 30 * time.Second, 0},
		{"after ten minutes when it fails on and on", func(p *turnPolicy) {
			for range 12 {
				p.failed(0, start, middle)
			}
		}, 10 * time.Minute, 0},
		{"as told by a rate limit", func(p *turnPolicy) { p.failed(5*time.Minute, start, middle) }, 5 * time.Minute, 0},
		{"not at once for dying credentials that could not be renewed", func(p *turnPolicy) {
			p.answered(lasting(20), start)
			p.failed(0, start, middle)
		}, 30 * time.Second, 20 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			var policy turnPolicy
			test.do(&policy)
			if test.due > 0 && policy.due(start.Add(test.due-time.Second)) {
				t.Errorf("due before %s", test.due)
			}
			if !policy.due(start.Add(test.due + time.Second)) {
				t.Errorf("not due after %s", test.due)
			}
			if test.ends > 0 {
				if len(policy.current(start.Add(test.ends-time.Second)).Servers) == 0 {
					t.Errorf("gone before %s", test.ends)
				}
				if len(policy.current(start.Add(test.ends)).Servers) != 0 {
					t.Errorf("given out after their end at %s", test.ends)
				}
			}
		})
	}
}

func TestTurnPolicy_KeepsWhatItKnowsWhileTheHomeserverFails(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	var policy turnPolicy
	policy.answered(turnAnswer{Username: "u", Password: "p", URIs: []string{"turn:host"}, TTL: 3600}, start)
	policy.failed(0, start.Add(20*time.Minute), middle)
	if got := policy.current(start.Add(21 * time.Minute)); len(got.Servers) != 1 {
		t.Errorf("%v after a failure, want the credentials that still live", got)
	}
}

func TestTurnAnswer_KeepsGoodServersAndDropsBad(t *testing.T) {
	answer := turnAnswer{Username: "u", Password: "p", URIs: []string{
		"turn:a.example:3478?transport=udp", "stun:a.example", "http://a.example", "turn:", "turns:[2001:db8::1]:443?transport=tcp",
	}}
	servers, dropped := answer.servers()
	if len(servers) != 2 || !slices.Equal(servers[0].URLs, []string{answer.URIs[0], answer.URIs[4]}) ||
		servers[0].Username != "u" || servers[0].Credential != "p" ||
		!slices.Equal(servers[1].URLs, []string{"stun:a.example"}) || servers[1].Username != "" {
		t.Errorf("servers %+v", servers)
	}
	if !slices.Equal(dropped, []string{"http://a.example", "turn:"}) {
		t.Errorf("dropped %q", dropped)
	}
	answer.Password = ""
	if servers, _ = answer.servers(); len(servers) != 1 || servers[0].URLs[0] != "stun:a.example" {
		t.Errorf("TURN without credentials is kept: %+v", servers)
	}
}

func TestIceScheme_TakesWhatAPeerConnectionTakes(t *testing.T) {
	for uri, want := range map[string]string{
		"stun:h": "stun", "stuns:h:443": "stuns", "turn:1.2.3.4:3478": "turn", "turns:h?transport=tcp": "turns",
		"turn:[::1]": "turn", "turn:[::1]:9": "turn", "turn:h_1.example": "turn",
		"": "", "turn": "", "turn:": "", "turn::3478": "", "turn:h:": "", "turn:h:0": "", "turn:h:65536": "", "turn:h:x": "",
		"turn:h?transport=sctp": "", "turn:h?": "", "stun:h?transport=udp": "", "turn://h": "", "turn:h/x": "", "turn:u@h": "",
		"turn:[::1": "", "turn:[1.2.3.4]": "", "turn:[::1]x": "", "turn:::1": "", "turn:h h": "", "TURN:h": "", "http:h": "",
	} {
		if got := iceScheme(uri); got != want {
			t.Errorf("%q has scheme %q, want %q", uri, got, want)
		}
	}
}

func TestTurnServers_AreAskedForOnce_AndTroubleIsNone(t *testing.T) {
	h := newHouse(t)
	alice := h.open(h.config("alice", "A"))
	asked, status := 0, http.StatusOK
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/_matrix/client/v3/voip/turnServer" {
			return false
		}
		asked++
		if status != http.StatusOK {
			refuse(w, status, "M_TEST", nil)
			return true
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"username": "u", "password": "p", "uris": []string{"turn:h"}, "ttl": 86400})
		return true
	})
	for range 3 {
		got, err := alice.TurnServers(t.Context())
		if err != nil || len(got.Servers) != 1 || time.Until(got.Expires) < 23*time.Hour {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
	for _, status = range []int{http.StatusForbidden, http.StatusNotFound} {
		alice.turn = newTurnCache()
		if got, err := alice.TurnServers(t.Context()); err != nil || len(got.Servers) != 0 {
			t.Errorf("HTTP %d gives %+v, %v; want none and no error", status, got, err)
		}
	}
	status, alice.turn = http.StatusBadGateway, newTurnCache()
	if _, err := alice.TurnServers(t.Context()); err == nil {
		t.Error("a homeserver in trouble that never answered is no error")
	}
}

func TestTurnServers_GivesTheCallersOwnEndToNobodyElse(t *testing.T) {
	h := newHouse(t)
	alice := h.open(h.config("alice", "A"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := alice.TurnServers(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("err %v", err)
	}
	if got, err := alice.TurnServers(t.Context()); err != nil || len(got.Servers) != 0 {
		t.Errorf("the next caller got %v, %v; want the homeserver's word", got, err)
	}
}

func FuzzIceScheme(f *testing.F) {
	for _, uri := range []string{"turn:h:1?transport=udp", "stun:[::1]", "turns:a.b"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) { iceScheme(uri) })
}
