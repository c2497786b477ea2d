package homeserver

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"
)

var (
	// ErrNoUser is returned by the provisioning calls for a user that does
	// not exist; EnsureUser creates it.
	ErrNoUser = errors.New("no such user")
	// ErrNoRoom is returned by the provisioning calls for a room that does not
	// exist; EnsureRoom makes one.
	ErrNoRoom = errors.New("no such room")
	// ErrConfig is returned by New for a configuration that cannot work, also
	// with the data that is there.
	ErrConfig = errors.New("homeserver configuration")
)

// Codes of the client-server API, section "Common error codes" and those of
// single endpoints.
const (
	codeBadJSON          = "M_BAD_JSON"
	codeExclusive        = "M_EXCLUSIVE"
	codeForbidden        = "M_FORBIDDEN"
	codeGuestForbidden   = "M_GUEST_ACCESS_FORBIDDEN"
	codeInvalidParam     = "M_INVALID_PARAM"
	codeInvalidSignature = "M_INVALID_SIGNATURE"
	codeInvalidUsername  = "M_INVALID_USERNAME"
	codeLimitExceeded    = "M_LIMIT_EXCEEDED"
	codeMissingParam     = "M_MISSING_PARAM"
	codeMissingToken     = "M_MISSING_TOKEN"
	codeNotFound         = "M_NOT_FOUND"
	codeNotJSON          = "M_NOT_JSON"
	codeRoomInUse        = "M_ROOM_IN_USE"
	codeTooLarge         = "M_TOO_LARGE"
	codeUnknown          = "M_UNKNOWN"
	codeUnknownToken     = "M_UNKNOWN_TOKEN"
	codeUnrecognized     = "M_UNRECOGNIZED"
	codeUnsupportedRoom  = "M_UNSUPPORTED_ROOM_VERSION"
	codeUserDeactivated  = "M_USER_DEACTIVATED"
	codeUserInUse        = "M_USER_IN_USE"
	codeWeakPassword     = "M_WEAK_PASSWORD"
	codeMaxDelayExceeded = "M_MAX_DELAY_EXCEEDED"
)

// refusal is an answer that is not a success, in the words of the
// specification. Extra members join errcode and error in the body. Only the
// first 401 of user-interactive authentication has no code.
type refusal struct {
	status  int
	code    string
	message string
	extra   map[string]any
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

// body is the JSON of the answer.
func (e *refusal) body() map[string]any {
	body := make(map[string]any)
	if e.code != "" {
		body["errcode"], body["error"] = e.code, e.message
	}
	for key, value := range e.extra {
		body[key] = value
	}
	return body
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) *refusal {
	return refuse(http.StatusForbidden, codeForbidden, format, args...)
}

func notFound(format string, args ...any) *refusal {
	return refuse(http.StatusNotFound, codeNotFound, format, args...)
}

func badJSON(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, codeBadJSON, format, args...)
}

func invalidParam(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, codeInvalidParam, format, args...)
}

func missingParam(name string) *refusal {
	return refuse(http.StatusBadRequest, codeMissingParam, "%s is missing", name)
}

func tooLarge(format string, args ...any) *refusal {
	return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, format, args...)
}

func unrecognized(status int) *refusal {
	return refuse(status, codeUnrecognized, "this server does not know the request")
}

// limited is the 429 that says when to come back.
func limited(after time.Duration) *refusal {
	e := refuse(http.StatusTooManyRequests, codeLimitExceeded, "too many requests")
	e.extra = map[string]any{"retry_after_ms": int64(math.Ceil(max(after.Seconds()*1000, 1)))} // not too early
	return e
}
