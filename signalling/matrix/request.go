package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maunium.net/go/mautrix"

	"meshfocus/signalling/message"
)

// requestTimeout is how long an ordinary request may take before it counts as
// unanswered.
const requestTimeout = 20 * time.Second

// newClient prepares a mautrix client that never repeats a request by itself:
// when to try again is decided where the meaning of the request is known.
func newClient(base *url.URL, transport http.RoundTripper) *mautrix.Client {
	return &mautrix.Client{
		HomeserverURL: base,
		UserAgent:     "meshfocus",
		Client:        &http.Client{Transport: transport},
		// No event content of ours is larger; a first sync of a big room is.
		ResponseSizeLimit: 256 << 20,
	}
}

// newTransport makes a connection pool for one account.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	transport.ResponseHeaderTimeout = 0 // a long poll is silent for its whole time
	return transport
}

// call does one request: JSON in, JSON out, either may be nil. Parts of the
// path are escaped one by one.
func (a *Account) call(ctx context.Context, method string, path []any, query url.Values, in, out any) error {
	address := mautrix.BuildURL(a.client.HomeserverURL, path...)
	address.RawQuery = query.Encode()
	_, err := a.client.MakeRequest(ctx, method, address.String(), in, out)
	return err
}

// get reads a path of the client API, within requestTimeout.
func (a *Account) get(ctx context.Context, out any, path ...any) error {
	return a.getPath(ctx, out, clientPath(path...))
}

func (a *Account) getPath(ctx context.Context, out any, path []any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return a.call(ctx, http.MethodGet, path, nil, nil, out)
}

func clientPath(path ...any) []any { return append([]any{"_matrix", "client"}, path...) }

// pathOf appends parts to a path that stands as a whole.
func pathOf(whole string, parts ...any) []any {
	var path []any
	for _, part := range strings.Split(strings.Trim(whole, "/"), "/") {
		path = append(path, part)
	}
	return append(path, parts...)
}

// patiently repeats an operation while the homeserver limits our rate or
// stumbles, at most five times. It does not repeat when nobody answers: then
// the one who asked wants to know.
func (a *Account) patiently(ctx context.Context, operation func(context.Context) error) error {
	pause := backoff{first: 250 * time.Millisecond, most: 4 * time.Second}
	for attempt := 1; ; attempt++ {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		err := operation(bounded)
		cancel()
		found := classify(err)
		if attempt == 5 || (found.kind != faultLimited && found.kind != faultServer) {
			return err
		}
		if sleep(ctx, max(found.retryAfter, pause.wait(attempt, a.random()))) != nil {
			return err
		}
	}
}

// stubbornly repeats an operation until it succeeds, is refused, or the context
// ends.
func (a *Account) stubbornly(ctx context.Context, operation func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		err := operation(bounded)
		cancel()
		found := classify(err)
		if err == nil || !found.kind.passing() {
			return err
		}
		if sleep(ctx, max(found.retryAfter, beatPause.wait(attempt, a.random()))) != nil {
			return err
		}
	}
}

// state reads the content of one state event; a missing one gives nil.
func (a *Account) state(ctx context.Context, roomID, eventType, stateKey string) (json.RawMessage, error) {
	var content json.RawMessage
	err := a.get(ctx, &content, "v3", "rooms", roomID, "state", eventType, stateKey)
	if classify(err).kind == faultNotFound {
		return nil, nil
	}
	return content, err
}

// putState writes a state event, delayed when delay is positive (MSC4140), and
// gives the event ID or the delay ID.
func (a *Account) putState(ctx context.Context, roomID, eventType, stateKey string, content any, delay time.Duration) (string, error) {
	query := url.Values{}
	if delay > 0 {
		query.Set(message.QueryDelay, fmt.Sprint(delay.Milliseconds()))
	}
	var answer struct {
		EventID string `json:"event_id"`
		DelayID string `json:"delay_id"`
	}
	path := clientPath("v3", "rooms", roomID, "state", eventType, stateKey)
	err := a.call(ctx, http.MethodPut, path, query, content, &answer)
	if err != nil {
		return "", err
	}
	if delay <= 0 {
		return answer.EventID, nil
	}
	if answer.DelayID == "" {
		// The server did not know the query and wrote the event at once.
		return "", errNotDelayed
	}
	return answer.DelayID, nil
}

var errNotDelayed = errors.New("the homeserver wrote a delayed event at once")

// explain words a failed request for people: who was asked, what went wrong,
// with the sentinel to branch on.
func (a *Account) explain(what string, err error) error {
	found := classify(err)
	switch {
	case err == nil:
		return nil
	case found.kind == faultNetwork:
		return unreachable(a.client.HomeserverURL, err)
	case found.sentinel() != nil:
		return fmt.Errorf("%s: %w: %s", what, found.sentinel(), found.words())
	default:
		return fmt.Errorf("%s: %s", what, found.words())
	}
}

// words gives the server's answer in one line.
func (f fault) words() string {
	switch {
	case f.message != "" && f.code != "":
		return fmt.Sprintf("%s (%s)", f.message, f.code)
	case f.code != "":
		return f.code
	}
	var httpError mautrix.HTTPError
	if errors.As(f.err, &httpError) && httpError.Response != nil {
		return fmt.Sprintf("HTTP %d", httpError.Response.StatusCode)
	}
	return f.err.Error()
}

// unreachable says that nothing answers at an address, and why in few words.
func unreachable(base *url.URL, err error) error {
	return fmt.Errorf("%w at %s: %s; is the address right and the server running?", ErrUnreachable, base, innermost(err))
}

// innermost digs the plain reason out of the layers that net/http wraps it in.
func innermost(err error) string {
	var dns *net.DNSError
	var operation *net.OpError
	var request *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "no such host " + dns.Name
	case errors.As(err, &operation):
		if inner := errors.Unwrap(operation.Err); inner != nil {
			return inner.Error()
		}
		return operation.Err.Error()
	case errors.As(err, &request):
		return request.Err.Error()
	}
	found := fault{err: err}
	return found.words()
}
