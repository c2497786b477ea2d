package matrix

import (
	"context"
	"sync"
	"time"
)

// turnCache keeps the answers about TURN servers. A fetch holds the turn, so
// that many callers at once make one request.
type turnCache struct {
	turn chan struct{} // has one token

	mutex  sync.Mutex
	policy turnPolicy // guarded by mutex
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
