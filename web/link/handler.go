package link

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// maxBody is far more than a name and a pass phrase.
const maxBody = 4 << 10

// answer is what POST /call/new gives: the call, or a code and words.
type answer struct {
	Call  string `json:"call,omitempty"`
	Code  string `json:"code,omitempty"`
	Words string `json:"words,omitempty"`
	Retry int64  `json:"retry_after_ms,omitempty"`
}

// Handler answers POST /call/new: {"name"?, "pass"?} → {"call"}. It takes JSON
// from pages of our own origin (Fetch, section 3.2: Sec-Fetch-Site, else
// Origin) and from what is no browser.
func (b *Book) Handler() (http.Handler, error) {
	origins := http.NewCrossOriginProtection()
	for _, origin := range b.config.Origins {
		if err := origins.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		status, said := b.make(origins, r)
		if said.Retry > 0 {
			h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(float64(said.Retry)/1000)), 10))
		}
		if status == http.StatusMethodNotAllowed {
			h.Set("Allow", "POST")
		}
		h.Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(said) // who has gone is no error of ours
	}), nil
}

// make goes through what can be wrong, cheapest first.
func (b *Book) make(origins *http.CrossOriginProtection, r *http.Request) (status int, said answer) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, answer{Code: "not_allowed", Words: "A call is made by POST."}
	}
	if origins.Check(r) != nil {
		return http.StatusForbidden, answer{Code: "not_allowed", Words: "Only pages of this server may make calls on it."}
	}
	if b.config.Closed {
		return http.StatusForbidden, answer{Code: "not_allowed", Words: "On this server not everybody may make calls."}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType, answer{Code: "bad_message", Words: "Send application/json."}
	}
	now := time.Now()
	if wait := b.maker(b.config.Address(r), now); wait > 0 {
		return http.StatusTooManyRequests, answer{Code: "too_fast", Words: "Too many calls were made from your network; please wait a moment.", Retry: wait.Milliseconds() + 1}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(text) > maxBody {
		return http.StatusRequestEntityTooLarge, answer{Code: "too_large", Words: "A name and a pass phrase are shorter than that."}
	}
	var asked struct{ Name, Pass string }
	if err != nil || json.Unmarshal(text, &asked) != nil {
		return http.StatusBadRequest, answer{Code: "bad_message", Words: `Send {"name": …, "pass": …}; both may be left out.`}
	}
	return b.said(b.New(asked.Name, asked.Pass, now))
}

// maker counts a call against its address, or says how long to wait.
func (b *Book) maker(address string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.makers.wait(address, makersRate, now)
	if wait == 0 {
		b.makers.take(address, makersRate, now)
	}
	return wait
}

// said words what came of New.
func (b *Book) said(call Call, err error) (int, answer) {
	switch {
	case err == nil:
		return http.StatusOK, answer{Call: call.ID}
	case errors.Is(err, ErrFull):
		return http.StatusServiceUnavailable, answer{Code: "server_full", Words: "This server keeps as many calls as it may. Empty ones are forgotten in time."}
	case errors.Is(err, ErrName):
		return http.StatusBadRequest, answer{Code: "bad_message", Words: "The name of the call is too long or has characters that cannot be shown."}
	case errors.Is(err, ErrPhrase):
		return http.StatusBadRequest, answer{Code: "bad_message", Words: "The pass phrase is too long."}
	}
	b.log.Error("a call could not be made", "err", err)
	return http.StatusInternalServerError, answer{Code: "homeserver_unreachable", Words: "The call could not be made; something is wrong with the server."}
}
