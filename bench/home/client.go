package home

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
	"sync/atomic"
	"time"
)

// ErrRefused: a homeserver answered with an error; the words are its own.
var ErrRefused = errors.New("the homeserver refused")

// refusal is an answer of 400 and above.
type refusal struct {
	status  int
	code    string
	words   string
	session string        // of authentication in stages
	flows   []flow        // likewise
	retry   time.Duration // after which a request may come again
	request string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %s: HTTP %d %s %.120s", ErrRefused, r.request, r.status, r.code, r.words)
}
func (r *refusal) Is(target error) bool { return target == ErrRefused }

// object is JSON on its way out.
type object map[string]any

// wire is what the devices of a homeserver share.
type wire struct {
	base  string // URL
	http  *http.Client
	delay atomic.Int64 // ns by which each request is late
}

func newWire(base string) *wire {
	const most = 1 << 16 // connections: each device holds one, and each message takes one
	return &wire{base: base, http: &http.Client{Transport: &http.Transport{
		MaxIdleConns: most, MaxIdleConnsPerHost: most, IdleConnTimeout: time.Minute, DisableCompression: true,
		Proxy: http.ProxyFromEnvironment,
	}}}
}

func (w *wire) late() time.Duration { return time.Duration(w.delay.Load()) }

func (w *wire) close() { w.http.CloseIdleConnections() }

// call sends body, if any, as JSON, and reads the answer into into, if any: as it is
// into a *[]byte, and from JSON into all else. An
// answer of 400 and above is a *refusal.
func (w *wire) call(ctx context.Context, token, method, path string, body, into any) error {
	pause(ctx, w.late())
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, w.base+"/_matrix/client/"+path, content)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var room bytes.Buffer // ReadAll begins small, and answers to /sync are large
	room.Grow(int(min(max(response.ContentLength, 0), 1<<20)) + bytes.MinRead)
	_, err = room.ReadFrom(response.Body)
	text := room.Bytes()
	switch {
	case err != nil:
		return err
	case response.StatusCode >= 400:
		return refused(response, method+" "+cut(path), text)
	case into == nil:
		return nil
	}
	if plain, ok := into.(*[]byte); ok {
		*plain = text
		return nil
	}
	return json.Unmarshal(text, into)
}

// refused reads an error of a homeserver, be it JSON or not.
func refused(response *http.Response, request string, text []byte) error {
	var answer struct {
		Code    string  `json:"errcode"`
		Words   string  `json:"error"`
		Retry   float64 `json:"retry_after_ms"`
		Session string  `json:"session"`
		Flows   []flow  `json:"flows"`
	}
	if json.Unmarshal(text, &answer) != nil {
		answer.Words = string(bytes.ToValidUTF8(text[:min(len(text), 100)], nil))
	}
	r := &refusal{status: response.StatusCode, code: answer.Code, words: answer.Words, session: answer.Session, flows: answer.Flows, request: request}
	if r.status == http.StatusTooManyRequests {
		r.retry = time.Duration(answer.Retry * float64(time.Millisecond))
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && r.retry == 0 {
			r.retry = time.Duration(seconds) * time.Second
		}
		r.retry = min(max(r.retry, 50*time.Millisecond), time.Minute)
	}
	return r
}

// cut leaves out what a query says: tokens of sync are long.
func cut(path string) string {
	if u, err := url.Parse(path); err == nil {
		return u.Path
	}
	return path
}

// patiently repeats a request while the homeserver says that it comes too soon, and
// counts how often it said so.
func patiently(ctx context.Context, limited *atomic.Uint64, request func() error) error {
	for {
		err := request()
		wait := tooSoon(err)
		if wait == 0 {
			return err
		}
		limited.Add(1)
		pause(ctx, wait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// tooSoon gives how long to wait before a request is repeated that came too soon, 0 if
// that was not why it failed.
func tooSoon(err error) time.Duration {
	var no *refusal
	if errors.As(err, &no) {
		return no.retry
	}
	return 0
}

// pause lets a time pass, or the context end.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
