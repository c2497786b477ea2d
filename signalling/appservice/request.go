package appservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestTimeout = 20 * time.Second
	// answerMost bounds what is read of an answer.
	answerMost = 1 << 20
	// patience is how often a rate limit is waited out.
	patience = 5
)

// as says in whose name a request is.
type as struct {
	token string
	// user, if not empty, is one of ours that our token speaks for
	// (Application Service API, identity assertion).
	user string
}

// call does one request below /_matrix/client/v3: JSON in, JSON out; out may
// be nil. Rate limits are waited out.
func (s *Service) call(ctx context.Context, who as, method string, path []string, in, out any) error {
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, who, method, path, in, out)
		var refused *refusal
		if !errors.As(err, &refused) || refused.status != http.StatusTooManyRequests || attempt == patience {
			return err
		}
		select {
		case <-time.After(max(refused.retryAfter, 100*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) once(ctx context.Context, who as, method string, path []string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.address(path, who.user), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+who.token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Transport: s.config.Transport}).Do(request)
	if err != nil {
		return fmt.Errorf("the homeserver does not answer: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerMost))
	if err != nil {
		return fmt.Errorf("the homeserver breaks off: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return refusalOf(answer.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (s *Service) address(path []string, user string) string {
	escaped := make([]string, len(path))
	for i, part := range path {
		escaped[i] = url.PathEscape(part)
	}
	address := strings.TrimRight(s.config.Homeserver, "/") + "/_matrix/client/v3/" + strings.Join(escaped, "/")
	if user != "" {
		address += "?" + url.Values{"user_id": {user}}.Encode()
	}
	return address
}

func refusalOf(status int, text []byte) error {
	var body struct {
		Code       string `json:"errcode"`
		Words      string `json:"error"`
		RetryAfter int64  `json:"retry_after_ms"`
	}
	if json.Unmarshal(text, &body) != nil || body.Words == "" {
		body.Words = http.StatusText(status)
	}
	return &refusal{status: status, code: body.Code, words: body.Words, retryAfter: time.Duration(body.RetryAfter) * time.Millisecond}
}

// masquerade speaks for one device of one of our users with our own token
// (MSC4326; the unstable name of the parameter is that of MSC3202).
type masquerade struct {
	next         http.RoundTripper
	user, device string
}

func (m masquerade) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set("user_id", m.user)
	query.Set("device_id", m.device)
	query.Set("org.matrix.msc3202.device_id", m.device)
	r.URL.RawQuery = query.Encode()
	return m.next.RoundTrip(r)
}
