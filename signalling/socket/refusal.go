package socket

import (
	"errors"
	"fmt"
	"time"
)

// Code names why something was refused. The page has words of its own for
// each.
type Code string

// The codes of meshfocus.call.v1.
const (
	CodeBadMessage Code = "bad_message" // a frame that is not of the protocol
	CodeTooLarge   Code = "too_large"   // a frame or report over its bound
	CodeTooFast    Code = "too_fast"    // too many frames, or connections
	CodeVersion    Code = "version"     // another protocol
	CodeNoSuchCall Code = "no_such_call"
	CodeWrongPass  Code = "wrong_pass"
	CodeRoomFull   Code = "room_full"
	CodeServerFull Code = "server_full"
	CodeNotAllowed Code = "not_allowed" // the homeserver forbids it
	CodeHomeserver Code = "homeserver_unreachable"
	CodeReplaced   Code = "replaced" // the seat was opened elsewhere
	CodeGone       Code = "gone"     // the seat is no more
)

// Refusal is an error that is told to the browser.
type Refusal struct {
	Code Code
	// Words are a full sentence for people. They name nothing secret.
	Words string
	// RetryAfter is when asking again may help; 0 when nothing is known.
	RetryAfter time.Duration
}

// Refuse makes a Refusal; the words are formatted.
func Refuse(code Code, words string, values ...any) *Refusal {
	return &Refusal{Code: code, Words: fmt.Sprintf(words, values...)}
}

// After gives the refusal with a time after which asking again may help.
func (r Refusal) After(wait time.Duration) *Refusal {
	r.RetryAfter = wait
	return &r
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Words }

// asRefusal gives the refusal in an error; others are trouble behind us, of
// which the browser is told no detail.
func asRefusal(err error) *Refusal {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return refusal
	}
	return Refuse(CodeHomeserver, "The server behind this call does not answer at the moment.")
}

// sendRefusal words what became of a signal that was not delivered.
func sendRefusal(err error) *Refusal {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return refusal
	}
	return Refuse(CodeHomeserver, "The message did not reach the other device.")
}
