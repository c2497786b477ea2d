package transport

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestTURN_RelaysEverything(t *testing.T) { relayed(t, turnServer(t, nil)) }

func TestTURN_RelaysEverythingThroughCoturn(t *testing.T) {
	binary, err := exec.LookPath("turnserver")
	if err != nil {
		t.Fatal("turnserver is missing: apt-get install coturn")
	}
	for range 5 { // somebody else may take the port first
		if address, ok := startCoturn(t, binary); ok {
			relayed(t, ICEServer{URLs: []string{"turn:" + address + "?transport=udp"}, Username: "alice", Credential: "secret"})
			return
		}
	}
	t.Fatal("coturn did not listen on any of five ports")
}

// startCoturn reports whether coturn listens on a port that was free.
func startCoturn(t *testing.T, binary string) (address string, ok bool) {
	t.Helper()
	port, directory := freePort(t), t.TempDir()
	command := exec.Command(binary, "--no-cli", "--no-tls", "--no-dtls", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1",
		fmt.Sprintf("--listening-port=%d", port), "--allow-loopback-peers", "--lt-cred-mech", "--user=alice:secret", "--realm=example.org",
		"--log-file="+filepath.Join(directory, "log"), "--pidfile="+filepath.Join(directory, "pid"), "--userdb="+filepath.Join(directory, "db"), "-n")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	address = fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(4 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return address, true
		}
	}
	return address, false
}

func freePort(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func TestTURN_WrongPasswordLeavesTheOtherWays(t *testing.T) {
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
	p := connected(t)
	if err := p.caller.SetICEServers([]ICEServer{turnServer(t, nil)}); err != nil {
		t.Fatal(err)
	}
	negotiate(t, p.caller, p.callee, OfferOptions{Restart: true}, func(d Description) Description {
		if relayed := hasCandidate(d.SDP, "udp", "typ relay"); relayed != (d.Type == TypeOffer) {
			t.Errorf("%s has a relay candidate: %v", d.Type, relayed)
		}
		return d
	})
	p.seenByCaller.awaitState(t, StateConnected)
}
