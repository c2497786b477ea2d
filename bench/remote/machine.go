package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"meshfocus/bench/call"
	"meshfocus/bench/clock"
	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

const (
	// prompt is how long an answer may take that needs no round.
	prompt = 5 * time.Second
	// window is the time of one reading of the clock.
	window = time.Second
	// excerpt is how much of a refusal is said, told how much of a round is read.
	excerpt = 200
	told    = 64 << 20
)

// Machine is one on which a Server waits.
type Machine struct {
	Address string // HOST:PORT
	token   string
	client  *http.Client
}

// At gives the machine at HOST:PORT#FINGERPRINT, as meshbench party prints it. The error
// is ErrMachine.
func At(address, token string) (Machine, error) {
	at, fingerprint, _ := strings.Cut(address, "#")
	host, _, err := net.SplitHostPort(at)
	if sum, wrong := base64.RawURLEncoding.DecodeString(fingerprint); err != nil || host == "" || wrong != nil || len(sum) != sha256.Size {
		return Machine{}, fmt.Errorf("%w: %q is no HOST:PORT#FINGERPRINT, as meshbench party prints it", ErrMachine, address)
	}
	return Machine{Address: at, token: token, client: pinned(fingerprint)}, nil
}

// Host is that of the Address.
func (m Machine) Host() string {
	host, _, _ := net.SplitHostPort(m.Address) // was checked
	return host
}

// Permits says whether subscribers there may come in to a server at a host, for a scenario.
// The error, a line, is ErrMachine.
func (m Machine) Permits(ctx context.Context, s scenario.Scenario, host string) error {
	ctx, cancel := context.WithTimeout(ctx, prompt)
	defer cancel()
	_, err := m.ask(ctx, http.MethodPost, "/party/permit", wish{s.Name, s.Publishers, s.Subscribers, host})
	return err
}

// Greet says whether somebody is there who takes our orders, and whose clock answers.
// The error, a line, is ErrMachine.
func (m Machine) Greet(ctx context.Context, subscribers int) (program string, err error) {
	ctx, cancel := context.WithTimeout(ctx, prompt)
	defer cancel()
	body, err := m.ask(ctx, http.MethodGet, "/party", nil)
	if err != nil {
		return "", err
	}
	var g greeting
	if err := json.Unmarshal(body, &g); err != nil || g.Version != version {
		return "", fmt.Errorf("%w at %s is of another version: it says %d, we %d", ErrMachine, m.Address, g.Version, version)
	}
	if subscribers > g.Most {
		return "", fmt.Errorf("%w at %s takes %d subscribers at most (--most), and there are %d", ErrMachine, m.Address, g.Most, subscribers)
	}
	asker, err := clock.Dial(ctx, m.Address, offset.Clock{})
	if err != nil {
		return "", err
	}
	defer asker.Close()
	_, err = asker.Read(ctx, window/2)
	return g.Program, err
}

// ask sends a request and gives what is answered.
func (m Machine) ask(ctx context.Context, method, path string, value any) ([]byte, error) {
	answer, err := m.open(ctx, method, path, value)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, told))
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrMachine, m.Address, err)
	}
	return text, nil
}

// open sends a request and gives the answer, if it is no refusal.
func (m Machine) open(ctx context.Context, method, path string, value any) (answer io.ReadCloser, err error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+m.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no HOST:PORT", ErrMachine, m.Address)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	response, err := m.client.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var strange tls.RecordHeaderError
	switch {
	case errors.Is(err, errFingerprint):
		return nil, fmt.Errorf("%w at %s: %w", ErrMachine, m.Address, errFingerprint)
	case errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &strange):
		return nil, fmt.Errorf("%w at %s is of another version, or another program: it speaks no TLS", ErrMachine, m.Address)
	case err != nil:
		return nil, fmt.Errorf("%w at %s does not answer: %w", ErrMachine, m.Address, err)
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, told)) // what came of it
		says := strings.Join(strings.Fields(string(text)), " ")
		return nil, fmt.Errorf("%w at %s: %s: %s", ErrMachine, m.Address, response.Status, strings.ToValidUTF8(says[:min(len(says), excerpt)], ""))
	}
	return response.Body, nil
}

// Round measures a round with its subscribers there.
func (m Machine) Round(ctx context.Context, c call.Config) report.Round {
	return call.Publish(ctx, c, func(ctx context.Context, server rival.Server, happens func(call.Event)) (report.Round, error) {
		return m.watch(ctx, c, server, happens)
	})
}

// watch has subscribers come in there, while the clock is read.
func (m Machine) watch(ctx context.Context, c call.Config, server rival.Server, happens func(call.Event)) (round report.Round, err error) {
	reachable, ok := server.(rival.Reachable)
	if !ok {
		return round, fmt.Errorf("%w cannot come in to %s", ErrMachine, c.Rival.Name())
	}
	names := make([]string, c.Guests())
	for i := range names {
		names[i] = call.SubscriberName(i)
	}
	asker, err := clock.Dial(ctx, m.Address, offset.Clock{})
	if err != nil {
		return round, err
	}
	defer asker.Close()
	first, err := asker.Read(ctx, window)
	if err != nil {
		return round, err
	}
	reading, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() { m.tell(reading, asker) })
	defer loop.Wait()
	defer cancel()
	answer, err := m.open(ctx, http.MethodPost, "/party/round", orderOf(c, reachable.Reach(names), first.Turned()))
	if err != nil {
		return round, err
	}
	defer answer.Close()
	return m.hear(answer, happens)
}

// hear reads what is said of a round until it is over.
func (m Machine) hear(answer io.Reader, happens func(call.Event)) (round report.Round, err error) {
	words := json.NewDecoder(io.LimitReader(answer, told))
	for {
		var w word
		if err := words.Decode(&w); err != nil {
			return round, fmt.Errorf("%w at %s: what it saw cannot be read: %w", ErrMachine, m.Address, err)
		}
		switch {
		case w.Round != nil:
			return *w.Round, nil
		case w.Event != nil:
			happens(*w.Event)
		}
	}
}

// tell reads the clock there and says so, until the context ends. Readings that are
// missing are missed there.
func (m Machine) tell(ctx context.Context, asker *clock.Asker) {
	for ctx.Err() == nil {
		r, err := asker.Read(ctx, window)
		if err != nil || ctx.Err() != nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, prompt)
		_, _ = m.ask(asking, http.MethodPost, "/party/reading", r.Turned())
		cancel()
	}
}
