package focus

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"meshfocus/focus/transport"
)

// soaking is how long TestSoak lasts if SOAK does not say: a first look.
const soaking = 1500 * time.Millisecond

// mostGuests is how many are in at once.
const mostGuests = 5

// soak is a session that has no peace.
type soak struct {
	t       *testing.T
	session *Session
	random  *rand.Rand
	sounds  []*transport.LocalTrack
	sights  []*transport.LocalTrack
	joined  int
	guests  []*soaker

	steps, lost, samples, dropped, changes int
}

// soaker is a guest with the network and the way it came by.
type soaker struct {
	*guest
	network *transport.Network
}

// TestSoak has guests come and go, change what they want, and lose two
// packets of a hundred, for as long as SOAK says. Then everybody leaves and nothing
// may be left of them; so it goes on, round by round, and what is held after the last
// round is what was after the first. With -v each round says a line.
func TestSoak(t *testing.T) {
	lasts := soaking
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	local := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	n := network(t, transport.Config{Lanes: 2, Addresses: local})
	f := New(Config{Network: n, Log: testLog()})
	s := &soak{t: t, random: rand.New(rand.NewPCG(20, 26))}
	t.Cleanup(f.Close)
	t.Cleanup(func() {
		for len(s.guests) > 0 { // only if the test gave up
			s.leave(0)
		}
	})
	session, err := f.Session("soak")
	if err != nil {
		t.Fatal(err)
	}
	s.session = session
	for i := range mostGuests {
		name := fmt.Sprintf("source-%d", i)
		s.sounds, s.sights = append(s.sounds, microphone(t, name)), append(s.sights, camera(t, name))
	}
	door, err := n.NewBundle(transport.BundleConfig{Name: "door"})
	if err != nil {
		t.Fatal(err)
	}
	publishLayered(t, session, door.Lane())
	if err := door.Close(); err != nil {
		t.Error(err)
	}

	round := min(time.Minute, lasts/3)
	var held []holding
	for begun := time.Now(); time.Since(begun) < lasts || len(held) < 3; {
		s.round(round)
		h := hold()
		held = append(held, h)
		t.Logf("%8s: %d guests came, %d steps, %d samples, %d lost on the way and %d to the decoder, %d changes of size; left: %s",
			time.Since(begun).Round(time.Second), s.joined, s.steps, s.samples, s.lost, s.dropped, s.changes, h)
	}
	if s.samples == 0 || s.changes < s.joined/2 || s.dropped > s.lost {
		t.Errorf("of %d guests with %d samples %d changed sizes, and %d of %d lost packets were not repaired", s.joined, s.samples, s.changes, s.dropped, s.lost)
	}
	verdict(t, held)
}

// round has guests come and go, and leave in the end.
func (s *soak) round(lasts time.Duration) {
	for begun := time.Now(); time.Since(begun) < lasts || len(s.guests) < 2; s.steps++ {
		s.step()
		time.Sleep(50 * time.Millisecond)
	}
	until(s.t, "everybody gets the studio", func() bool {
		for _, g := range s.guests {
			if _, err := g.party.Subscribe(Key{"studio", "picture"}, Wish{Width: 1 + s.random.IntN(640)}); err != nil {
				s.t.Fatal(err)
			}
			if g.got("studio/picture").samples < 10 {
				return false
			}
		}
		return true
	})
	for len(s.guests) > 0 {
		s.leave(0)
	}
}

// step does something.
func (s *soak) step() {
	if len(s.guests) == 0 {
		s.join()
		return
	}
	at := s.random.IntN(len(s.guests))
	g := s.guests[at]
	tracks := s.session.Tracks()
	track := tracks[s.random.IntN(len(tracks))]
	switch s.random.IntN(12) {
	case 0, 1:
		if len(s.guests) < mostGuests {
			s.join()
		}
	case 2:
		if len(s.guests) > 2 {
			s.leave(at)
		}
	case 3, 4:
		g.party.SubscribeAll(Wish{})
	case 5:
		g.party.Unsubscribe(track.Key)
	case 6:
		_, _ = g.party.Subscribe(track.Key, Wish{Paused: true}) // its own is refused
	case 7:
		if track.Owner == g.name {
			g.party.SetMuted(track.Key, !track.Muted)
		}
	default:
		_, _ = g.party.Subscribe(Key{"studio", "picture"}, Wish{Width: []int{100, 300, 600}[s.random.IntN(3)]})
	}
}

func (s *soak) join() {
	s.joined++
	c := transport.Config{Addresses: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, Loopback: true}
	n, err := transport.Listen(c)
	if err != nil {
		s.t.Fatal(err)
	}
	source := s.joined % mostGuests
	g := joinBy(s.t, s.session, fmt.Sprintf("guest-%d", s.joined), n,
		transport.ConnConfig{Audio: s.sounds[source], Video: s.sights[source]}, newLossyWay(s.t, uint64(s.joined)))
	s.guests = append(s.guests, &soaker{g, n})
}

func (s *soak) leave(at int) {
	g := s.guests[at]
	s.guests = slices.Delete(s.guests, at, at+1)
	g.leave()
	if err := g.network.Close(); err != nil {
		s.t.Errorf("Network.Close: %v", err)
	}
	g.way.close()
	s.lost += g.way.lost
	for _, r := range g.received {
		s.samples, s.dropped, s.changes = s.samples+r.samples, s.dropped+r.dropped, s.changes+max(r.changes-1, 0)
	}
}

// holding is what the process has.
type holding struct {
	goroutines, files int
	heap              uint64 // bytes, after collection
}

func (h holding) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d KiB", h.goroutines, h.files, h.heap>>10)
}

func hold() holding {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, _ := os.ReadDir("/proc/self/fd")
	return holding{runtime.NumGoroutine(), len(files), memory.HeapAlloc}
}

// slack is what the heap may grow by that is no leak: pools that have become as large
// as they are going to be.
const slack = 8 << 20

// verdict compares the ends of rounds, from the first on: later rounds find pools that
// are warm. The least of each half counts, since what has ended may be still ending.
func verdict(t *testing.T, held []holding) {
	t.Helper()
	half := (len(held) + 1) / 2
	before, after := least(held[:half]), least(held[half:])
	if after.goroutines > before.goroutines+2 || after.files > before.files+2 || after.heap > before.heap+before.heap/10+slack {
		t.Errorf("it leaks: %s, then %s", before, after)
		return
	}
	t.Logf("flat: %s, then %s", before, after)
}

func least(held []holding) holding {
	return holding{
		slices.MinFunc(held, func(a, b holding) int { return cmp.Compare(a.goroutines, b.goroutines) }).goroutines,
		slices.MinFunc(held, func(a, b holding) int { return cmp.Compare(a.files, b.files) }).files,
		slices.MinFunc(held, func(a, b holding) int { return cmp.Compare(a.heap, b.heap) }).heap,
	}
}
