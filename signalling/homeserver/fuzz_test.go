package homeserver

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// stage is a server in memory with a few users and rooms, on which scripts are
// played by one of the users.
type stage struct {
	t       testing.TB
	server  *Server
	handler http.Handler
	token   string // alice's
	words   *strings.Replacer
	escaped *strings.Replacer // words for paths
	stop    func()            // ends the server; only with data
}

// Requests of a script end after so long; long polls wait, others work.
const (
	pollPatience = 30 * time.Millisecond
	workPatience = 10 * time.Second
)

// newStage has alice, who plays, on two devices; bob on PHONE; carol nowhere;
// a public room of alice and bob with an alias, a message, and a delayed
// event; and a room of bob's alone.
func newStage(t testing.TB, config Config) *stage {
	t.Helper()
	config.ServerName, config.Guests = "example.org", true
	config.Registration = RegistrationOpen
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, server: server, handler: server.Handler(), stop: func() {}}
	if config.DataDir != "" {
		s.run()
	}
	s.token = s.device("alice", "LAPTOP")
	s.device("alice", "OTHER")
	bob := s.device("bob", "PHONE")
	s.device("carol", "TABLET")

	room := s.make(s.token, "POST", "createRoom", `{"preset":"public_chat","room_alias_name":"lobby"}`, "room_id")
	private := s.make(bob, "POST", "createRoom", `{"preset":"private_chat"}`, "room_id")
	in := func(room string) string { return "rooms/" + url.PathEscape(room) }
	s.make(bob, "POST", in(room)+"/join", `{}`, "room_id")
	event := s.make(s.token, "PUT", in(room)+"/send/m.room.message/first", `{"body":"first"}`, "event_id")
	foreign := s.make(bob, "PUT", in(private)+"/send/m.room.message/first", `{"body":"mine"}`, "event_id")
	delay := s.make(s.token, "PUT", in(room)+"/send/m.room.message/later?org.matrix.msc4140.delay=3600000", `{"body":"later"}`, "delay_id")
	since := s.make(s.token, "GET", "sync", ``, "next_batch")

	words := []string{
		"$alice", "@alice:example.org", "$bob", "@bob:example.org", "$carol", "@carol:example.org",
		"$device", "LAPTOP", "$room", room, "$private", private,
		"$event", event, "$foreign", foreign, "$delay", delay, "$since", since,
	}
	s.words = strings.NewReplacer(words...)
	for i := 1; i < len(words); i += 2 {
		words[i] = url.PathEscape(words[i])
	}
	s.escaped = strings.NewReplacer(words...)
	return s
}

// run drives the server until stop or the end of the test.
func (s *stage) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("run: %v", err)
		}
	})
	s.t.Cleanup(s.stop)
}

func (s *stage) device(user, device string) (token string) {
	s.t.Helper()
	if err := s.server.EnsureUser(user, ""); err != nil {
		s.t.Fatal(err)
	}
	token, err := s.server.IssueToken(user, device, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// make expects success and returns a string of the answer, if one is asked
// for.
func (s *stage) make(token, method, path, body, member string) string {
	s.t.Helper()
	answer := s.ask(token, method, "/_matrix/client/v3/"+path, body)
	var members map[string]json.RawMessage
	var value string
	if json.Unmarshal(answer.Body.Bytes(), &members) == nil {
		json.Unmarshal(members[member], &value) // what is no string is missing
	}
	if answer.Code != http.StatusOK || value == "" && member != "" {
		s.t.Fatalf("%s %s: %d %s, want %s", method, path, answer.Code, answer.Body, member)
	}
	return value
}

func (s *stage) ask(token, method, target, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	request, err := http.NewRequest(method, "http://example.org"+target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.RemoteAddr = "127.0.0.1:1"
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	return answer
}

// play sends one line of a script as alice. A line that is no HTTP request is
// passed over.
func (s *stage) play(line string) (answer *httptest.ResponseRecorder, played bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, body, _ := strings.Cut(rest, " ")
	patience := workPatience
	if strings.Contains(target, "/sync") {
		patience = pollPatience
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method,
		"http://example.org"+s.escaped.Replace(target), strings.NewReader(s.words.Replace(body)))
	if err != nil || !strings.HasPrefix(target, "/") || method == "" {
		return nil, false
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.RemoteAddr = "127.0.0.1:1"
	answer = httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	// Without an answer in time, the client is gone and no answer is right.
	return answer, ctx.Err() == nil
}

// judge says what is wrong with an answer, whatever was asked, or "".
func judge(answer *httptest.ResponseRecorder) string {
	var body map[string]any
	valid := json.Unmarshal(answer.Body.Bytes(), &body) == nil
	code, _ := body["errcode"].(string)
	_, explained := body["error"].(string)
	switch {
	case answer.Code >= 500:
		return "the server failed"
	case answer.Code == http.StatusNoContent:
		return ""
	case answer.Header().Get("Content-Type") != "application/json":
		return "the answer does not say that it is JSON"
	case !valid && !(answer.Code < 300 && json.Valid(answer.Body.Bytes())):
		return "the answer is not a JSON object"
	case answer.Code == http.StatusUnauthorized && body["flows"] != nil:
		return "" // user-interactive authentication
	case answer.Code >= 400 && (!strings.HasPrefix(code, "M_") && !strings.HasPrefix(code, "ORG.MATRIX.") || !explained):
		return "the refusal has no errcode or no error"
	case answer.Code >= 300 && answer.Code < 400, answer.Code < 200:
		return "the answer has a strange status"
	}
	return ""
}

// perform plays a script and judges every answer, and then whether everybody
// can still read what it left behind.
func (s *stage) perform(script string) {
	s.t.Helper()
	lines := strings.Split(script, "\n")
	for _, line := range lines[:min(len(lines), 8)] {
		answer, played := s.play(line)
		if !played {
			continue
		}
		if wrong := judge(answer); wrong != "" {
			s.t.Errorf("%s\n%s: %d %s", line, wrong, answer.Code, answer.Body)
		}
	}
	for _, user := range []string{"alice", "bob"} {
		token, err := s.server.IssueToken(user, "AFTERWARDS", "")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, target := range []string{"/_matrix/client/v3/sync?full_state=true", "/_matrix/client/v3/publicRooms"} {
			if answer := s.ask(token, "GET", target, ""); answer.Code != http.StatusOK || judge(answer) != "" {
				s.t.Errorf("%s cannot GET %s after\n%s\n%d %s", user, target, script, answer.Code, answer.Body)
			}
		}
	}
}

// FuzzHandler plays scripts of requests: lines as in seeds. Whatever they ask,
// the server answers with JSON, never with a 5xx, and goes on.
func FuzzHandler(f *testing.F) {
	for _, seed := range append(seeds, strange...) {
		f.Add(seed)
	}
	f.Add("POST /_matrix/client/v3/rooms/$room/leave {}\nPOST /_matrix/client/v3/rooms/$room/forget {}\nPOST /_matrix/client/v3/join/$room {}\nGET /_matrix/client/v3/sync?since=$since")
	f.Add("PUT /_matrix/client/v3/rooms/$room/state/m.room.power_levels {\"users\":{\"$bob\":100}}\nPUT /_matrix/client/v3/rooms/$room/state/m.room.name {\"name\":\"n\"}\nPOST /_matrix/client/v3/rooms/$room/kick {\"user_id\":\"$bob\"}")
	f.Add("PUT /_matrix/client/v3/rooms/$room/state/m.room.join_rules {\"join_rule\":\"invite\"}\nPOST /_matrix/client/v3/rooms/$room/ban {\"user_id\":\"$bob\"}\nPOST /_matrix/client/v3/rooms/$room/invite {\"user_id\":\"$bob\"}")
	f.Fuzz(func(t *testing.T, script string) {
		newStage(t, Config{}).perform(script)
	})
}

func TestHandler_AnswersEverySeed(t *testing.T) {
	for _, seed := range seeds {
		s := newStage(t, Config{})
		answer, played := s.play(seed)
		if !played {
			t.Errorf("%s\nwas not answered", seed)
			continue
		}
		if wrong := judge(answer); wrong != "" {
			t.Errorf("%s\n%s: %d %s", seed, wrong, answer.Code, answer.Body)
		}
		if strings.Contains(answer.Body.String(), codeUnrecognized) {
			t.Errorf("%s\nis not known: %d %s", seed, answer.Code, answer.Body)
		}
	}
}

func TestHandler_RefusesWhatIsStrange(t *testing.T) {
	for _, line := range strange {
		s := newStage(t, Config{})
		answer, played := s.play(line)
		if !played {
			t.Errorf("%s\nwas not answered", line)
			continue
		}
		if wrong := judge(answer); wrong != "" {
			t.Errorf("%s\n%s: %d %s", line, wrong, answer.Code, answer.Body)
		}
	}
}

func TestSeeds_HaveEveryRoute(t *testing.T) {
	router, seen := newRouter(routes()), make(map[string]bool)
	s := newStage(t, Config{})
	for _, seed := range seeds {
		method, rest, _ := strings.Cut(seed, " ")
		target, _, _ := strings.Cut(rest, " ")
		request := httptest.NewRequest(method, s.escaped.Replace(target), nil)
		match, _, refused := router.route(request)
		if refused != nil {
			t.Errorf("%s: %v", seed, refused)
			continue
		}
		seen[match.method+" "+match.pattern] = true
	}
	for _, r := range routes() {
		if !seen[r.method+" "+r.pattern] {
			t.Errorf("no seed for %s %s", r.method, r.pattern)
		}
	}
}
