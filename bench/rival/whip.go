package rival

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"meshfocus/bench/party"
)

// WHIP is a server that runs already: parties publish by WHIP (RFC 9725) and
// subscribe by WHEP (draft-ietf-wish-whep-03). A URL stands for one stream, so there
// is one publisher. Offers hold all candidates; nothing trickles.
type WHIP struct {
	PublishURL, SubscribeURL string
	// Bearer is the token of both; "" is none.
	Bearer string
	// Process is the server's, if it runs here: only then its usage counts.
	Process int

	mu    sync.Mutex
	fault error // guarded by mu
}

const (
	// unready is how long a stream may take to be there for subscribers once somebody
	// publishes it, asked for so often.
	unready = 5 * time.Second
	asking  = 100 * time.Millisecond
	// parting is how long all sessions may take to end.
	parting = 5 * time.Second
	// excerpt is how much of a refusal is said.
	excerpt = 200
)

// Name is "whip".
func (*WHIP) Name() string { return "whip" }

// Fault says why there is no use in going on: nobody answers, or what was asked is
// refused for good.
func (w *WHIP) Fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// Version says where it is, and what it says of itself (the header Server).
func (w *WHIP) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*unready)
	defer cancel()
	response, err := w.ask(ctx, http.MethodOptions, w.PublishURL, "")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMissing, err)
	}
	response.Body.Close()
	if server := response.Header.Get("Server"); server != "" {
		return server + " at " + host(w.PublishURL), nil
	}
	return host(w.PublishURL), nil
}

// Start starts nothing: it gives sessions that end with Stop.
func (w *WHIP) Start(context.Context, Place, Options) (Server, error) { return &sessions{whip: w}, nil }

// ask sends a request. Errors name the URL without its query, which may be a secret.
func (w *WHIP) ask(ctx context.Context, method, address, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", shown(address))
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/sdp")
	}
	if w.Bearer != "" {
		request.Header.Set("Authorization", "Bearer "+w.Bearer)
	}
	response, err := http.DefaultClient.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", shown(address), err)
	}
	return response, nil
}

// host is where a URL leads.
func host(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return address
}

// shown is a URL without what may be secret.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "what was given"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// sessions are those of one round.
type sessions struct {
	whip *WHIP

	mu  sync.Mutex
	all []string // URLs, guarded by mu
}

func (s *sessions) Publish(ctx context.Context, end *party.End) error {
	return exchange(ctx, end, func(offer string) (string, error) { return s.open(ctx, s.whip.PublishURL, offer, 0) })
}

// Subscribe waits for a stream that is not there yet.
func (s *sessions) Subscribe(ctx context.Context, end *party.End, _ []*party.End) error {
	return exchange(ctx, end, func(offer string) (string, error) { return s.open(ctx, s.whip.SubscribeURL, offer, unready) })
}

// open opens a session, and waits for so long if there is nothing to open yet.
func (s *sessions) open(ctx context.Context, address, offer string, patience time.Duration) (answer string, err error) {
	for until := time.Now().Add(patience); ; {
		answer, again, err := s.try(ctx, address, offer)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		if (again == soon || again == later) && time.Now().Before(until) {
			select {
			case <-time.After(asking):
			case <-ctx.Done():
			}
			continue
		}
		if again == never || again == soon {
			s.whip.mu.Lock()
			s.whip.fault = fmt.Errorf("whip: %w", err)
			s.whip.mu.Unlock()
		}
		return "", err
	}
}

// hope is whether what was refused may be granted another time.
type hope int

const (
	never hope = iota
	soon       // if it is a stream that begins, else never
	later      // soon, or in another round
)

// try asks once.
func (s *sessions) try(ctx context.Context, address, offer string) (answer string, again hope, err error) {
	response, err := s.whip.ask(ctx, http.MethodPost, address, offer)
	if err != nil {
		return "", never, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", later, fmt.Errorf("%s: %w", shown(address), err)
	}
	if again, err := refusal(response, string(body)); err != nil {
		return "", again, fmt.Errorf("%s: %w", shown(address), err)
	}
	location, err := response.Location()
	if err != nil {
		return "", never, fmt.Errorf("%s does not say where its session ends (Location)", shown(address))
	}
	s.mu.Lock()
	s.all = append(s.all, location.String())
	s.mu.Unlock()
	return string(body), never, nil
}

// refusal says why an answer opens no session (RFC 9725 section 4.2).
func refusal(response *http.Response, body string) (hope, error) {
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return never, fmt.Errorf("%s: the token (--bearer) is refused, or missing", response.Status)
	case code == http.StatusNotFound:
		return soon, fmt.Errorf("%s: there is no such stream", response.Status)
	case code == http.StatusNotAcceptable:
		return never, fmt.Errorf("%s: it wants to make offers itself, which is not done here", response.Status)
	case code == http.StatusBadRequest: // MediaMTX says so of a stream whose publisher is about to be another
		return soon, fmt.Errorf("%s: %s", response.Status, brief(body))
	case code >= 500 || code == http.StatusConflict || code == http.StatusTooManyRequests:
		return later, fmt.Errorf("%s: %s", response.Status, brief(body))
	case code != http.StatusCreated && code != http.StatusOK:
		return never, fmt.Errorf("%s: %s", response.Status, brief(body))
	case !strings.HasPrefix(body, "v=0"):
		return never, fmt.Errorf("the answer is not SDP but %s: %s", response.Header.Get("Content-Type"), brief(body))
	}
	return never, nil
}

// brief is the beginning of a text as one line.
func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), excerpt)], "")
}

// Allocations are not told.
func (*sessions) Allocations(context.Context) (uint64, bool) { return 0, false }

// PID is 0 where the server does not run here.
func (s *sessions) PID() int { return s.whip.Process }

// Stop ends all sessions. One that the server has ended by itself is no error.
func (s *sessions) Stop() error {
	const atOnce = 8
	ctx, cancel := context.WithTimeout(context.Background(), parting)
	defer cancel()
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	errs, places := make([]error, len(all)), make(chan struct{}, atOnce)
	var ending sync.WaitGroup
	for i, address := range all {
		places <- struct{}{}
		ending.Go(func() {
			errs[i] = s.end(ctx, address)
			<-places
		})
	}
	ending.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("a session does not end: %w", err) // the others are of the same kind
		}
	}
	return nil
}

func (s *sessions) end(ctx context.Context, address string) error {
	response, err := s.whip.ask(ctx, http.MethodDelete, address, "")
	if err != nil {
		return err
	}
	response.Body.Close()
	switch code := response.StatusCode; {
	case code < 300, code == http.StatusNotFound, code == http.StatusGone:
		return nil
	}
	return fmt.Errorf("%s: %s", shown(address), response.Status)
}
