package transport

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"meshfocus/internal/turnserver"
)

func TestConn_OffersHowTheMediaPortLooksFromOutside(t *testing.T) {
	t.Parallel() // waits most of the time
	server := ICEServer{URLs: []string{"stun:" + turnserver.STUN(t, netip.MustParseAddrPort("203.0.113.9:4242"))}}
	a, b := listen(t, Config{}), listen(t, Config{})
	caller, callee := connectThrough(t, a, b, ConnConfig{ICEServers: []ICEServer{server}}, func(d Description) Description {
		port := a.Port()
		if d.Type == TypeAnswer {
			port = b.Port()
		}
		if want := fmt.Sprintf("203.0.113.9 4242 typ srflx raddr 127.0.0.1 rport %d ufrag", port); !hasCandidate(d.SDP, "udp", want) {
			t.Errorf("%s has no candidate with %q:\n%s", d.Type, want, d.SDP)
		}
		if !strings.Contains(d.SDP, "a=end-of-candidates") {
			t.Errorf("%s does not end its candidates", d.Type)
		}
		return d
	})
	// The same again for another ICE generation.
	negotiate(t, caller, callee, OfferOptions{Restart: true}, func(d Description) Description {
		if !hasCandidate(d.SDP, "udp", "typ srflx") {
			t.Errorf("restart: %s has no reflexive candidate", d.Type)
		}
		return d
	})
}
