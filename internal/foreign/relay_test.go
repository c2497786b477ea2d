package foreign

import (
	"sync"
	"testing"

	"meshfocus/internal/turnserver"
	"meshfocus/signalling/homeserver"
)

// relay is a TURN server. Hydrogen cannot do without one: from a homeserver
// that names none it makes a list that RTCPeerConnection refuses.
type relay struct {
	*turnserver.Server
	users sync.RWMutex // whoever stops it is alone with it
}

// use waits until the relay may be used, or stopped, and gives what ends that.
func (r *relay) use(stops bool) (done func()) {
	if stops {
		r.users.Lock()
		return r.users.Unlock
	}
	r.users.RLock()
	return r.users.RUnlock
}

// startRelay starts coturn at an address.
func startRelay(t testing.TB, address string) *relay {
	t.Helper()
	return &relay{Server: turnserver.At(t, address)}
}

// servers is what a homeserver is told of it.
func (r *relay) servers() *homeserver.TurnServers {
	return &homeserver.TurnServers{URIs: []string{"turn:" + r.Address() + "?transport=udp"}, Username: turnserver.User, Password: turnserver.Password}
}
