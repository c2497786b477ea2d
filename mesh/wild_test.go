package mesh_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/simnet"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// How full meshes fail in the wild, one test each. Three stand elsewhere:
// leaving while the homeserver is away (TestLeave_WaitsTwoSeconds…), too many
// senders for one uplink (TestSizeCap…), feeds that outlive their connection
// (TestTracks…).

func TestWild_PairsThatBreakTogetherDoNotRetryInLockstep(t *testing.T) {
	inWorld(t, func(w *world) {
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			w.boot(name).join()
		}
		wait(3 * time.Second)
		w.connected(names...)
		for _, other := range names[1:] {
			w.fabric.Cut("a", other)
		}
		wait(3 * time.Minute)
		at := map[time.Duration]string{}
		for _, s := range w.road.Sent() {
			if s.Message.Kind != message.Invite || s.At.Sub(w.began) < 70*time.Second {
				continue
			}
			if s.From > s.To {
				t.Errorf("%s called %s, although that is not its part", s.From, s.To)
			}
			when := s.At.Sub(w.began).Round(10 * time.Millisecond)
			if before := at[when]; before != "" {
				t.Errorf("%s and %s called at the same instant, %v", before, s.To, when)
			}
			at[when] = s.To
		}
		if len(at) < 4 {
			t.Errorf("%d attempts", len(at))
		}
	})
}

func TestWild_RetriesDoNotRunOut(t *testing.T) {
	inWorld(t, func(w *world) {
		w.boot("alice").join()
		w.boot("bob").join()
		w.fabric.Cut("alice", "bob")
		wait(2 * time.Hour)
		w.fabric.Heal("alice", "bob")
		wait(2 * time.Minute)
		w.connected("alice", "bob")
		if got := w.total("alice", "bob"); got > 2*60*4*3 {
			t.Errorf("%d messages in two hours", got)
		}
	})
}

func TestWild_ANewSessionDoesNotWaitForTheOldConnectionToTimeOut(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		bob := w.boot("bob").join()
		wait(2 * time.Second)
		bob.crash()
		w.boot("bob").join()
		wait(time.Second) // ICE needs five to notice
		w.connected("alice", "bob")
		if took := alice.link("bob").ConnectTime(); took <= 0 || took > time.Second {
			t.Errorf("connect time %v", took)
		}
	})
}

func TestWild_AnICERestartOfOneSideReachesTheOther(t *testing.T) {
	for _, side := range [][2]string{{"bob", "alice"}, {"alice", "bob"}} {
		t.Run(side[1]+" notices", func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.boot("alice").join()
				w.boot("bob").join()
				wait(2 * time.Second)
				w.fabric.CutOneWay(side[0], side[1])
				wait(7 * time.Second)
				w.fabric.Heal("alice", "bob")
				wait(50 * time.Second)
				w.connected("alice", "bob")
			})
		})
	}
}

func TestWild_NoPairEverHoldsTwoConnections(t *testing.T) {
	inWorld(t, func(w *world) {
		w.boot("alice").join()
		w.boot("bob").join()
		for range 20 {
			w.fabric.Cut("alice", "bob")
			wait(50 * time.Second)
			w.fabric.Heal("alice", "bob")
			wait(90 * time.Second)
		}
		w.connected("alice", "bob")
		for _, pair := range [][2]string{{"alice", "bob"}, {"bob", "alice"}} {
			if most := w.fabric.Most(pair[0], pair[1]); most != 1 {
				t.Errorf("%s had %d connections to %s at once: each holds a TURN allocation", pair[0], most, pair[1])
			}
		}
		if open := w.fabric.Open(); open != 2 {
			t.Errorf("%d connections are open, want 2", open)
		}
	})
}

func TestWild_ARestartTakesFreshTURNCredentials(t *testing.T) {
	inWorld(t, func(w *world) {
		asked := 0
		alice := w.boot("alice", func(c *mesh.Config) {
			c.ICEServers = func(context.Context) ([]transport.ICEServer, error) {
				asked++
				return []transport.ICEServer{{URLs: []string{"turn:t"}, Username: fmt.Sprint(asked), Credential: "x"}}, nil
			}
		}).join()
		w.boot("bob").join()
		wait(2 * time.Second)
		w.fabric.Cut("alice", "bob")
		wait(9 * time.Second)
		if asked != 1 || alice.servers != 1 {
			t.Errorf("asked %d times for servers, set %d times, want once", asked, alice.servers)
		}
	})
}

func TestWild_AThirdMemberWithAServerDoesNotTouchTheFirstTwo(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob := w.boot("alice").join(), w.boot("bob").join()
		wait(2 * time.Second)
		server := w.device("carol")
		w.set(server.sessionEvent("livekit"))
		wait(time.Minute)
		w.connected("alice", "bob")
		if err := alice.strangers()[party("carol")]; err == nil {
			t.Error("alice does not say why she is not connected to carol")
		}
		// The first leaves and is back: now the server's user is the oldest,
		// and the session is not ours to join any more.
		bob.leave()
		alice.vanish()
		alice.join()
		wait(time.Minute)
		if l := alice.link("carol"); l.State.Live() {
			t.Errorf("alice is %v with a device that uses a server", l.State)
		}
	})
}

// Whatever happened to a room, once the network is well everybody who is in
// it is connected to everybody else.
func TestRoom_ConnectsOnceTheNetworkIsWellAgain(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				defer w.end()
				churn(w, rand.New(rand.NewPCG(seed, 99)))
			})
		})
	}
}

func churn(w *world, random *rand.Rand) {
	names := []string{"a", "b", "c", "d"}
	some := func() string { return names[random.IntN(len(names))] }
	for _, name := range names {
		w.boot(name).join()
	}
	w.road.Set(simnet.Conditions{
		Delay: 10 * time.Millisecond, Jitter: time.Duration(random.IntN(5000)+1) * time.Millisecond,
		Loss: random.Float64() * 0.4, Twice: random.Float64() * 0.4,
	})
	for range 25 {
		wait(time.Duration(random.IntN(15_000)) * time.Millisecond)
		one, other := some(), some()
		switch random.IntN(6) {
		case 0, 1:
			w.fabric.Cut(one, other)
		case 2:
			w.fabric.Heal(one, other)
		case 3:
			w.devices[one].crash()
			w.boot(one).join()
		case 4:
			w.devices[one].vanish()
			wait(time.Duration(random.IntN(15_000)) * time.Millisecond)
			w.devices[one].join()
		case 5:
			w.devices[one].leave()
			w.devices[one].join()
		}
	}
	for i, a := range names {
		for _, b := range names[i+1:] {
			w.fabric.Heal(a, b)
		}
	}
	w.road.Set(simnet.Conditions{Delay: 30 * time.Millisecond})
	wait(5 * time.Minute)
	w.connected(names...)
	for i, a := range names {
		for _, b := range names[i+1:] {
			if most := max(w.fabric.Most(a, b), w.fabric.Most(b, a)); most > 2 { // a crash leaves one behind
				w.t.Errorf("%s and %s had %d connections at once", a, b, most)
			}
			if got := w.total(a, b); got > 600 {
				w.t.Errorf("%s and %s exchanged %d messages", a, b, got)
			}
		}
	}
}

func TestSnapshot_TellsTheStoryOfALink(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, _, _ := trio(w)
		s := alice.registry.Snapshot()
		if len(s.Rooms) != 1 || len(s.Rooms[0].Sessions) != 1 || !s.Rooms[0].Sessions[0].Entered {
			t.Fatalf("snapshot %+v", s)
		}
		session := s.Rooms[0].Sessions[0]
		if len(session.Members) != 3 || len(session.Links) != 2 {
			t.Fatalf("%d members, %d links", len(session.Members), len(session.Links))
		}
		l := session.Links[0]
		if l.Peer != party("bob") || l.State != negotiate.Connected || !l.Caller || l.CallID == "" || l.Session == "" ||
			l.Sent != 2 || l.Received != 1 || l.Attempts != 1 || l.Stats == nil || l.ConnectTime() <= 0 || l.Key != slot {
			t.Errorf("link %+v", l)
		}
	})
}

func TestPolicy_RelayOnlyFollowsTheRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		w.facts.JoinRule = "public"
		alice := w.boot("alice", func(c *mesh.Config) { c.RelayOnly = mesh.RelayInPublicRooms }).join()
		w.boot("bob").join()
		wait(2 * time.Second)
		if !alice.lastConn("bob").request.RelayOnly {
			t.Error("a connection in a public room is not relay only")
		}
	})
}
