package headless

import (
	"fmt"
	"strings"
	"testing"

	"meshfocus/internal/turnserver"
	"meshfocus/signalling/homeserver"
)

func TestRelay_APublicRoomGoesThroughTheHomeserversTURNServer(t *testing.T) {
	t.Parallel()
	h := startHomeWith(t, &homeserver.TurnServers{URIs: []string{"turn:" + turnserver.Start(t) + "?transport=udp"}, Username: turnserver.User, Password: turnserver.Password})
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	for _, l := range []Link{alice.link(bob.Party()), bob.link(alice.Party())} {
		if !strings.HasPrefix(l.Path(), "relay ⇄ ") {
			t.Errorf("the path to %s is %q, want ours relayed", l.Peer, l.Path())
		}
	}
	path := ""
	for range 5 { // on a busy machine the check through the relay may be the first to succeed
		open := startParty(t, h, "open", func(c *Config) { c.Relay = RelayNever })
		allFlow(t, patience, alice, open)
		if path = open.link(alice.Party()).Path(); !strings.HasPrefix(path, "relay") {
			return
		}
		open.stop(t)
	}
	t.Errorf("with %s the path is %q", RelayNever, path)
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
