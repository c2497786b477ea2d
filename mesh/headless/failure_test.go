package headless

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshfocus/internal/freeport"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// quickLeave is a delayed leave for tests; a slow machine still restarts it
// three times before it is due.
const quickLeave = 6 * time.Second

func TestKilledParty_IsGoneWithinTheDelayedLeaveAndCanReturn(t *testing.T) {
	t.Parallel()
	killedParty(t, startHome(t))
}

func killedParty(t *testing.T, h home) {
	alice := startParty(t, h, "alice", nil)
	account := h.account(t, "mallory")
	user := strings.Replace(alice.Party().UserID, "@alice", "@mallory", 1)
	mallory := message.Party{UserID: user, DeviceID: strings.Replace(alice.Party().DeviceID, "ALICE", "MALLORY", 1)}
	session := "" // in which the child is
	start := func() *child {
		c, device := startChild(t, "party", partyChild{Account: account, Room: h.room(), LeaveDelay: quickLeave})
		if device != mallory.DeviceID {
			t.Fatalf("the child is device %q", device)
		}
		eventually(t, patience, "media from the child", func() bool {
			l := alice.link(mallory)
			session = l.Session
			return flows(l)
		}, func() string { return describe(alice) })
		return c
	}
	first := start()
	before := session
	first.kill()
	killed := time.Now()
	eventually(t, quickLeave+patience, "the killed party is gone", func() bool { return alice.link(mallory).Session == "" }, func() string { return describe(alice) })
	t.Logf("gone after %s with a delayed leave of %s", time.Since(killed).Round(100*time.Millisecond), quickLeave)
	if members := roomMembers(t, h, account); strings.Contains(members, before) {
		t.Errorf("a ghost stays in the room: %s", members)
	}

	start()
	if session == before || session == "" {
		t.Errorf("after the return the session is %q, was %q; want a fresh one", session, before)
	}
}

// roomMembers reads the member event of an account from the room's state.
func roomMembers(t *testing.T, h home, account matrix.Config) string {
	t.Helper()
	var state any
	if err := request("GET", h.url()+"/_matrix/client/v3/rooms/"+h.room()+"/state", account.Token, nil, &state); err != nil {
		t.Fatal(err)
	}
	var members []string
	for _, event := range state.([]any) {
		if e := event.(map[string]any); e["type"] == message.TypeCallMember {
			members = append(members, fmt.Sprint(e["sender"], e["content"]))
		}
	}
	return strings.Join(members, "\n")
}

func TestKilledHomeserver_MediaNeverStopsAndMembershipsAreWholeAgain(t *testing.T) {
	t.Parallel()
	const outage = 3 * quickLeave // the delayed leaves are due meanwhile
	do := homeserverChild{Listen: freeport.Address(t, "127.0.0.1"), Data: filepath.Join(t.TempDir(), "data")}
	server, base := startChild(t, "homeserver", do)
	h := &remote{base: base, alias: "#call:test.local"}
	shorter := func(c *Config) { c.LeaveDelay = quickLeave }
	parties := []*party{startParty(t, h, "alice", shorter), startParty(t, h, "bob", shorter), startParty(t, h, "carol", shorter)}
	allFlow(t, patience, parties...)
	calls := callIDs(parties)

	server.kill()
	var longest time.Duration // that it took until more had come on every link
	for begin := time.Now(); time.Since(begin) < outage; {
		received, since := bytesIn(parties), time.Now()
		eventually(t, patience, "more media on every link", func() bool {
			now := bytesIn(parties)
			for link, bytes := range received {
				if now[link] <= bytes {
					return false
				}
			}
			return true
		}, func() string { return describe(parties...) })
		longest = max(longest, time.Since(since))
	}
	t.Logf("for %s at most nothing came on some link", longest.Round(time.Millisecond))
	_, again := startChild(t, "homeserver", do)
	if again != base {
		t.Fatalf("the homeserver came back at %s, was at %s", again, base)
	}
	account := h.account(t, "alice")
	eventually(t, 2*patience, "all memberships are back in the room", func() bool {
		members := roomMembersByID(t, h, account)
		for _, p := range parties {
			if !strings.Contains(members, p.present.Load().membership.SessionID()) {
				return false
			}
		}
		return true
	}, func() string { return roomMembersByID(t, h, account) })
	if now := callIDs(parties); fmt.Sprint(now) != fmt.Sprint(calls) {
		t.Errorf("calls were replaced: had %v, have %v", calls, now)
	}
	allFlow(t, patience, parties...)
}

func roomMembersByID(t *testing.T, h *remote, account matrix.Config) string {
	t.Helper()
	var room struct {
		ID string `json:"room_id"`
	}
	if err := request("GET", h.base+"/_matrix/client/v3/directory/room/"+strings.ReplaceAll(h.alias, "#", "%23"), account.Token, nil, &room); err != nil {
		t.Fatal(err)
	}
	return roomMembers(t, &remote{base: h.base, alias: room.ID}, account)
}

// bytesIn is what has arrived on each ordered pair.
func bytesIn(parties []*party) map[string]uint64 {
	received := map[string]uint64{}
	for _, p := range parties {
		for _, l := range p.Status().Links {
			received[l.Peer.String()+" → "+p.name] = l.BytesIn
		}
	}
	return received
}

// callIDs names the call of each ordered pair.
func callIDs(parties []*party) map[string]string {
	calls := map[string]string{}
	for _, p := range parties {
		for _, l := range p.Status().Links {
			calls[p.name+" "+l.Peer.String()] = l.CallID
		}
	}
	return calls
}

func TestStormOf429_HangsNobodyUp(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	shorter := func(c *Config) { c.LeaveDelay = quickLeave }
	parties := []*party{startParty(t, h, "alice", shorter), startParty(t, h, "bob", shorter), startParty(t, h, "carol", shorter)}
	allFlow(t, patience, parties...)
	calls := callIDs(parties)

	classes := []homeserver.Class{homeserver.ClassDelayed, homeserver.ClassState, homeserver.ClassMessage, homeserver.ClassToDevice,
		homeserver.ClassSync, homeserver.ClassKeys, homeserver.ClassRead, homeserver.ClassOther}
	// Most requests are refused for four leave delays.
	for _, class := range classes {
		h.server.SetRateLimit(class, homeserver.Limit{PerSecond: 0.6, Burst: 1})
	}
	for begin := time.Now(); time.Since(begin) < 4*quickLeave; time.Sleep(200 * time.Millisecond) {
		for _, p := range parties {
			links := p.Status().Links
			if len(links) != 2 {
				t.Fatalf("%s after the storm began a link is gone:\n%s", time.Since(begin), describe(parties...))
			}
			for _, l := range links {
				if l.State != negotiate.Connected {
					t.Fatalf("%s after the storm began %s is %s to %s:\n%s", time.Since(begin), p.name, l.State, l.Peer, describe(parties...))
				}
			}
		}
	}
	// Then everything is refused for longer than the leave delay: the
	// homeserver writes the leaves, but media flows and they come back.
	for _, class := range classes {
		h.server.SetRateLimit(class, homeserver.Limit{PerSecond: 0.3, Burst: 0})
	}
	time.Sleep(quickLeave + quickLeave/2)
	for _, class := range classes {
		h.server.SetRateLimit(class, homeserver.Limit{})
	}
	allFlow(t, patience, parties...)
	if now := callIDs(parties); fmt.Sprint(now) != fmt.Sprint(calls) {
		t.Errorf("calls were hung up: had %v, have %v", calls, now)
	}
}

func TestOpen_RefusesInOneClearLine(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	notMedia := filepath.Join(t.TempDir(), "talk.ivf")
	if err := os.WriteFile(notMedia, []byte("this is a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.server.EnsureUser("loner", ""); err != nil {
		t.Fatal(err)
	}
	private, err := h.server.EnsureRoom("private", "Private", "loner", homeserver.PresetPrivate)
	if err != nil {
		t.Fatal(err)
	}
	nobody := freeport.Address(t, "127.0.0.1")
	for name, c := range map[string]struct {
		change func(*Config)
		want   error
		says   string
	}{
		"a file that is not what it claims": {func(c *Config) { c.Clip = nil; c.Publish = []string{notMedia} }, ErrSource, "talk.ivf"},
		"a file that is not there":          {func(c *Config) { c.Clip = nil; c.Publish = []string{"/does/not/exist.ogg"} }, ErrSource, "no such file"},
		"a room that is not there":          {func(c *Config) { c.Room = "#nowhere:test.local" }, matrix.ErrNotFound, "#nowhere:test.local"},
		"a room one may not join":           {func(c *Config) { c.Room = private }, matrix.ErrNotAllowed, private},
		"a homeserver that is not there":    {func(c *Config) { c.Account.Homeserver = "http://" + nobody }, matrix.ErrUnreachable, nobody},
		"a token nobody knows":              {func(c *Config) { c.Account.Token = "nonsense"; c.Account.StateDir = "" }, matrix.ErrBadToken, "token"},
		"a port that is taken":              {func(c *Config) { c.Media.Port = takenPort(t) }, syscall.EADDRINUSE, "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{Account: h.account(t, "alice"), Room: h.room(), Clip: card()}
			config.Account.StateDir = ""
			config.Account.Encrypt = matrix.EncryptOff
			config.Media.Loopback = true
			c.change(&config)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := Open(ctx, config)
			if !errors.Is(err, c.want) {
				t.Fatalf("the error is %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line that says %q: %v", c.says, err)
			}
		})
	}
}

func takenPort(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func TestJoin_IsRefusedWhenTheMeshIsFull(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	config := Config{Account: h.account(t, "carol"), Room: h.room(), MaxMembers: 2}
	config.Media.Loopback = true
	carol, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := carol.Run(t.Context()); !errors.Is(err, mesh.ErrMeshFull) {
		t.Fatalf("carol's run ended with %v, want %v", err, mesh.ErrMeshFull)
	}
	if alice.link(bob.Party()).State != negotiate.Connected || present([]*party{alice, bob}, carol.Party()) {
		t.Errorf("those who were in the call noticed:\n%s", describe(alice, bob))
	}
}
