package headless

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
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
	// expires is when the latest credentials end, in Unix nanoseconds; 0: never.
	expires atomic.Int64
	renewed int64 // the end that ending has told of; owned by the sampler
}

// relayEnds is how long before their end credentials are replaced: within the
// time in which the account asks for new ones.
const relayEnds = 50 * time.Second

// ending reports, once, that the latest credentials are about to end.
func (t *turn) ending(now time.Time) bool {
	end := t.expires.Load()
	if end == 0 || end == t.renewed || time.Unix(0, end).Sub(now) > relayEnds {
		return false
	}
	t.renewed = end
	return true
}

// relayed names the peers whose media goes through a relay of ours.
func relayed(links []Link) (peers []message.Party) {
	for _, l := range links {
		if l.Stats != nil && l.Stats.Pair.Local == "relay" {
			peers = append(peers, l.Peer)
		}
	}
	return peers
}

// servers gives the servers to use now. An error leaves the configured ones.
func (t *turn) servers(ctx context.Context) ([]transport.ICEServer, error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	servers := append([]transport.ICEServer{}, t.own...)
	offered, err := t.account.TurnServers(ctx)
	if err == nil && !offered.Expires.IsZero() {
		t.expires.Store(offered.Expires.UnixNano())
	}
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
