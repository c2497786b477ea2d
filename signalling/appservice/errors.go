package appservice

import (
	"errors"
	"fmt"
	"time"
)

// ErrRegistration: the homeserver does not know us as the service we say we
// are; its operator has to load the registration, or another one.
var ErrRegistration = errors.New("the homeserver does not know this application service")

// refusal is an error of the client-server API.
type refusal struct {
	status     int
	code       string
	words      string
	retryAfter time.Duration
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (%s, status %d)", r.words, r.code, r.status) }

// isCode reports whether an error is a refusal with one of these codes.
func isCode(err error, codes ...string) bool {
	var refused *refusal
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.code == code {
			return true
		}
	}
	return false
}
