package homeserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	clientAPI  = "/_matrix/client/v3"
	delayedAPI = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
)

// visitor is one device that talks to a homeserver over HTTP, and the least a
// client can be: it keeps a token and nothing else.
type visitor struct {
	base                string // http://host:port
	http                *http.Client
	user, device, token string
}

// refused is an answer of 400 and above.
type refused struct {
	status  int
	code    string
	request string
}

func (r *refused) Error() string { return fmt.Sprintf("%s: %d %s", r.request, r.status, r.code) }

// isRefused tells a homeserver that said no from one that did not answer.
func isRefused(err error) bool {
	var no *refused
	return errors.As(err, &no)
}

// call sends body, if any, as JSON and reads the answer into into, if any. A
// path that starts with / is taken as it is, else it is below clientAPI.
func (v *visitor) call(ctx context.Context, method, path string, body, into any) error {
	if !strings.HasPrefix(path, "/") {
		path = clientAPI + "/" + path
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, v.base+path, content)
	if err != nil {
		return err
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := v.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 400 {
		no := &refused{status: response.StatusCode, request: method + " " + path}
		var answer struct {
			Code string `json:"errcode"`
		}
		if json.Unmarshal(data, &answer) == nil {
			no.code = answer.Code
		}
		return no
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}

// signedIn is the answer of login and register.
type signedIn struct {
	User   string `json:"user_id"`
	Device string `json:"device_id"`
	Token  string `json:"access_token"`
}

// enter takes over who the answer says we are.
func (v *visitor) enter(answer signedIn) {
	v.user, v.device, v.token = answer.User, answer.Device, answer.Token
}

func (v *visitor) register(ctx context.Context, name, password string) error {
	var answer signedIn
	err := v.call(ctx, "POST", "register", object{
		"username": name, "password": password, "auth": object{"type": "m.login.dummy"},
	}, &answer)
	if err == nil {
		v.enter(answer)
	}
	return err
}

func (v *visitor) login(ctx context.Context, name, password string) error {
	var answer signedIn
	err := v.call(ctx, "POST", "login", object{
		"type": "m.login.password", "password": password,
		"identifier": object{"type": "m.id.user", "user": name},
	}, &answer)
	if err == nil {
		v.enter(answer)
	}
	return err
}

// object is JSON on its way out.
type object map[string]any

// entry is what one device says and the others hear: ID is unique in the test.
type entry struct {
	ID string `json:"id"`
	// SentAt is in nanoseconds since the epoch; only the benchmark sets it.
	SentAt int64 `json:"sent_at,omitempty"`
}

// heard is the part of a /sync answer the tests look at.
type heard struct {
	NextBatch string `json:"next_batch"`
	ToDevice  struct {
		Events []struct {
			Sender  string `json:"sender"`
			Content entry  `json:"content"`
		} `json:"events"`
	} `json:"to_device"`
}

// sync asks for what is new since a token and waits so long for it.
func (v *visitor) sync(ctx context.Context, since string, timeout time.Duration) (heard, error) {
	query := url.Values{"timeout": {fmt.Sprint(timeout.Milliseconds())}}
	if since != "" {
		query.Set("since", since)
	}
	var answer heard
	err := v.call(ctx, "GET", "sync?"+query.Encode(), nil, &answer)
	return answer, err
}

// tell sends a to-device message to one device.
func (v *visitor) tell(ctx context.Context, to *visitor, txn string, content entry) error {
	return v.call(ctx, "PUT", "sendToDevice/org.example.word/"+url.PathEscape(txn),
		object{"messages": object{to.user: object{to.device: content}}}, nil)
}

// inRoom is a path below a room.
func inRoom(room string, segments ...string) string {
	path := "rooms/" + url.PathEscape(room)
	for _, segment := range segments {
		path += "/" + url.PathEscape(segment)
	}
	return path
}
