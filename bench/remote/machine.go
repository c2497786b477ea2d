package remote

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
	"sync"
	"time"

	"meshfocus/bench/call"
	"meshfocus/bench/clock"
	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
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
	Token   string
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
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+m.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no HOST:PORT", ErrMachine, m.Address)
	}
	request.Header.Set("Authorization", "Bearer "+m.Token)
	response, err := http.DefaultClient.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%w at %s does not answer: %w", ErrMachine, m.Address, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, told))
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrMachine, m.Address, err)
	}
	if response.StatusCode >= 300 {
		says := strings.Join(strings.Fields(string(text)), " ")
		return nil, fmt.Errorf("%w at %s: %s: %s", ErrMachine, m.Address, response.Status, strings.ToValidUTF8(says[:min(len(says), excerpt)], ""))
	}
	return text, nil
}

// Round measures a round with its subscribers there.
func (m Machine) Round(ctx context.Context, c call.Config) report.Round {
	return call.Publish(ctx, c, func(ctx context.Context, server rival.Server) (report.Round, error) { return m.watch(ctx, c, server) })
}

// watch has subscribers come in there, while the clock is read.
func (m Machine) watch(ctx context.Context, c call.Config, server rival.Server) (round report.Round, err error) {
	reachable, ok := server.(rival.Reachable)
	if !ok {
		return round, fmt.Errorf("%w cannot come in to %s", ErrMachine, c.Rival.Name())
	}
	names := make([]string, c.Scenario.Subscribers)
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
	s := c.Scenario
	body, err := m.ask(ctx, http.MethodPost, "/party/round", Order{
		Reach: reachable.Reach(names), Scenario: s.Name, Publishers: s.Publishers, Subscribers: s.Subscribers, Codec: s.Codec, Cipher: s.Cipher, Path: s.Path,
		Warm: c.Warm, Measure: c.Measure, Seed: c.Seed, First: first.Turned(),
	})
	if err != nil {
		return round, err
	}
	if err := json.Unmarshal(body, &round); err != nil {
		return round, fmt.Errorf("%w at %s: what it saw cannot be read: %w", ErrMachine, m.Address, err)
	}
	return round, nil
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
