package inspect

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"meshfocus/signalling/message"
)

func TestInspector_FindsNothingWrongWithAGoodHomeserver(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*scene){
		"with a token":    func(*scene) {},
		"with a password": func(s *scene) { s.config.User, s.config.Password = "alice", password },
		"over plain HTTP": func(s *scene) { s.plain = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			change(s)
			var tried []string
			s.config.Progress = func(check string) { tried = append(tried, check) }
			findings := s.open().inspect()
			if !slices.Equal(tried, Checks()) {
				t.Errorf("said to try %v, want %v", tried, Checks())
			}
			for _, f := range findings {
				if f.Level != Fine && !(f.Check == "wellknown" && f.Level == Note) {
					t.Errorf("%+v", f)
				}
			}
			var names []string
			for _, f := range findings {
				names = append(names, f.Check)
			}
			if !slices.Equal(names, Checks()) {
				t.Errorf("checked %v, want %v", names, Checks())
			}
		})
	}
}

func TestInspector_SkipsWhatNeedsABrokenStep(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	answers(asked("/account/whoami"), says(401, `{"errcode":"M_UNKNOWN_TOKEN","error":"?"}`))(s)
	for _, f := range s.open().inspect() {
		if n := slices.Index(Checks(), f.Check); n > slices.Index(Checks(), "token") && (f.Level != Skipped || !strings.Contains(f.Found, "needs")) {
			t.Errorf("%s is %s: %s", f.Check, f.Level, f.Found)
		}
	}
}

func TestInspector_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.config.User, s.config.Password = "alice", password
	a := s.open()
	before := a.server.Stats()
	a.inspect()
	if after := a.server.Stats(); after.Rooms > before.Rooms+1 || after.Devices != before.Devices {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestInspector_TriesTwiceBeforeItSaysThatDelayedEventsAreNotSent(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	impatient(s)
	var scheduled atomic.Int32
	alters(func(_ http.ResponseWriter, r *http.Request) {
		if query := r.URL.Query(); query.Has(message.QueryDelay) && scheduled.Add(1) == 1 {
			query.Set(message.QueryDelay, "3600000")
			r.URL.RawQuery = query.Encode()
		}
	})(s)
	for _, f := range s.open().inspectUntil(func(f Finding) bool { return f.Check == "delayed.restart" }) {
		if f.Check == "delayed" && (f.Level != Note || f.Found != "the first was never sent, the second was") || f.Check == "delayed.restart" && f.Level != Fine {
			t.Errorf("%+v", f)
		}
	}
}

func TestInspector_ChecksWhatStrangersSeeWithoutAnAccount(t *testing.T) {
	t.Parallel()
	a := newScene(t).open()
	i, err := New(Config{Homeserver: a.web.URL, Roots: a.authority.pool})
	if err != nil {
		t.Fatal(err)
	}
	for f := range i.Findings(t.Context()) {
		wantSkipped := slices.Index(Checks(), f.Check) >= slices.Index(Checks(), "token")
		if (f.Level == Skipped) != wantSkipped || f.Level == Broken || f.Level == Warning {
			t.Errorf("%s is %s: %s", f.Check, f.Level, f.Found)
		}
	}
}

func TestInspector_TakesNoMessageFromARunningClient(t *testing.T) {
	t.Parallel()
	a := newScene(t).open()
	a.request("PUT", "/_matrix/client/v3/sendToDevice/m.room_key/1", map[string]any{"messages": map[string]any{aliceID: map[string]any{aliceDevice: map[string]string{"key": "k"}}}})
	a.inspect()
	i, err := New(Config{Homeserver: a.web.URL, Token: a.token, Roots: a.authority.pool})
	if err != nil {
		t.Fatal(err)
	}
	i.setBase(a.web.URL)
	defer i.web.CloseIdleConnections()
	g, _ := i.look(t.Context(), "")
	if !slices.ContainsFunc(g.toDevice, func(e event) bool { return e.Type == "m.room_key" }) {
		t.Errorf("the client's room key is gone: %+v", g.toDevice)
	}
}

func TestInspector_HidesSecretsThatAnAnswerRepeats(t *testing.T) {
	t.Parallel()
	const secret = `p"ss word/` + "with-many-letters-so-that-a-part-of-it-would-still-tell-a-lot"
	for name, escape := range map[string]func(string) string{
		"as they are": func(s string) string { return s }, "as in JSON": strconv.Quote, "as in an address": url.QueryEscape,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.config.Token = secret
			answers(asked("/account/whoami"), func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusTeapot) // the cut of an excerpt falls into the secret
				_, _ = w.Write([]byte(strings.Repeat("x", 80) + escape(secret) + "\x1b[2J"))
			})(s)
			text := fmt.Sprint(s.open().inspectUntil(func(f Finding) bool { return f.Check == "token" }))
			if strings.Contains(text, "word") && strings.Contains(text, "with-many") || strings.Contains(text, "\x1b") || !strings.Contains(text, masked) {
				t.Error(text)
			}
		})
	}
}

func TestNew_SaysWhatIsWrongWithTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"nothing", Config{}, "homeserver is missing"},
		{"a room in its place", Config{Homeserver: "#room:hs"}, "is no homeserver"},
		{"another protocol", Config{Homeserver: "wss://hs"}, "speaks https or http"},
		{"a password in the address", Config{Homeserver: "https://me:secret@hs"}, "cannot be read"},
		{"a user alone", Config{Homeserver: "hs", User: "me"}, "a user and a password"},
		{"a room without sigil", Config{Homeserver: "hs", Room: "lobby"}, "is no room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestFaults_AreNamedAsTheFirstCause(t *testing.T) {
	t.Parallel()
	table := faults()
	results := make([]Finding, len(table))
	t.Run("fault", func(t *testing.T) {
		for n, fault := range table {
			t.Run(fault.name, func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				fault.inject(s)
				findings := s.open().inspectUntil(func(f Finding) bool { return f.Level == Broken })
				first, found := First(findings)
				if !found || first.Check != fault.check || first.Level != fault.level {
					t.Errorf("first is %s %s (%s), want %s %s", first.Level, first.Check, first.Found, fault.level, fault.check)
				}
				if first.Tried == "" || first.Found == "" || first.Cause == "" || first.Fix == "" {
					t.Errorf("something is not said: %+v", first)
				}
				if text := fmt.Sprint(findings); strings.Contains(text, password) || strings.Contains(text, "turn-secret-of-the-test") {
					t.Error("a secret is told")
				}
				first.Cause = strings.ReplaceAll(first.Cause, s.web.Listener.Addr().String(), "hs.test")
				results[n] = first
			})
		}
	})
	for n := range results {
		if results[n].Cause == "" {
			return // not all were tried
		}
	}
	compareTable(t, table, results)
}
