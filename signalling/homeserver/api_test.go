package homeserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// api is a running server under test, asked without a network: a request is a
// call of its handler, so that tests can live in a synctest bubble.
type api struct {
	t       *testing.T
	server  *Server
	handler http.Handler
	stop    func()
}

func newAPI(t *testing.T, config Config) *api {
	t.Helper()
	if config.ServerName == "" {
		config.ServerName = "hs"
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	a := &api{t: t, server: s, handler: s.Handler()}
	stopped := false
	a.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(a.stop)
	return a
}

// caller is one device, or nobody when the token is empty.
type caller struct {
	*api
	id, device, token string
}

func (a *api) nobody() *caller { return &caller{api: a} }

// user makes sure of a user and signs a device in.
func (a *api) user(name string) *caller { return a.deviceOf(name, strings.ToUpper(name)) }

func (a *api) deviceOf(name, device string) *caller {
	a.t.Helper()
	if err := a.server.EnsureUser(name, ""); err != nil {
		a.t.Fatal(err)
	}
	token, err := a.server.IssueToken(name, device, "")
	if err != nil {
		a.t.Fatal(err)
	}
	return &caller{api: a, id: "@" + name + ":hs", device: device, token: token}
}

// reply is an answer, read as JSON.
type reply struct {
	t       *testing.T
	request string
	status  int
	code    string
	body    any
	header  http.Header
}

// do asks for a path below /_matrix/client/v3, or a whole one if it begins
// with a slash. A string body goes out as it is, nil as none, others as JSON.
func (c *caller) do(method, path string, body any) reply {
	c.t.Helper()
	return c.doIn(context.Background(), method, path, body)
}

func (c *caller) doIn(ctx context.Context, method, path string, body any) reply {
	c.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/_matrix/client/v3/" + path
	}
	text, isText := body.(string)
	if body != nil && !isText {
		data, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text = string(data)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(text))
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	answer := reply{t: c.t, request: method + " " + path, status: w.Code, header: w.Header()}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer.body); err != nil {
			c.t.Fatalf("%s: the answer is no JSON: %v\n%s", answer.request, err, w.Body)
		}
	}
	answer.code, _ = answer.at("errcode").(string)
	return answer
}

// ok ends the test if the answer is a refusal.
func (r reply) ok() reply {
	r.t.Helper()
	if r.status != http.StatusOK {
		r.t.Fatalf("%s: %d %v", r.request, r.status, r.body)
	}
	return r
}

// refused fails the test if the answer is another one.
func (r reply) refused(status int, code string) reply {
	r.t.Helper()
	if r.status != status || r.code != code {
		r.t.Errorf("%s: %d %s, want %d %s (%v)", r.request, r.status, r.code, status, code, r.body)
	}
	return r
}

// at follows keys and indices into the answer; nil when there is nothing.
func (r reply) at(path ...any) any { return dig(r.body, path...) }

func dig(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step < 0 {
				step += len(list)
			}
			if step < 0 || step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func (r reply) text(path ...any) string {
	text, _ := r.at(path...).(string)
	return text
}

func (r reply) list(path ...any) []any {
	list, _ := r.at(path...).([]any)
	return list
}

// is fails the test unless the value at a path, as JSON, is the wanted one.
func (r reply) is(want string, path ...any) reply {
	r.t.Helper()
	if got := asJSON(r.at(path...)); got != want {
		r.t.Errorf("%s: %v is %s, want %s", r.request, path, got, want)
	}
	return r
}

func asJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// obj is JSON on its way out.
type obj = map[string]any

// room makes a room; more are merged into the request.
func (c *caller) room(more obj) string {
	c.t.Helper()
	body := obj{"preset": "public_chat"}
	for name, value := range more {
		body[name] = value
	}
	return c.do("POST", "createRoom", body).ok().text("room_id")
}

func (c *caller) join(room string) *caller {
	c.t.Helper()
	c.do("POST", "join/"+url.PathEscape(room), nil).ok()
	return c
}

var lastTxn int

// send sends a message and returns the event ID.
func (c *caller) send(room, text string) string {
	c.t.Helper()
	lastTxn++
	path := in(room, "send", "m.room.message", fmt.Sprint("t", lastTxn))
	return c.do("PUT", path, obj{"msgtype": "m.text", "body": text}).ok().text("event_id")
}

// state sets state and returns the answer.
func (c *caller) state(room, kind, key string, content any) reply {
	c.t.Helper()
	return c.do("PUT", in(room, "state", kind, key), content)
}

// sync asks for what is new, without waiting.
func (c *caller) sync(since string, query ...string) reply {
	c.t.Helper()
	path := "sync?timeout=0"
	if since != "" {
		path += "&since=" + since
	}
	for _, part := range query {
		path += "&" + part
	}
	return c.do("GET", path, nil).ok()
}

func (c *caller) now() string { return c.sync("").text("next_batch") }

// in is a path below a room.
func in(room string, segments ...string) string {
	path := "rooms/" + url.PathEscape(room)
	for _, segment := range segments {
		path += "/" + url.PathEscape(segment)
	}
	return path
}

// bodies are the texts of the messages in a list of events.
func bodies(events []any) []string {
	texts := []string{}
	for _, e := range events {
		if text, ok := dig(e, "content", "body").(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// kinds are the types in a list of events, sorted.
func kinds(events []any) []string {
	names := []string{}
	for _, e := range events {
		name, _ := dig(e, "type").(string)
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
