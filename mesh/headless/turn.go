package headless

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/signalling/matrix"
)

// turnPatience is how long a new connection waits for the homeserver to name
// TURN servers that are not cached: a call without them beats no call.
const turnPatience = 3 * time.Second

// turn gives connections their STUN and TURN servers: those of the
// configuration, then those of the homeserver, which the account caches.
type turn struct {
	account *matrix.Account
	own     []transport.ICEServer
	log     *slog.Logger
	// relays: a TURN server was among them the last time.
	relays atomic.Bool
}

// servers gives the servers to use now. An error leaves the configured ones.
func (t *turn) servers(ctx context.Context) ([]transport.ICEServer, error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	servers := append([]transport.ICEServer{}, t.own...)
	offered, err := t.account.TurnServers(ctx)
	for _, server := range offered.Servers {
		servers = append(servers, transport.ICEServer(server))
	}
	t.relays.Store(slices.ContainsFunc(servers, func(server transport.ICEServer) bool {
		return slices.ContainsFunc(server.URLs, isRelay)
	}))
	return servers, err
}

// now is servers for those who have no context and go on without.
func (t *turn) now() []transport.ICEServer {
	servers, err := t.servers(context.Background())
	if err != nil {
		t.log.Warn("the homeserver's TURN servers are not known; connecting without", "err", err)
	}
	return servers
}
