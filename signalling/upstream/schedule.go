package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"meshfocus/signalling/message"
)

// maxContent is the largest content in bytes: that of an event (client-server
// API, "Size limits"), so more can never be sent. maxEnvelope is what may
// stand around it.
const (
	maxContent  = 65536
	maxEnvelope = 4096
)

// schedule keeps a request for later (MSC4140), in one of its two forms. What
// rules the room has is the homeserver's to say when the time has come.
func (s *Server) schedule(read func(*http.Request, target) (record, error)) answerer {
	return func(r *http.Request, at target) ([]byte, error) {
		if at.endpoint != state && at.endpoint != send && at.endpoint != schedule {
			return nil, unrecognized(http.StatusNotFound) // never to be passed on: it would be sent at once
		}
		if r.Method != http.MethodPut {
			return nil, unrecognized(http.StatusMethodNotAllowed)
		}
		now := time.Now()
		who, err := s.who(r)
		if err != nil {
			return nil, err
		}
		if who.user == "" {
			return nil, refuse(http.StatusForbidden, codeGuest, "guests may not schedule events here")
		}
		wanted, err := read(r, at)
		if err != nil {
			return nil, err
		}
		wanted.Room, wanted.Type, wanted.Txn, wanted.Since = at.room, at.kind, at.txn, now
		return s.enter(r, who, wanted)
	}
}

// enter puts a delayed event into the book and says its ID.
func (s *Server) enter(r *http.Request, who caller, wanted record) ([]byte, error) {
	id, p, next := s.book.schedule(who, wanted, s.config.MaxDelayedPerUser)
	if id == "" {
		return nil, limited(max(time.Until(next), time.Millisecond), "%s has %d delayed events scheduled, which is the most", who.user, s.config.MaxDelayedPerUser)
	}
	if err := s.wait(r.Context(), p); err != nil {
		return nil, err
	}
	s.log.Debug("delayed event scheduled", "room", wanted.Room, "type", wanted.Type, "delay", wanted.Delay)
	return json.Marshal(map[string]string{"delay_id": id})
}

// byQuery reads the older form, which homeservers and clients have today: the
// request that is to be made, with the delay as a parameter.
func (s *Server) byQuery(r *http.Request, at target) (record, error) {
	delay, query, err := s.delay(r.URL.RawQuery)
	if err != nil {
		return record{}, err
	}
	content, err := readObject(r, maxContent)
	if err != nil {
		return record{}, err
	}
	wanted := record{Path: r.URL.EscapedPath(), Query: query, Content: content, Delay: delay}
	if at.endpoint == state {
		wanted.Key = &at.key
	}
	return wanted, nil
}

// delay reads the query, and gives back what of it the event is sent with.
func (s *Server) delay(raw string) (delay time.Duration, query string, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil || len(values[message.QueryDelay]) != 1 {
		return 0, "", invalidParam("the query must be readable and give one %s", message.QueryDelay)
	}
	text := values.Get(message.QueryDelay)
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 {
		return 0, "", invalidParam("%s is %.40q; it must be milliseconds", message.QueryDelay, text)
	}
	if ms > s.config.MaxDelay.Milliseconds() {
		return 0, "", s.tooLong(codeUnknown)
	}
	values.Del(message.QueryDelay)
	values.Del("access_token")
	return time.Duration(ms) * time.Millisecond, values.Encode(), nil
}

func codeOfTooLong(at target) string {
	if at.stable {
		return codeDelayTooLarge
	}
	return codeDelayTooLargeUnstable
}

// tooLong refuses a delay. Clients take the shorter one from what is beside
// the code, which once stood there too.
func (s *Server) tooLong(code string) *refusal {
	e := refuse(http.StatusBadRequest, code, "the delay may be %d ms", s.config.MaxDelay.Milliseconds())
	e.extra = map[string]any{
		message.FeatureDelayedEvents + ".errcode":   codeMaxDelayExceeded,
		message.FeatureDelayedEvents + ".max_delay": s.config.MaxDelay.Milliseconds(),
	}
	return e
}

// byBody reads the form that was accepted: a request of its own, with delay,
// state key and content in the body.
func (s *Server) byBody(r *http.Request, at target) (record, error) {
	var body struct {
		Delay   *int64          `json:"delay_ms"`
		Key     *string         `json:"state_key"`
		Content json.RawMessage `json:"content"`
	}
	text, err := readObject(r, maxContent+maxEnvelope)
	if err != nil {
		return record{}, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case err != nil || asksDelay(r):
		return record{}, invalidParam("the query must be readable, and the delay in the body")
	case json.Unmarshal(text, &body) != nil:
		return record{}, invalidParam("delay_ms must be a whole number and state_key a string")
	case body.Delay == nil || body.Content == nil:
		return record{}, refuse(http.StatusBadRequest, codeMissingParam, "delay_ms and content are needed")
	case *body.Delay <= 0:
		return record{}, invalidParam("delay_ms is %d; it must be more than 0", *body.Delay)
	case *body.Delay > s.config.MaxDelay.Milliseconds():
		return record{}, s.tooLong(codeOfTooLong(at))
	case body.Content[0] != '{':
		return record{}, invalidParam("content must be an object")
	case len(body.Content) > maxContent:
		return record{}, tooLarge()
	}
	path, ok := sendPath(at, body.Key)
	if !ok {
		return record{}, invalidParam("state_key is %.40q, which no path can hold", *body.Key)
	}
	query.Del("access_token")
	return record{Path: path, Asked: r.URL.EscapedPath(), Query: query.Encode(), Key: body.Key,
		Content: body.Content, Delay: time.Duration(*body.Delay) * time.Millisecond}, nil
}

// sendPath is where an event goes when its time has come. Transactions of the
// two endpoints are apart, so the name of this one's must not be taken by a
// message of the client's.
func sendPath(at target, key *string) (escaped string, ok bool) {
	room := clientPrefix + "v3/rooms/" + url.PathEscape(at.room)
	kind := url.PathEscape(at.kind)
	switch {
	case key == nil:
		return room + "/send/" + kind + "/" + url.PathEscape("delayed."+at.txn), true
	case *key == "":
		return room + "/state/" + kind, true
	}
	_, ok = decode([]string{url.PathEscape(*key)})
	return room + "/state/" + kind + "/" + url.PathEscape(*key), ok
}

// readObject reads a body that must be a JSON object.
func readObject(r *http.Request, most int64) (json.RawMessage, error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge()
	case err != nil:
		return nil, err
	case !utf8.Valid(text) || !json.Valid(text):
		return nil, refuse(http.StatusBadRequest, codeNotJSON, "the body is not JSON")
	}
	if text = bytes.TrimSpace(text); text[0] != '{' {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "the body must be an object")
	}
	return text, nil
}

func tooLarge() *refusal {
	return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "the content may have %d bytes", maxContent)
}
