package matrix

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
)

func TestBudget_LetsTheMostUrgentGoFirst(t *testing.T) {
	b, now := NewBudget(), time.Unix(1_800_000_000, 0)
	posts := []*post{{}, {}, {}}
	for range budgetBurst {
		b.spend(now)
	}
	due := func(n int) time.Time { return now.Add(time.Duration(30-n) * time.Second) } // the last is the most urgent
	for n, p := range posts {
		if granted, again, limited := b.ask(p, due(n), now); granted || limited || !again.After(now) {
			t.Fatalf("an empty budget gives %v, %s, %v", granted, again.Sub(now), limited)
		}
	}
	now = now.Add(1300 * time.Millisecond) // one token is there
	var got []bool
	for n, p := range posts {
		granted, _, _ := b.ask(p, due(n), now)
		got = append(got, granted)
	}
	if fmt.Sprint(got) != "[false false true]" {
		t.Errorf("granted %v, want it to the most urgent alone", got)
	}
}

func TestBudget_NeverGivesMoreThanItsRate(t *testing.T) {
	b, now := NewBudget(), time.Unix(1_800_000_000, 0)
	p, granted := &post{}, 0
	for end := now.Add(time.Minute); now.Before(end); now = now.Add(50 * time.Millisecond) {
		if ok, _, _ := b.ask(p, now, now); ok {
			granted++
		}
	}
	if most := int(budgetBurst + 60*budgetRate + 1); granted > most || granted < most-3 {
		t.Errorf("%d in a minute, want about %d", granted, most)
	}
}

func TestBudget_WaitsForAllWhenOneIsToldTo(t *testing.T) {
	b, now := NewBudget(), time.Unix(1_800_000_000, 0)
	b.pause(now.Add(7 * time.Second))
	granted, again, limited := b.ask(&post{}, now, now)
	if granted || !limited || again.Sub(now) != 7*time.Second {
		t.Errorf("got %v, again after %s, limited %v", granted, again.Sub(now), limited)
	}
}

// Twenty calls of one user under the limit that Synapse has by default: nobody
// is thrown out, and nobody haunts.
func TestBudget_KeepsTwentyCallsUnderTheLimitOfOneUser(t *testing.T) {
	const calls = 20
	limits := map[homeserver.Class]homeserver.Limit{homeserver.ClassDelayed: {PerSecond: 1, Burst: 5}}
	embedded(t, homeserver.Config{RateLimits: limits}, func(t *testing.T, h *house) {
		bob := h.open(h.clear("bob", "B"))
		alice := h.open(h.clear("alice", "A"))
		start(t, bob)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		running := make(chan struct{})
		go func() { defer close(running); _ = alice.Run(ctx) }()
		var watches []*watch
		for range calls {
			h.room = newRoom(t, alice, bob)
			w := &watch{sink: newSink(), confID: "m.call#ROOM"}
			w.sink.onFacts = func(*sink) { w.look() }
			bob.Subscribe(h.room, w.sink)
			watches = append(watches, w)
			own := h.join(alice, MembershipConfig{Slot: true})
			defer own.stop()
		}
		from := time.Now()
		pass(time.Minute)
		refused := h.gate.count("/restart")
		pass(9 * time.Minute)
		if n := h.gate.count("/restart") - refused; n > 9*60 {
			t.Errorf("%d restarts in nine minutes", n)
		}
		for n, w := range watches {
			if !w.here() || len(w.departures(from)) > 0 {
				t.Errorf("call %d: here %v, departures %v", n, w.here(), w.departures(from))
			}
		}
		h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
			dead := r.Header.Get("Authorization") == "Bearer "+alice.client.AccessToken
			if dead {
				w.WriteHeader(http.StatusBadGateway)
			}
			return dead
		})
		cancel()
		<-running
		pass(90 * time.Second)
		for n, w := range watches {
			if w.here() {
				t.Errorf("call %d: a ghost", n)
			}
		}
	})
}

// newRoom makes a room with both in it.
func newRoom(t *testing.T, owner, guest *Account) string {
	t.Helper()
	var answer struct {
		RoomID string `json:"room_id"`
	}
	err := owner.call(t.Context(), http.MethodPost, clientPath("v3", "createRoom"), nil, map[string]string{"preset": "public_chat"}, &answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = guest.JoinRoom(t.Context(), answer.RoomID); err != nil {
		t.Fatal(err)
	}
	return answer.RoomID
}
