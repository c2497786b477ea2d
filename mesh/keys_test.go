package mesh_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

// frames stands for what encrypts: it remembers the keys it was told of.
type frames struct {
	world *world
	party message.Party

	mu     sync.Mutex
	index  uint8
	own    secret.Bytes
	used   int
	theirs map[message.Party]map[uint8]secret.Bytes
	given  map[message.Party]int
	lose   bool // keys that are sent do not get there
}

func (f *frames) Use(index uint8, key secret.Bytes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index, f.own, f.used = index, key, f.used+1
}

func (f *frames) Take(from message.Party, index uint8, key secret.Bytes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.theirs[from] == nil {
		f.theirs[from] = map[uint8]secret.Bytes{}
	}
	f.theirs[from][index] = key
}

func (f *frames) Forget(from message.Party) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.theirs, from)
}

// SendMediaKey brings a key to the other registry as a homeserver does.
func (f *frames) SendMediaKey(to message.Party, key message.MediaKey, done func(error)) {
	f.mu.Lock()
	f.given[to]++
	lose := f.lose
	f.mu.Unlock()
	time.AfterFunc(5*time.Millisecond, func() {
		if lose {
			done(errors.New("no keys"))
			return
		}
		done(nil)
		for _, d := range f.world.all() {
			if d.party == to && d.registry != nil {
				time.AfterFunc(30*time.Millisecond, func() { d.registry.ReceiveKey(f.party, key) })
			}
		}
	})
}

func (f *frames) lost(lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = lose
}

// key gives what encrypts now, and how often that changed.
func (f *frames) key() (index uint8, key secret.Bytes, used int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index, f.own, f.used
}

// gave counts the keys that were given to another, devices those who gave us any.
func (f *frames) gave(other message.Party) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.given[other]
}

func (f *frames) devices() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.theirs)
}

// encrypting boots a device that encrypts its frames.
func (w *world) encrypting(name string) (*device, *frames) {
	f := &frames{world: w, party: party(name), theirs: map[message.Party]map[uint8]secret.Bytes{}, given: map[message.Party]int{}}
	return w.boot(name, func(c *mesh.Config) { c.Frames, c.Keys = f, f }), f
}

// reads reports whether one can open what the other encrypts now.
func (f *frames) reads(other *frames) bool {
	index, key, _ := other.key()
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.theirs[other.party][index]
	return ok && have.Equal(key)
}

func (w *world) allRead(all ...*frames) {
	w.t.Helper()
	for _, a := range all {
		for _, b := range all {
			if a != b && !a.reads(b) {
				index, _, _ := b.key()
				w.t.Errorf("%s cannot read %s, whose key is %d", a.party, b.party, index)
			}
		}
	}
}

func TestKeys_AreGivenToThoseWhomWeMeetAndToNobodyElse(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, a := w.encrypting("alice")
		_, b := w.encrypting("bob")
		alice.join()
		w.devices["bob"].join()
		wait(2 * time.Second)
		w.connected("alice", "bob")
		w.allRead(a, b)
		index, before, used := a.key()
		if used != 1 || index != 0 {
			t.Errorf("the first key is %d, the %d.", index, used)
		}
		wait(time.Minute)
		carol, c := w.encrypting("carol")
		if carol.join(); a.gave(c.party) != 0 {
			t.Error("a key was given to one who is no member")
		}
		wait(3 * time.Second)
		w.allRead(a, b, c)
		if index, own, _ := a.key(); index != 1 || own.Equal(before) {
			t.Errorf("carol has the key of before: %d", index)
		}
		w.devices["bob"].leave()
		wait(5 * time.Second)
		w.allRead(a, c)
		if index, _, _ := a.key(); b.reads(a) || b.reads(c) || index != 2 {
			t.Errorf("bob, who has left, reads on; the key is %d", index)
		}
		alice.leave()
		wait(5 * time.Second)
		if a.reads(c) {
			t.Error("alice, who has left, reads on")
		}
	})
}

func TestKeys_ThatComeBeforeTheMembershipWaitForIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lag["alice"] = 10 * time.Second
		alice, a := w.encrypting("alice")
		bob, b := w.encrypting("bob")
		alice.join()
		wait(time.Minute)
		bob.join()
		wait(5 * time.Second)
		if !b.reads(a) && a.devices() != 0 {
			t.Error("alice takes the key of one who is no member yet")
		}
		if b.gave(a.party) == 0 {
			t.Error("bob has given no key")
		}
		wait(15 * time.Second)
		w.allRead(a, b)
	})
}

func TestKeys_OfAnotherDeviceOrRoomAreNotTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, a := w.encrypting("alice")
		bob, b := w.encrypting("bob")
		alice.join()
		bob.join()
		wait(2 * time.Second)
		w.allRead(a, b)
		forged := message.MediaKey{RoomID: roomID, MemberID: bob.session, Index: 0, Key: secret.Of([]byte("sixteen bytes ok"))}
		alice.registry.ReceiveKey(party("bob/PHONE"), forged)
		alice.registry.ReceiveKey(party("mallory"), forged)
		elsewhere := forged
		elsewhere.RoomID = "!another:example.org"
		alice.registry.ReceiveKey(party("bob"), elsewhere)
		old := forged
		old.MemberID = "a stay before"
		alice.registry.ReceiveKey(party("bob"), old)
		wait(time.Second)
		w.allRead(a, b)
		if a.devices() != 1 {
			t.Errorf("alice has keys of %d devices", a.devices())
		}
	})
}

func TestKeys_ThatCouldNotBeGivenAreGivenAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, a := w.encrypting("alice")
		bob, b := w.encrypting("bob")
		a.lost(true)
		alice.join()
		bob.join()
		wait(10 * time.Second)
		if b.reads(a) || !a.reads(b) {
			t.Error("a key that was lost is there")
		}
		a.lost(false)
		wait(30 * time.Second)
		w.allRead(a, b)
	})
}

func TestKeys_WithManyWhoComeAndGoAllReadInTheEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		var all []*frames
		for i := range 6 {
			d, f := w.encrypting(fmt.Sprintf("u%d", i))
			d.join()
			all = append(all, f)
			wait(time.Duration(i) * 700 * time.Millisecond)
		}
		w.devices["u0"].leave()
		wait(300 * time.Millisecond)
		w.devices["u3"].leave()
		wait(20 * time.Second)
		w.allRead(all[1], all[2], all[4], all[5])
		for _, f := range []*frames{all[1], all[2], all[4], all[5]} {
			if all[0].reads(f) || all[3].reads(f) {
				t.Errorf("who has left reads %s", f.party)
			}
		}
	})
}

// A focus is a member like others, but what it forwards is none of its business.
func TestKeys_AreNotGivenToWhoForwards(t *testing.T) {
	inWorld(t, func(w *world) {
		focus := party("focus")
		boot := func(name string) *frames {
			f := &frames{world: w, party: party(name), theirs: map[message.Party]map[uint8]secret.Bytes{}, given: map[message.Party]int{}}
			w.boot(name, func(c *mesh.Config) { c.Frames, c.Keys = f, f }).join()
			return f
		}
		w.boot("focus").join().says(message.Route{Forwards: true})
		a, b, c := boot("alice"), boot("bob"), boot("carol")
		wait(10 * time.Second)
		w.connected("alice", "bob", "carol", "focus")
		w.allRead(a, b, c)
		for _, f := range []*frames{a, b, c} {
			if f.gave(focus) != 0 {
				t.Errorf("%s gave the focus %d keys", f.party, f.gave(focus))
			}
		}
	})
}

func TestKeys_WithoutFramesNothingIsSentAndNothingHappens(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, a := w.encrypting("alice")
		bob := w.boot("bob")
		alice.join()
		bob.join()
		wait(5 * time.Second)
		w.connected("alice", "bob")
		if a.gave(bob.party) != 1 || a.devices() != 0 {
			t.Errorf("bob was given %d keys, and %d have come", a.gave(bob.party), a.devices())
		}
	})
}
