package homeserver

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"meshfocus/signalling/homeserver/journal"
)

// maxBody is the largest request body. Events are far smaller; to-device
// messages to many devices and key uploads need the room.
const maxBody = 8 << 20

// request is one request on its way through a handler.
type request struct {
	*http.Request
	params map[string]string // the {names} of the route
	// device is who asks; nil on routes that need no token and got none.
	device *device
	user   *user
	now    time.Time
	// seen is what must be durable before the answer goes out.
	seen journal.Position
}

// body reads the whole body.
func (r *request) body() ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge("the body may have %d bytes", maxBody)
	case err != nil:
		return nil, err
	case !utf8.Valid(data):
		return nil, refuse(http.StatusBadRequest, codeNotJSON, "the body is not UTF-8")
	}
	return data, nil
}

// decode reads the body into a struct. An empty body is an empty object:
// clients leave it out where every member is optional.
func (r *request) decode(into any) error {
	data, err := r.body()
	if err != nil || len(data) == 0 {
		return err
	}
	return decodeJSON(data, into)
}

// content reads the body as the content of an event: an object, compact, with
// nothing in it that canonical JSON could not hold.
func (r *request) content() (json.RawMessage, error) {
	content, err := r.object()
	if err != nil {
		return nil, err
	}
	if err := checkCanonical(content); err != nil {
		return nil, err
	}
	return content, nil
}

// object reads the body as any JSON object.
func (r *request) object() (json.RawMessage, error) {
	data, err := r.body()
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := decodeJSON(data, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, badJSON("the body is null; it must be an object")
	}
	return compact(data), nil
}

// decodeJSON tells bad JSON from JSON of the wrong shape.
func decodeJSON(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var shape *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &shape):
		return badJSON("%s must not be a %s", orDocument(shape.Field), shape.Value)
	case !json.Valid(data):
		return refuse(http.StatusBadRequest, codeNotJSON, "the body is not JSON")
	default: // an Unmarshaler of ours said no
		return badJSON("%v", err)
	}
}

func orDocument(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// caller names who asks for the rate limiter.
func (r *request) caller() string {
	if r.user != nil {
		return r.user.id
	}
	return r.address()
}

// address is the peer's IP address.
func (r *request) address() string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// integer reads a query parameter; none gives otherwise.
func (r *request) integer(name string, otherwise int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, invalidParam("%s is %.40q; it must be an integer", name, text)
	}
	return value, nil
}

// duration reads a query parameter in milliseconds; it must not be negative.
func (r *request) duration(name string) (time.Duration, error) {
	ms, err := r.integer(name, 0)
	if err != nil {
		return 0, err
	}
	if ms < 0 {
		return 0, invalidParam("%s is %d; it must not be negative", name, ms)
	}
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(ms, most)) * time.Millisecond, nil
}

// param is a {name} of the route.
func (r *request) param(name string) string { return r.params[name] }
