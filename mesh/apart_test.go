package mesh_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

var byFocus = message.Route{Via: party("focus")}

// withFocus connects alice, bob and carol and one that forwards.
func withFocus(w *world) (focus, alice, bob *device) {
	focus = w.boot("focus").join().says(message.Route{Forwards: true})
	alice, bob, _ = trio(w)
	w.connected("focus", "alice", "bob", "carol")
	return focus, alice, bob
}

// apart lists whom the device does not connect to because of a focus.
func (d *device) apart() (list string) {
	for _, room := range d.registry.Snapshot().Rooms {
		for _, session := range room.Sessions {
			for _, a := range session.Apart {
				list += fmt.Sprintln(a)
			}
		}
	}
	return list
}

func TestApart_PairsBehindOneFocusAreNotConnected(t *testing.T) {
	inWorld(t, func(w *world) {
		_, alice, bob := withFocus(w)
		alice.says(byFocus)
		wait(time.Second)
		w.connected("focus", "alice", "bob", "carol") // bob has not said it
		bob.says(byFocus)
		wait(time.Second)
		w.unconnected("alice", "bob")
		w.unconnected("bob", "alice")
		w.connected("focus", "alice", "carol")
		w.connected("focus", "bob", "carol")
		if is := alice.apart(); is != bob.party.String()+" is behind "+party("focus").String()+"\n" {
			t.Errorf("alice says %q", is)
		}
		dave := w.boot("dave").says(byFocus)
		dave.registry.Enter(slot)
		wait(time.Second)
		w.connected("focus", "carol", "dave")
		w.unconnected("alice", "dave")
		if said := w.total("alice", "dave"); said != 0 {
			t.Errorf("%d messages between two that a focus is between", said)
		}
		wait(time.Minute)
		if r := alice.refusals(); len(r) > 0 {
			t.Errorf("alice refused messages: %v", r)
		}
	})
}

func TestApart_PairsComeAgainAtOnce(t *testing.T) {
	for name, takeBack := range map[string]func(focus, alice, bob *device){
		"the caller takes it back":   func(_, alice, _ *device) { alice.says(message.Route{}) },
		"the callee takes it back":   func(_, _, bob *device) { bob.says(message.Route{}) },
		"the focus leaves":           func(focus, _, _ *device) { focus.leave() },
		"the focus is gone":          func(focus, _, _ *device) { focus.vanish() },
		"the focus forwards no more": func(focus, _, _ *device) { focus.says(message.Route{}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				focus, alice, bob := withFocus(w)
				alice.says(byFocus)
				bob.says(byFocus)
				wait(time.Second)
				w.unconnected("alice", "bob")
				takeBack(focus, alice, bob)
				wait(500 * time.Millisecond)
				w.connected("alice", "bob", "carol")
				wait(time.Minute)
				w.connected("alice", "bob", "carol")
			})
		})
	}
}

// Who has not heard yet what the other has is neither fought with nor left alone.
func TestApart_WhateverTheOrderInWhichItIsHeard(t *testing.T) {
	for _, late := range []string{"alice", "bob"} { // caller and callee
		for _, lag := range []time.Duration{200 * time.Millisecond, 3 * time.Second, 12 * time.Second} {
			t.Run(fmt.Sprint(late, " hears it ", lag, " later"), func(t *testing.T) {
				inWorld(t, func(w *world) {
					_, alice, bob := withFocus(w)
					w.lag[late] = lag
					alice.says(byFocus)
					bob.says(byFocus)
					wait(lag + 8*time.Second)
					w.unconnected("alice", "bob")
					w.unconnected("bob", "alice")
					bob.says(message.Route{})
					wait(lag + 700*time.Millisecond)
					w.connected("alice", "bob", "carol")
					// Back and forth, before the one has heard of any of it.
					alice.says(byFocus)
					bob.says(byFocus)
					wait(100 * time.Millisecond)
					alice.says(message.Route{})
					wait(lag + 15*time.Second)
					w.connected("alice", "bob", "carol")
				})
			})
		}
	}
}

// An invite of one that takes us for connected waits, and is refused in words if
// it has waited in vain.
func TestApart_AnInviteWaitsForFacts(t *testing.T) {
	inWorld(t, func(w *world) {
		_, alice, bob := withFocus(w)
		w.lag["alice"], w.lag["bob"] = time.Hour, time.Hour
		alice.says(byFocus)
		bob.says(byFocus)
		bob.registry.SetFacts(w.known()) // bob hears it, hangs up, and alice calls again
		wait(10 * time.Second)
		if said := w.said("bob", "alice"); said != "answer, hangup user_hangup" {
			t.Errorf("bob said %s", said)
		}
		if held := bob.registry.Snapshot().Held; held == 0 {
			t.Error("bob holds nothing")
		}
		wait(30 * time.Second)
		synctest.Wait()
		for _, err := range bob.refusals() {
			if !errors.Is(err, mesh.ErrApart) {
				t.Errorf("bob refused: %v", err)
			}
		}
		alice.registry.SetFacts(w.known())
		wait(time.Second)
		w.unconnected("alice", "bob")
	})
}

// However members change their minds, and however late it is heard, in the end
// everybody is connected who is to be, and nobody else.
func TestApart_SettlesWhateverHappens(t *testing.T) {
	for seed := range uint64(12) {
		inWorld(t, func(w *world) {
			random := rand.New(rand.NewPCG(seed, 1))
			focus, alice, bob := withFocus(w)
			all := []*device{alice, bob, w.devices["carol"]}
			for range 12 {
				for _, d := range all {
					w.lag[d.name] = time.Duration(random.IntN(4000)) * time.Millisecond
				}
				switch d := all[random.IntN(3)]; random.IntN(4) {
				case 0:
					focus.says(message.Route{Forwards: random.IntN(3) > 0})
				case 1:
					d.says(message.Route{})
				default:
					d.says(byFocus)
				}
				wait(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			clear(w.lag)
			focus.says(message.Route{Forwards: true})
			wait(90 * time.Second)
			for i, a := range all {
				w.connected("focus", a.name)
				for _, b := range all[i+1:] {
					if a.route == byFocus && b.route == byFocus {
						w.unconnected(a.name, b.name)
						w.unconnected(b.name, a.name)
					} else {
						w.connected(a.name, b.name)
					}
				}
			}
		})
	}
}
