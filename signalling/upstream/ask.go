package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"meshfocus/signalling/message"
)

// homeserver is the homeserver as we ask it ourselves.
type homeserver struct {
	base   *url.URL
	client *http.Client

	turn chan struct{} // one probe at a time

	mu      sync.Mutex // guards all below
	has     abilities
	hasThen time.Time // when that was seen; zero = never
	missed  time.Time // when it last could not be seen
	callers map[string]seenCaller
}

// abilities are what the homeserver does itself.
type abilities struct{ delayed, transports bool }

// caller is who sent a request.
type caller struct {
	token string
	// assert are the parameters by which an application service speaks for one
	// of its users, in query form; "" for everybody else.
	assert string
	user   string
	device string // "" with tokens that belong to none
	guest  bool
}

type seenCaller struct {
	caller
	until time.Time
}

const (
	askTime = 10 * time.Second // for one question
	// callerTime is how long an answer of whoami is believed: long enough for
	// a burst of restarts, short enough for a logout elsewhere.
	callerTime = time.Minute
	maxCallers = 10_000
	// abilitiesTime is how long a look at the homeserver is believed, and
	// retryTime how long we go without another after one that failed.
	abilitiesTime = 5 * time.Minute
	retryTime     = 5 * time.Second
	maxAnswer     = 1 << 20 // bytes of an answer that we read ourselves
)

func newHomeserver(base *url.URL, transport http.RoundTripper) *homeserver {
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &homeserver{base: base, client: client, turn: make(chan struct{}, 1), callers: map[string]seenCaller{}}
}

// at is the URL of an escaped path on the homeserver, byte for byte.
func (h *homeserver) at(escaped, query string) (*url.URL, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", escaped, err)
	}
	u := *h.base
	u.RawPath = trimSlash(h.base.EscapedPath()) + escaped
	u.Path = trimSlash(h.base.Path) + path
	u.RawQuery = query
	return &u, nil
}

func trimSlash(path string) string {
	if path != "" && path[len(path)-1] == '/' {
		return path[:len(path)-1]
	}
	return path
}

// ask makes a request of ours and reads the answer.
func (h *homeserver) ask(ctx context.Context, method, path, query, token string, body []byte) (status int, header http.Header, answer []byte, err error) {
	address, err := h.at(path, query)
	if err != nil {
		return 0, nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var sent io.Reader
	if body != nil {
		sent = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, address.String(), sent)
	if err != nil {
		return 0, nil, nil, err
	}
	r.URL = address // String and Parse might not keep every escape
	r.Header.Set("User-Agent", "meshfocus")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := h.client.Do(r)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, withoutURL(err))
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return response.StatusCode, response.Header, answer, nil
}

// withoutURL leaves the address out of a client's error: room IDs and
// parameters belong in no log.
func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// who asks whoami, or remembers what it said.
func (h *homeserver) who(ctx context.Context, token, assert string) (caller, error) {
	if token == "" {
		return caller{}, missingToken()
	}
	key, now := hashed(token, assert), time.Now()
	h.mu.Lock()
	seen, ok := h.callers[key]
	h.mu.Unlock()
	if ok && now.Before(seen.until) {
		seen.token = token
		return seen.caller, nil
	}
	status, header, answer, err := h.ask(ctx, http.MethodGet, pathWhoami, assert, token, nil)
	if err != nil {
		return caller{}, err
	}
	who, err := readWhoami(status, header, answer)
	if err != nil {
		return caller{}, err
	}
	who.assert = assert
	h.remember(key, seenCaller{who, now.Add(callerTime)})
	who.token = token
	return who, nil
}

func readWhoami(status int, header http.Header, answer []byte) (caller, error) {
	var said struct {
		User   string `json:"user_id"`
		Device string `json:"device_id"`
		Guest  bool   `json:"is_guest"`
		Code   string `json:"errcode"`
	}
	parsed := json.Unmarshal(answer, &said)
	switch {
	case status == http.StatusOK && parsed == nil && said.User != "":
		return caller{user: said.User, device: said.Device, guest: said.Guest}, nil
	case status == http.StatusForbidden && said.Code == codeGuest:
		return caller{guest: true}, nil // a server that does not name guests
	case status == http.StatusTooManyRequests:
		return caller{}, limited(retryAfter(header, answer), "the homeserver wants fewer requests")
	case status >= 400 && status < 500 && parsed == nil && said.Code != "":
		return caller{}, &refusal{status: status, code: said.Code, body: answer}
	}
	return caller{}, fmt.Errorf("%w: whoami gave status %d", ErrUnreachable, status)
}

// remember keeps an answer, without the token. When there are too many, all
// are forgotten: they are asked for again within a minute anyway.
func (h *homeserver) remember(key string, seen seenCaller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.callers) >= maxCallers {
		clear(h.callers)
	}
	h.callers[key] = seen
}

// forgetCaller asks anew about a token that was refused or logged out.
func (h *homeserver) forgetCaller(token, assert string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.callers, hashed(token, assert))
}

// forgetUser asks anew about every token of a user.
func (h *homeserver) forgetUser(user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, seen := range h.callers {
		if seen.user == user {
			delete(h.callers, key)
		}
	}
}

// abilities looks at what the homeserver has. A look that fails leaves what
// was seen before; without that it is an error.
func (h *homeserver) abilities(ctx context.Context) (abilities, error) {
	if has, err, fresh := h.remembered(); fresh {
		return has, err
	}
	select {
	case <-ctx.Done():
		return abilities{}, ctx.Err()
	case h.turn <- struct{}{}:
	}
	defer func() { <-h.turn }()
	if has, err, fresh := h.remembered(); fresh { // somebody else looked meanwhile
		return has, err
	}
	has, err := h.look(ctx)
	if ctx.Err() != nil {
		return abilities{}, ctx.Err() // says nothing about the homeserver
	}
	h.mu.Lock()
	if err == nil {
		h.has, h.hasThen = has, time.Now()
	} else {
		h.missed = time.Now()
	}
	h.mu.Unlock()
	has, err, _ = h.remembered()
	return has, err
}

// remembered is what is known; fresh is false when it is time to look.
func (h *homeserver) remembered() (has abilities, err error, fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hasThen.IsZero() {
		err = ErrUnreachable
	}
	return h.has, err, !h.hasThen.IsZero() && time.Since(h.hasThen) < abilitiesTime || time.Since(h.missed) < retryTime
}

// look asks for what each feature is known by: delayed events by their flag,
// because Synapse has the endpoint also when they are off, and the transports
// by the endpoint, which is older than its flag (decision D15).
func (h *homeserver) look(ctx context.Context) (has abilities, err error) {
	status, _, answer, err := h.ask(ctx, http.MethodGet, pathVersions, "", "", nil)
	if err != nil {
		return has, err
	}
	var said struct {
		Features map[string]json.RawMessage `json:"unstable_features"`
	}
	if status != http.StatusOK || json.Unmarshal(answer, &said) != nil {
		return has, fmt.Errorf("%w: /versions gave status %d", ErrUnreachable, status)
	}
	has.delayed = string(said.Features[message.FeatureDelayedEvents]) == "true"
	for _, path := range []string{message.PathTransports, pathTransports} {
		status, _, answer, err := h.ask(ctx, http.MethodGet, path, "", "", nil)
		if err != nil || status >= 500 {
			return has, errors.Join(ErrUnreachable, err)
		}
		if !isUnknown(status, answer) {
			has.transports = true
		}
	}
	return has, nil
}

// isUnknown says whether an answer means that the endpoint is not there: any
// 404, 405, or an older server's 400.
func isUnknown(status int, answer []byte) bool {
	var said struct {
		Code string `json:"errcode"`
	}
	_ = json.Unmarshal(answer, &said)
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed ||
		status == http.StatusBadRequest && said.Code == codeUnrecognized
}

// deliver makes the request of a delayed event.
func (h *homeserver) deliver(ctx context.Context, j job) outcome {
	if j.owner.Token == "" {
		return outcome{verdict: expired}
	}
	status, header, answer, err := h.ask(ctx, http.MethodPut, j.Path, j.Query, j.owner.Token, j.Content)
	switch {
	case err != nil:
		return outcome{verdict: unanswered}
	case status >= 200 && status < 300:
		var said struct {
			EventID string `json:"event_id"`
		}
		_ = json.Unmarshal(answer, &said) // it was taken, whatever was said
		return outcome{verdict: sent, eventID: said.EventID}
	case status == http.StatusUnauthorized:
		if lost, renewable := isLogout(answer); lost && renewable {
			return outcome{verdict: expired, status: status, body: answer}
		} else if lost {
			return outcome{verdict: loggedOut, status: status, body: answer}
		}
	case status == http.StatusTooManyRequests:
		return outcome{verdict: unanswered, after: retryAfter(header, answer), status: status, body: answer}
	case status < 400 || status >= 500 || status == http.StatusRequestTimeout:
		return outcome{verdict: unanswered}
	}
	return outcome{verdict: refused, status: status, body: answer}
}

// isLogout reads a 401: whether the token is gone, and whether its device may
// get another (client-server API, "Soft logout").
func isLogout(answer []byte) (lost, renewable bool) {
	var said struct {
		Code string `json:"errcode"`
		Soft bool   `json:"soft_logout"`
	}
	_ = json.Unmarshal(answer, &said)
	return said.Code == codeUnknownToken, said.Soft
}

// retryAfter is the time that a 429 asks for, 0 when it names none.
func retryAfter(header http.Header, answer []byte) time.Duration {
	var said struct {
		Ms int64 `json:"retry_after_ms"`
	}
	_ = json.Unmarshal(answer, &said)
	seconds, _ := strconv.ParseInt(header.Get("Retry-After"), 10, 64)
	ms := max(said.Ms, min(max(seconds, 0), 1<<31)*1000)
	return time.Duration(min(max(ms, 0), 1<<41)) * time.Millisecond
}
