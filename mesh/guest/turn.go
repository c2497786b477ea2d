package guest

import (
	"context"
	"reflect"
	"slices"
	"time"

	"meshfocus/signalling/socket"
)

const (
	// turnPatience is how long a guest waits for the homeserver to name its
	// TURN servers: a call without them beats no call.
	turnPatience = 3 * time.Second
	// turnLook is how often we look whether there are others; the account
	// asks the homeserver as rarely as the credentials allow.
	turnLook = time.Minute
)

// servers gives the ICE servers to use now and whether credentials end.
func (s *Seat) servers(ctx context.Context) ([]socket.ICEServer, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	servers := slices.Clone(s.config.ICEServers)
	offered, err := s.account.TurnServers(ctx)
	for _, server := range offered.Servers {
		servers = append(servers, socket.ICEServer(server))
	}
	return servers, offered.Expires, err
}

// watchServers tells the listener of new credentials, before the old ones end,
// until ctx does.
func (s *Seat) watchServers(ctx context.Context, to socket.Listener) {
	tick := time.NewTicker(turnLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		servers, _, err := s.servers(ctx)
		if err != nil {
			continue // what is known stays in use
		}
		s.mu.Lock()
		changed := !reflect.DeepEqual(servers, s.ice)
		s.ice = servers
		s.mu.Unlock()
		if changed {
			to.ICEServers(servers)
		}
	}
}
