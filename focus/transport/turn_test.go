package transport

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"meshfocus/internal/turnserver"

	"github.com/pion/turn/v5"
)

// turnServer runs a TURN server in this process and gives its address. It
// answers nobody before it is allowed to, if there is a channel to say so.
func turnServer(t *testing.T, allowed <-chan struct{}) ICEServer {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "example.org",
		AuthHandler: func(request *turn.RequestAttributes) (string, []byte, bool) {
			if allowed != nil {
				<-allowed
			}
			return request.Username, turn.GenerateAuthKey(request.Username, "example.org", "secret"), request.Username == "alice"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            conn,
			RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return ICEServer{URLs: []string{"turn:" + conn.LocalAddr().String() + "?transport=udp"}, Username: "alice", Credential: "secret"}
}

// relayed checks that a connection goes through the relay and tells nobody
// its own addresses.
func relayed(t *testing.T, server ICEServer) {
	t.Helper()
	a, b := listen(t, Config{}), listen(t, Config{})
	config := ConnConfig{ICEServers: []ICEServer{server}, RelayOnly: true}
	caller, callee := connectThrough(t, a, b, config, func(d Description) Description {
		for line := range strings.Lines(d.SDP) {
			if strings.HasPrefix(line, "a=candidate:") && !strings.Contains(line, "typ relay raddr 0.0.0.0 rport 9") {
				t.Errorf("%s tells an address: %s", d.Type, line)
			}
		}
		return d
	})
	for _, conn := range []*Conn{caller, callee} {
		if pair := conn.Stats().Pair; pair.Local != "relay" {
			t.Errorf("pair is %+v, want the local side relayed", pair)
		}
	}
}

func TestTURN_RelaysEverything(t *testing.T) {
	t.Parallel() // waits most of the time
	relayed(t, turnServer(t, nil))
}

func TestTURN_RelaysEverythingThroughCoturn(t *testing.T) {
	t.Parallel() // waits most of the time
	relayed(t, ICEServer{URLs: []string{"turn:" + turnserver.Start(t) + "?transport=udp"}, Username: turnserver.User, Credential: turnserver.Password})
}

func TestTURN_WrongPasswordLeavesTheOtherWays(t *testing.T) {
	t.Parallel() // waits most of the time
	server := turnServer(t, nil)
	server.Username = "mallory"
	a, b := listen(t, Config{}), listen(t, Config{})
	caller, _ := connectThrough(t, a, b, ConnConfig{ICEServers: []ICEServer{server}}, unchanged)
	if pair := caller.Stats().Pair; pair.Local == "relay" {
		t.Errorf("pair is %+v", pair)
	}
}

func TestICEServers_OneBadURLDoesNotSpoilTheRest(t *testing.T) {
	good := turnServer(t, nil)
	n := listen(t, Config{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	conn := newConn(t, n, ConnConfig{RelayOnly: true, ICEServers: []ICEServer{
		{URLs: []string{"http://example.org", "turn:", "stun:stun.example.org:99999", ""}, Username: "a", Credential: "b"},
		{URLs: []string{"turn:turn.example.org"}}, // without credentials
		{URLs: []string{"turn:[", good.URLs[0]}, Username: good.Username, Credential: good.Credential},
	}})
	offer, err := conn.CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	if !hasCandidate(offer.SDP, "udp", "typ relay") {
		t.Error("no candidate from the good server")
	}
	if err := conn.SetICEServers([]ICEServer{{URLs: []string{"ftp://x"}}, good}); err != nil {
		t.Errorf("SetICEServers: %v", err)
	}
}

func TestConn_UsesNewServersAtTheNextRestart(t *testing.T) {
	server := turnServer(t, nil) // ends after those that have to say goodbye to it
	p := connected(t)
	if err := p.caller.SetICEServers([]ICEServer{server}); err != nil {
		t.Fatal(err)
	}
	negotiate(t, p.caller, p.callee, OfferOptions{Restart: true}, func(d Description) Description {
		if relayed := hasCandidate(d.SDP, "udp", "typ relay"); relayed != (d.Type == TypeOffer) {
			t.Errorf("%s has a relay candidate: %v", d.Type, relayed)
		}
		return d
	})
	p.awaitConnected(t)
}
