package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// together does something for all at once.
func together[T any](all []T, do func(T)) {
	var group sync.WaitGroup
	for _, one := range all {
		group.Go(func() { do(one) })
	}
	group.Wait()
}

// Two and more devices of one user share one m.calls event and write it
// without knowing of each other: read, change, write.
func TestSharedEvent_HoldsAllDevicesInTheEnd_HoweverTheyWrite(t *testing.T) {
	const devices = 3
	for round := range 20 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				random := newRandom(uint64(round))
				var mutex sync.Mutex
				latency := func() time.Duration {
					mutex.Lock()
					defer mutex.Unlock()
					return time.Duration(random.IntN(40)) * time.Millisecond
				}
				_, seen := h.enter(h.clear("bob", "B"))
				h.transport = direct{h.gate, latency}
				var memberships []*Membership
				var want []string
				for n := range devices {
					alice, _ := h.enter(h.clear("alice", fmt.Sprint("A", n)))
					m := alice.NewMembership(MembershipConfig{RoomID: h.room, CallID: "conf"})
					memberships = append(memberships, m)
					want = append(want, alice.Party().String()+"="+m.SessionID())
				}
				running := make(chan error, devices)
				together(memberships, func(m *Membership) {
					if err := m.Join(t.Context()); err != nil {
						t.Error(err)
					}
					go func() { running <- m.Run(t.Context()) }()
				})
				pass(10 * time.Second)
				got := seen.now("conf")
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Fatalf("joined are %q, want %q", got, want)
				}
				together(memberships, func(m *Membership) {
					if err := m.Leave(t.Context()); err != nil {
						t.Error(err)
					}
				})
				pass(time.Minute)
				if got = seen.now("conf"); len(got) != 0 || len(h.fake.delayed) != 0 {
					t.Fatalf("after all left there are %q and %d delayed events", got, len(h.fake.delayed))
				}
				for range devices {
					if err := <-running; err != nil {
						t.Errorf("Run ended with %v", err)
					}
				}
			})
		})
	}
}

func TestSharedEvent_ConvergesOnTheEmbeddedHomeserver(t *testing.T) {
	h := newEmbeddedHouse(t)
	_, seen := h.enter(h.clear("bob", "B"))
	var accounts []*Account
	for n := range 2 {
		alice, _ := h.enter(h.clear("alice", fmt.Sprint("A", n)))
		accounts = append(accounts, alice)
	}
	for range 3 {
		var stays []*stay
		var mutex sync.Mutex
		together(accounts, func(a *Account) {
			one := h.join(a, MembershipConfig{CallID: "conf"})
			mutex.Lock()
			defer mutex.Unlock()
			stays = append(stays, one)
		})
		seen.wait(t, "both devices", func(s *sink) bool { return len(s.members("conf")) == 2 })
		together(stays, func(s *stay) {
			if err := s.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		})
		seen.wait(t, "nobody", func(s *sink) bool { return len(s.members("conf")) == 0 })
	}
}

// A device that crashes takes nobody with it, though its delayed leave is the
// whole event.
func TestSharedEvent_LosesOnlyTheDeviceThatCrashed(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		_, seen := h.enter(h.clear("bob", "B"))
		one, _ := h.enter(h.clear("alice", "A1"))
		two, _ := h.enter(h.clear("alice", "A2"))
		crashing := h.join(one, MembershipConfig{CallID: "conf"})
		pass(time.Second)
		staying := h.join(two, MembershipConfig{CallID: "conf"})
		pass(time.Minute)
		out := 0
		seen.mutex.Lock()
		seen.onFacts = func(s *sink) {
			if !slices.Contains(s.members("conf"), "@alice:test/A2="+staying.SessionID()) {
				out++
			}
		}
		seen.mutex.Unlock()
		crashing.stop()
		pass(time.Minute)
		if got := seen.now("conf"); len(got) != 1 || out > 0 {
			t.Fatalf("members %q, the other device was out %d times; want it in throughout", got, out)
		}
	})
}

// Entries of other clients, and of other calls, stay as they were written.
func TestSharedEvent_KeepsWhatOthersWrote(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		later := time.Now().Add(time.Hour).UnixMilli()
		foreign := fmt.Sprintf(`{"m.calls":[{"m.call_id":"other","x":1,"m.devices":[{"device_id":"W","session_id":"s","expires_ts":%d,"feeds":[],"y":[2]}]}],"z":3}`, later)
		h.fake.put("@alice:test", message.TypeCallMember, "@alice:test", json.RawMessage(foreign))
		own := h.join(alice, MembershipConfig{CallID: "conf"})
		pass(time.Second)
		if err := own.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		content, err := alice.state(t.Context(), h.room, message.TypeCallMember, "@alice:test")
		if err != nil || normal(content) != normal(json.RawMessage(foreign)) {
			t.Errorf("left behind %s, %v; want %s", content, err, foreign)
		}
	})
}
