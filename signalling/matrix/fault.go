package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
)

// faultKind says what a failed request means for the one who sent it.
type faultKind uint8

const (
	faultNone faultKind = iota
	// faultNetwork: no answer. The request may have been carried out.
	faultNetwork
	// faultServer: 5xx, or an answer that is no Matrix.
	faultServer
	// faultLimited: 429, carry on after retryAfter.
	faultLimited
	// faultToken: 401, the session is over.
	faultToken
	// faultForbidden: 403.
	faultForbidden
	// faultNotFound: 404 about the thing; faultUnrecognised: about the endpoint.
	faultNotFound
	faultUnrecognised
	// faultRefused: any other 4xx. Repeating it would not help.
	faultRefused
)

var faultNames = [...]string{
	"none", "network", "server", "limited", "token", "forbidden", "not found", "unrecognised", "refused",
}

func (k faultKind) String() string { return faultNames[k] }

// passing reports whether the same request may succeed later.
func (k faultKind) passing() bool {
	return k == faultNetwork || k == faultServer || k == faultLimited
}

// fault is a failed request, classified.
type fault struct {
	kind    faultKind
	code    string // errcode, "" without one
	message string // the server's own words
	// retryAfter is what the server asked for; zero when it named nothing.
	retryAfter time.Duration
	extra      map[string]any
	err        error
}

// classify sorts the error of a mautrix request. Nil gives faultNone.
func classify(err error) fault {
	if err == nil {
		return fault{}
	}
	found := fault{kind: faultNetwork, err: err}
	var httpError mautrix.HTTPError
	if !errors.As(err, &httpError) || httpError.Response == nil {
		return found
	}
	if httpError.RespError != nil {
		found.code, found.message = httpError.RespError.ErrCode, httpError.RespError.Err
		found.extra = httpError.RespError.ExtraData
	}
	found.kind = kindOf(httpError.Response.StatusCode, found.code)
	found.retryAfter = retryAfter(httpError.Response.Header, found.extra)
	return found
}

func kindOf(status int, code string) faultKind {
	switch {
	case status == http.StatusTooManyRequests || code == "M_LIMIT_EXCEEDED":
		return faultLimited
	case status == http.StatusUnauthorized:
		return faultToken
	case code == "M_UNRECOGNIZED" || status == http.StatusMethodNotAllowed:
		return faultUnrecognised
	case status == http.StatusForbidden:
		return faultForbidden
	case status == http.StatusNotFound && code == "":
		return faultUnrecognised
	case status == http.StatusNotFound:
		return faultNotFound
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout:
		return faultRefused
	default:
		return faultServer
	}
}

// retryAfter reads retry_after_ms of the body, then the Retry-After header
// (client-server API, rate limiting). At most ten minutes are believed.
func retryAfter(header http.Header, extra map[string]any) time.Duration {
	const most = 10 * time.Minute
	if ms, ok := extra["retry_after_ms"].(float64); ok && ms > 0 {
		return time.Duration(min(ms, float64(most.Milliseconds()))) * time.Millisecond
	}
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, most)
	}
	return 0
}

// number reads an integer out of the error body, for limits that servers
// report beside the code.
func (f fault) number(key string) (int64, bool) {
	switch value := f.extra[key].(type) {
	case float64:
		return int64(value), true
	case json.Number:
		n, err := value.Int64()
		return n, err == nil
	}
	return 0, false
}

// sentinel gives the exported error of the kind, nil for those that have none.
func (f fault) sentinel() error {
	switch f.kind {
	case faultToken:
		return ErrBadToken
	case faultForbidden:
		return ErrNotAllowed
	case faultNotFound, faultUnrecognised:
		return ErrNotFound
	}
	return nil
}

// sleep waits, or returns the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
