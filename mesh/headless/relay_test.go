package headless

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
)

func TestRelay_APublicRoomGoesThroughTheHomeserversTURNServer(t *testing.T) {
	t.Parallel()
	h := startHomeWith(t, &homeserver.TurnServers{URIs: []string{"turn:" + startCoturn(t) + "?transport=udp"}, Username: "alice", Password: "secret"})
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	for _, l := range []Link{alice.link(bob.Party()), bob.link(alice.Party())} {
		if !strings.HasPrefix(l.Path(), "relay ⇄ ") {
			t.Errorf("the path to %s is %q, want ours relayed", l.Peer, l.Path())
		}
	}
	open := startParty(t, h, "open", func(c *Config) { c.Relay = RelayNever })
	allFlow(t, patience, alice, open)
	if path := open.link(alice.Party()).Path(); strings.HasPrefix(path, "relay") {
		t.Errorf("with %s the path is %q", RelayNever, path)
	}
}

// startCoturn starts a TURN server for user alice on a free port.
func startCoturn(t *testing.T) (address string) {
	t.Helper()
	binary, err := exec.LookPath("turnserver")
	if err != nil {
		t.Fatal("turnserver is missing: apt-get install coturn")
	}
	for range 5 { // somebody else may take the port first
		address, directory := freeAddress(t), t.TempDir()
		_, port, _ := net.SplitHostPort(address)
		command := exec.Command(binary, "--no-cli", "--no-tls", "--no-dtls", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port="+port,
			"--allow-loopback-peers", "--lt-cred-mech", "--user=alice:secret", "--realm=test.local", "-n",
			"--log-file="+filepath.Join(directory, "log"), "--pidfile="+filepath.Join(directory, "pid"), "--userdb="+filepath.Join(directory, "db"))
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
		for deadline := time.Now().Add(4 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				_ = conn.Close()
				return address
			}
		}
	}
	t.Fatal("coturn did not listen on any of five ports")
	return ""
}

func TestRelayPolicy_ReadsItsNames(t *testing.T) {
	t.Parallel()
	for _, policy := range []RelayPolicy{RelayAuto, RelayAlways, RelayNever} {
		if got, err := ParseRelayPolicy(policy.String()); err != nil || got != policy {
			t.Errorf("%s reads as %v, %v", policy, got, err)
		}
	}
	if _, err := ParseRelayPolicy("sometimes"); err == nil || !strings.Contains(fmt.Sprint(err), "never") {
		t.Errorf("a wrong name gives %v", err)
	}
}
