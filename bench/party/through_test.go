package party

import (
	"errors"
	"net/netip"
	"testing"
)

// TestEnd_IsLedToAnAddressThatItMayReach: a server's loopback is for who has that as well.
func TestEnd_IsLedToAnAddressThatItMayReach(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"127.0.0.1:1": "127.0.0.1:5", "10.0.0.2:1": "10.0.0.1:5"} {
		found := ""
		e := &End{socket: &socket{local: netip.MustParseAddrPort(own)}, through: func(server netip.AddrPort) (netip.AddrPort, error) {
			found = server.String()
			return server, errors.New("far enough")
		}}
		for _, address := range []string{"fe80::1", "127.0.0.1", "10.0.0.1"} {
			if e.addThrough("candidate:1 1 udp 1 "+address+" 5 typ host") != nil {
				break
			}
		}
		if found != want {
			t.Errorf("who is at %s is led to %s, want %s", own, found, want)
		}
	}
}
