package headless

import (
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

func TestTurn_TellsOnceThatCredentialsEnd(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var servers turn
	if servers.ending(now) {
		t.Error("credentials that never end are about to")
	}
	servers.expires.Store(now.Add(10 * time.Minute).UnixNano())
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {9 * time.Minute, false}, {9*time.Minute + 10*time.Second, true}, {9*time.Minute + 11*time.Second, false}} {
		if got := servers.ending(now.Add(c.after)); got != c.want {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
	servers.expires.Store(now.Add(20 * time.Minute).UnixNano())
	if servers.ending(now.Add(11*time.Minute)) || !servers.ending(now.Add(20*time.Minute)) {
		t.Error("new credentials have an end of their own")
	}
}

func TestRelayed_NamesThoseBehindARelayOfOurs(t *testing.T) {
	link := func(name, local, remote string) Link {
		return Link{Link: mesh.Link{
			Peer:  message.Party{UserID: name},
			Stats: &transport.Stats{Pair: transport.CandidatePair{Local: local, Remote: remote}},
		}}
	}
	got := relayed([]Link{link("a", "host", "relay"), link("b", "relay", "host"), {}, link("c", "relay", "relay")})
	if len(got) != 2 || got[0].UserID != "b" || got[1].UserID != "c" {
		t.Errorf("relayed are %v, want b and c", got)
	}
}
