package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

var (
	// ErrConfig is returned by New for a configuration that cannot work.
	ErrConfig = errors.New("upstream configuration")
	// ErrKey is returned by New when the key is not the one that sealed the
	// journal, or lies open to others.
	ErrKey = errors.New("key of the delayed events")
	// ErrUnreachable means that the homeserver did not answer, or not sensibly.
	ErrUnreachable = errors.New("the homeserver does not answer")
)

// Codes of the client-server API, section "Common error codes".
const (
	codeBadJSON       = "M_BAD_JSON"
	codeForbidden     = "M_FORBIDDEN"
	codeGuest         = "M_GUEST_ACCESS_FORBIDDEN"
	codeInvalidParam  = "M_INVALID_PARAM"
	codeLimitExceeded = "M_LIMIT_EXCEEDED"
	codeMissingParam  = "M_MISSING_PARAM"
	codeMissingToken  = "M_MISSING_TOKEN"
	codeNotFound      = "M_NOT_FOUND"
	codeNotJSON       = "M_NOT_JSON"
	codeTooLarge      = "M_TOO_LARGE"
	codeUnknown       = "M_UNKNOWN"
	codeUnknownToken  = "M_UNKNOWN_TOKEN"
	codeUnrecognized  = "M_UNRECOGNIZED"

	// Of MSC4140, from the oldest draft to the accepted text.
	codeMaxDelayExceeded      = "M_MAX_DELAY_EXCEEDED"
	codeDelayTooLargeUnstable = "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE"
	codeDelayTooLarge         = "M_DELAY_TOO_LARGE"
)

// refusal is an answer that is not a success.
type refusal struct {
	status  int
	code    string
	message string
	extra   map[string]any // joins errcode and error in the body
	after   time.Duration  // of a 429
	// body is what the homeserver itself said, to be repeated; else nil.
	body []byte
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func unrecognized(status int) *refusal {
	return refuse(status, codeUnrecognized, "this server does not know the request")
}

func invalidParam(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, codeInvalidParam, format, args...)
}

func missingToken() *refusal {
	return refuse(http.StatusUnauthorized, codeMissingToken, "the access token is missing")
}

func noSuchEvent() *refusal {
	return refuse(http.StatusNotFound, codeNotFound, "there is no delayed event with this ID; it may have been sent")
}

// limited is the 429 that says when to come back; zero leaves that open.
func limited(after time.Duration, format string, args ...any) *refusal {
	e := refuse(http.StatusTooManyRequests, codeLimitExceeded, format, args...)
	e.after = after
	return e
}

// unreachable is what a client hears when the homeserver says nothing to us;
// the reason is in our log, because it names addresses of the inside.
func unreachable() *refusal {
	return refuse(http.StatusBadGateway, codeUnknown, "%v", ErrUnreachable)
}

// write sends the refusal.
func (e *refusal) write(w http.ResponseWriter) {
	body := e.body
	if body == nil {
		members := map[string]any{"errcode": e.code, "error": e.message}
		for key, value := range e.extra {
			members[key] = value
		}
		if e.after > 0 {
			members["retry_after_ms"] = e.after.Milliseconds()
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.after.Seconds()))))
		}
		body, _ = json.Marshal(members) // strings and numbers
	}
	writeJSON(w, e.status, body)
}

// writeJSON answers with a body and the headers that let browsers read it.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	allowOrigins(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client is gone
}

// allowOrigins are the headers of the client-server API, "Web browser clients".
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	h.Set("Access-Control-Max-Age", "86400")
}
