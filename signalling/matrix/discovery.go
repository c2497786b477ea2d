package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"meshfocus/signalling/message"
)

// turnCache keeps the answers about TURN servers and transports. A fetch holds
// the turn, so that many callers at once make one request.
type turnCache struct {
	turn chan struct{} // has one token

	mutex  sync.Mutex
	policy turnPolicy // guarded by mutex

	// guarded by turn
	transports      []message.TransportHint
	transportsUntil time.Time
}

func newTurnCache() *turnCache {
	c := &turnCache{turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// TurnServers gives the TURN and STUN servers of the homeserver, from the
// cache while that is good; an empty list when it has none for us. Trouble
// with the homeserver is no error as long as known credentials last. Safe to
// call before every connection.
func (a *Account) TurnServers(ctx context.Context) (TurnServers, error) {
	cache := a.turn
	if servers, due := cache.look(time.Now()); !due {
		return servers, nil
	}
	select {
	case <-ctx.Done():
		return TurnServers{}, ctx.Err()
	case <-cache.turn:
	}
	defer func() { cache.turn <- struct{}{} }()
	servers, due := cache.look(time.Now())
	if !due { // somebody else fetched meanwhile
		return servers, nil
	}
	err := a.fetchTurnServers(ctx)
	servers, _ = cache.look(time.Now())
	if err != nil && len(servers.Servers) == 0 {
		return TurnServers{}, err
	}
	return servers, nil
}

func (c *turnCache) look(now time.Time) (servers TurnServers, due bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.policy.current(now), c.policy.due(now)
}

func (a *Account) fetchTurnServers(ctx context.Context) error {
	var answer turnAnswer
	err := a.get(ctx, &answer, "v3", "voip", "turnServer")
	if ctx.Err() != nil {
		return ctx.Err() // the caller's own end says nothing
	}
	c, now, found := a.turn, time.Now(), classify(err)
	c.mutex.Lock()
	var dropped []string
	switch found.kind {
	case faultNone:
		dropped = c.policy.answered(answer, now)
	case faultForbidden, faultNotFound, faultUnrecognised:
		c.policy.none(now)
		err = nil
	default:
		c.policy.failed(found.retryAfter, now, a.random())
	}
	c.mutex.Unlock()
	for _, uri := range dropped {
		a.log.Warn("dropped an ICE server: want turn:, turns:, stun: or stuns: with a host, and credentials for TURN", "uri", uri)
	}
	return a.explain("ask for TURN servers", err)
}

// transportsFor is how long a list of transports is kept.
const transportsFor = time.Hour

// Transports asks what the homeserver recommends: its endpoint, unstable name
// first, then .well-known of the user's server unless the homeserver was given
// as an address (decisions D14 to D17). An empty list is no error and forbids
// nothing. On trouble the last list stays.
func (a *Account) Transports(ctx context.Context) ([]message.TransportHint, error) {
	cache := a.turn
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-cache.turn:
	}
	defer func() { cache.turn <- struct{}{} }()
	if time.Now().Before(cache.transportsUntil) {
		return cache.transports, nil
	}
	found, err := a.askTransports(ctx)
	if err != nil {
		if !cache.transportsUntil.IsZero() {
			return cache.transports, nil
		}
		return nil, a.explain("ask for transports", err)
	}
	cache.transports, cache.transportsUntil = found, time.Now().Add(transportsFor)
	return found, nil
}

func (a *Account) askTransports(ctx context.Context) ([]message.TransportHint, error) {
	for _, path := range [][]any{pathOf(message.PathTransports), clientPath("v1", "rtc", "transports")} {
		var answer json.RawMessage
		err := a.getPath(ctx, &answer, path)
		switch kind := classify(err).kind; kind {
		case faultNone:
			return message.ParseTransports(answer)
		case faultForbidden: // a guest
			return nil, nil
		case faultNotFound, faultUnrecognised, faultRefused: // the next source
		default:
			return nil, err
		}
	}
	if strings.Contains(a.config.Homeserver, "://") {
		return nil, nil
	}
	return a.wellKnownTransports(ctx)
}

// wellKnownTransports reads the list that older servers publish. Anything but
// a readable answer means that there is none.
func (a *Account) wellKnownTransports(ctx context.Context) ([]message.TransportHint, error) {
	_, server, _ := strings.Cut(a.party.UserID, ":")
	address := url.URL{Scheme: "https", Host: server, Path: "/.well-known/matrix/client"}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("server name %q: %w", server, err)
	}
	answer, err := a.client.Client.Do(request)
	if err != nil {
		return nil, nil
	}
	defer answer.Body.Close()
	var fields map[string]json.RawMessage
	if answer.StatusCode != http.StatusOK || readJSON(answer.Body, &fields) != nil {
		return nil, nil
	}
	return transportsIn(fields), nil
}

// transportsIn reads the first list that a .well-known answer holds.
func transportsIn(fields map[string]json.RawMessage) []message.TransportHint {
	for _, key := range wellKnownTransportKeys {
		list, ok := fields[key]
		if !ok {
			continue
		}
		content, err := json.Marshal(map[string]json.RawMessage{"transports": list})
		if err != nil {
			return nil
		}
		hints, _ := message.ParseTransports(content)
		return hints
	}
	return nil
}
