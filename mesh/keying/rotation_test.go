package keying

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/signalling/message"
)

var start = time.UnixMilli(1_800_000_000_000)

// counted makes keys that are all different.
func counted() func() secret.Bytes {
	count := uint64(0)
	return func() secret.Bytes {
		count++
		return secret.Of(binary.BigEndian.AppendUint64(make([]byte, 8), count))
	}
}

// member reads "a:1": device A of @a:hs in stay 1.
func member(text string) Member {
	name, session, _ := strings.Cut(text, ":")
	return Member{message.Party{UserID: "@" + name + ":hs", DeviceID: strings.ToUpper(name)}, session}
}

func members(names []string) (all []Member) {
	for _, name := range names {
		all = append(all, member(name))
	}
	return all
}

// told writes actions as the scenarios do.
func told(actions []Action) []string {
	said := []string{}
	for _, a := range actions {
		if a.Kind == Use {
			said = append(said, fmt.Sprintf("use %d", a.Key.Index))
			continue
		}
		said = append(said, fmt.Sprintf("share %d %s:%s", a.Key.Index, strings.ToLower(a.To.DeviceID), a.To.SessionID))
	}
	return said
}

// scenario is one of testdata/rounds.json, which the browser's rotation is
// tested by as well. Instants are seconds.
type scenario struct {
	Name  string
	Steps []struct {
		At      float64
		Members []string // not nil: Members
		Sent    string   // not empty: Sent
		Index   uint8
		OK      bool
		Want    []string
		Due     *float64
	}
}

func TestRotation_DoesAsTheScenariosSay(t *testing.T) {
	text, err := os.ReadFile("testdata/rounds.json")
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []scenario
	if err := json.Unmarshal(text, &scenarios); err != nil || len(scenarios) < 10 {
		t.Fatalf("%d scenarios, %v", len(scenarios), err)
	}
	instant := func(seconds float64) time.Time {
		return start.Add(time.Duration(seconds*1000) * time.Millisecond)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			r := NewRotation(counted())
			for _, step := range s.Steps {
				now := instant(step.At)
				var got []Action
				switch {
				case step.Members != nil:
					got = r.Members(members(step.Members), now)
				case step.Sent != "":
					err := errors.New("no keys")
					if step.OK {
						err = nil
					}
					got = r.Sent(member(step.Sent), step.Index, err, now)
				default:
					got = r.Tick(now)
				}
				if !slices.Equal(told(got), step.Want) {
					t.Errorf("at %v s: %q, want %q", step.At, told(got), step.Want)
				}
				if step.Due != nil && !r.Deadline().Equal(instant(*step.Due)) {
					t.Errorf("at %v s: next is due at %v s, want %v", step.At, r.Deadline().Sub(start).Seconds(), *step.Due)
				}
			}
		})
	}
}

// world drives a rotation and checks after each step what has to hold always.
type world struct {
	t       testing.TB
	r       *Rotation
	now     time.Time
	present []Member
	using   *Key
	usedAt  time.Time
	given   map[Member][]Key // what each member was given, ever
	keys    map[uint64]uint8 // all keys, by what is in them
	waiting []Action
	// strangers are those who are no members and have the key in use, and since when.
	strangers map[Member]time.Time
}

func newWorld(t testing.TB) *world {
	return &world{t: t, r: NewRotation(counted()), now: start, given: map[Member][]Key{}, keys: map[uint64]uint8{}, strangers: map[Member]time.Time{}}
}

func (w *world) take(actions []Action) {
	for _, a := range actions {
		id := binary.BigEndian.Uint64(a.Key.Raw.Reveal()[8:])
		if index, ok := w.keys[id]; ok && index != a.Key.Index {
			w.t.Fatalf("a key has index %d and %d", index, a.Key.Index)
		}
		w.keys[id] = a.Key.Index
		switch a.Kind {
		case Use:
			if w.using != nil && a.Key.Index != w.using.Index+1 {
				w.t.Fatalf("index %d follows %d", a.Key.Index, w.using.Index)
			}
			w.using, w.usedAt = &a.Key, w.now
		case Share:
			if !slices.Contains(w.present, a.To) {
				w.t.Fatalf("a key is given to %v, who is no member", a.To)
			}
			w.given[a.To] = append(w.given[a.To], a.Key)
			w.waiting = append(w.waiting, a)
		}
	}
	w.check()
}

func (w *world) has(m Member, key Key) bool {
	return slices.ContainsFunc(w.given[m], func(k Key) bool { return k.Raw.Equal(key.Raw) })
}

func (w *world) check() {
	if w.using == nil {
		w.t.Fatal("no key is used")
	}
	for m := range w.given {
		since, known := w.strangers[m]
		switch {
		case slices.Contains(w.present, m) || !w.has(m, *w.using):
			delete(w.strangers, m)
		case !known:
			w.strangers[m] = w.now
		case w.now.Sub(since) > 2*Longest:
			w.t.Fatalf("%v, who has left, can read for %v", m, w.now.Sub(since))
		}
	}
	if age := w.now.Sub(w.usedAt); age > MaxAge+Longest {
		w.t.Fatalf("a key is used for %v", age)
	}
	for _, m := range w.present {
		latest, _ := w.r.Present()
		if w.r.round {
			latest = w.r.latest
		}
		if !w.has(m, latest) {
			w.t.Fatalf("%v was not given the latest key", m)
		}
	}
}

// pass lets time go to the instant, never beyond a deadline.
func (w *world) pass(until time.Time) {
	for {
		at := w.r.Deadline()
		if at.Before(w.now) {
			w.t.Fatalf("the deadline lies %v back", w.now.Sub(at))
		}
		if at.After(until) {
			break
		}
		w.now = at
		before := w.r.Deadline()
		w.take(w.r.Tick(w.now))
		if !w.r.Deadline().After(before) {
			w.t.Fatal("what was due is due still")
		}
	}
	w.now = until
	w.check()
}

func (w *world) answer(i int, err error) {
	a := w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	w.take(w.r.Sent(a.To, a.Key.Index, err, w.now))
}

// step does what three numbers say.
func (w *world) step(what, which, length byte) {
	w.pass(w.now.Add(time.Duration(length) * time.Duration(length) * 10 * time.Millisecond))
	switch what % 4 {
	case 0: // somebody comes, goes, or comes back
		m := Member{message.Party{UserID: fmt.Sprintf("@%d:hs", which%6), DeviceID: "D"}, fmt.Sprint(which / 6 % 3)}
		i := slices.IndexFunc(w.present, func(p Member) bool { return p.Party == m.Party })
		if w.present = slices.Clone(w.present); i >= 0 {
			w.present = slices.Delete(w.present, i, i+1)
		}
		if i < 0 || which%2 == 0 {
			w.present = append(w.present, m)
		}
		w.take(w.r.Members(w.present, w.now))
	case 1, 2:
		if len(w.waiting) > 0 {
			var err error
			if which%5 == 0 {
				err = errors.New("no keys")
			}
			w.answer(int(which)%len(w.waiting), err)
		}
	case 3:
		w.pass(w.now.Add(time.Duration(which) * time.Minute))
	}
}

func TestRotation_HoldsInAnyOrderOfThings(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		w := newWorld(t)
		w.take(w.r.Members(nil, w.now))
		for range 300 {
			w.step(byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()))
		}
		w.present = nil
		w.take(w.r.Members(nil, w.now))
		w.pass(w.now.Add(2 * Longest))
		for _, keys := range w.given {
			if slices.ContainsFunc(keys, func(k Key) bool { return k.Raw.Equal(w.using.Raw) }) {
				t.Fatal("when all have left, somebody still has the key")
			}
		}
	}
}

func TestRotation_IndexGoesRound(t *testing.T) {
	w := newWorld(t)
	w.take(w.r.Members(nil, w.now))
	for range 300 {
		w.pass(w.now.Add(MaxAge))
	}
	if w.using.Index != 300%256 {
		t.Errorf("after 300 keys the index is %d", w.using.Index)
	}
}

func FuzzRotation_HoldsInAnyOrderOfThings(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 10, 1, 1, 0, 0, 1, 200, 3, 255, 0})
	f.Add([]byte{0, 1, 0, 0, 7, 50, 0, 13, 1, 0, 1, 1, 1, 5, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 600 {
			return
		}
		w := newWorld(t)
		w.take(w.r.Members(nil, w.now))
		for ; len(steps) >= 3; steps = steps[3:] {
			w.step(steps[0], steps[1], steps[2])
		}
	})
}
