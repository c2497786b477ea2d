package headless

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/freeport"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/testcard"
	"meshfocus/internal/unit"
)

// What the uplink carries: twice the large picture of 865 kbit/s, with all that is around
// it, and sound; or twice the small one of 70 kbit/s and sound of 60 each, but not the middle
// one of 350 even for one of two.
const (
	ample  = 10 * unit.Megabit
	narrow = 500 * unit.Kilobit
)

// One participant sends a picture in three sizes, and sound, to two others over one uplink:
// both see the large one while there is room, and the small one when there is not; they lose
// no sound and what waits in front of the uplink stays bounded; and when there is room again
// the large one comes back.
func TestAdaptive_BothSeeWhatTheUplinkCarries(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	port := freeport.Port(t)
	way, own, others := startDetour(t, h, "alice", port, bottleneck.Config{
		// The queue holds what a busy machine is late to take back.
		Forward: discrete.Path{Rates: discrete.Constant(ample), Queue: 3 * time.Second, Delay: discrete.Always(20 * time.Millisecond)},
		Back:    discrete.Path{Delay: discrete.Always(20 * time.Millisecond)},
	})
	began := way.path.Begin()
	alice := startParty(t, h, "alice", func(c *Config) {
		own(c)
		c.Clip, c.Publish = nil, threeSizes(t)
	})
	watch := func(c *Config) { others(c); c.Clip = nil }
	seen := &audience{t: t, of: alice, by: []*party{startParty(t, h, "bob", watch), startParty(t, h, "carol", watch)}}

	seen.waitFor(640, way)
	t.Logf("%v: both see the large one", time.Since(began).Round(time.Second/10))
	way.path.Retune(bottleneck.Forward, narrow)
	seen.waitFor(160, way)
	t.Logf("%v: both see the small one", time.Since(began).Round(time.Second/10))
	settled := len(way.path.Logs()[bottleneck.Forward].Entries)
	heard := seen.sound()
	eventually(t, patience, "two more seconds of sound to each", func() bool { return slices.Min(seen.sound()) >= slices.Max(heard)+100 }, seen.describe)
	queue := waited(way.path.Logs()[bottleneck.Forward].Entries[settled:])
	way.path.Retune(bottleneck.Forward, ample)
	seen.waitFor(640, way)
	t.Logf("%v: both see the large one again; on the narrow uplink 95 %% waited for less than %v; %v", time.Since(began).Round(time.Second/10), queue, way.path.Audit())
	if queue > time.Second {
		t.Errorf("on the narrow uplink 5 %% waited for more than %v", queue)
	}
	seen.lostNothing(way)
}

// audience is who sees a participant's picture.
type audience struct {
	t  *testing.T
	of *party
	by []*party
}

// received gives the statistics of a kind, as each of the audience has them.
func (a *audience) received(kind transport.Kind) []transport.ReceivedStats {
	all := make([]transport.ReceivedStats, len(a.by))
	for i, p := range a.by {
		if l := p.link(a.of.Party()); l.Stats != nil {
			for _, r := range l.Stats.Received {
				if r.Kind == kind && !r.Ended {
					all[i] = r
				}
			}
		}
	}
	return all
}

// sound is how many packets of it each has got.
func (a *audience) sound() (packets []uint64) {
	for _, r := range a.received(transport.Audio) {
		packets = append(packets, r.Packets)
	}
	return packets
}

// sees reports whether all see a picture of that width.
func (a *audience) sees(width int) bool {
	return !slices.ContainsFunc(a.received(transport.Video), func(r transport.ReceivedStats) bool { return r.Width != width })
}

// waitFor waits until they do. Where the machine was the limit, and not the path, the test
// ends without a verdict, but for sound.
func (a *audience) waitFor(width int, way *detour) {
	a.t.Helper()
	if a.see(width) {
		return
	}
	audit, words := way.path.Audit(), fmt.Sprintf("not within %v: all see %d pixels\n%s", patience, width, a.describe())
	if !audit.Limited() {
		a.t.Fatal(words)
	}
	a.lostNothing(way)
	a.t.Skipf("%v\n%s", audit, words)
}

// see waits for it as long as it may take, and reports whether it came.
func (a *audience) see(width int) bool {
	for deadline := time.Now().Add(patience); !a.sees(width); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// lostNothing expects that all sound has come, and by the bottleneck.
func (a *audience) lostNothing(way *detour) {
	a.t.Helper()
	came := uint64(0)
	for i, r := range a.received(transport.Audio) {
		came += r.Packets
		if r.Lost > 0 || r.Packets == 0 {
			a.t.Errorf("%s has %d packets of sound, %d are lost", a.by[i].name, r.Packets, r.Lost)
		}
	}
	passed, dropped := uint64(0), 0
	for _, e := range way.path.Logs()[bottleneck.Forward].Entries {
		switch {
		case e.Kind == discrete.Sound && e.Fate == discrete.Delivered:
			passed++
		case e.Fate == discrete.Dropped:
			dropped++
		}
	}
	a.t.Logf("of %d packets of sound that came %d had passed the bottleneck, which dropped %d of all", came, passed, dropped)
	if passed < came || dropped > 0 {
		a.t.Errorf("%d packets of sound came and %d passed the bottleneck, which dropped %d of all", came, passed, dropped)
	}
}

// describe says what all have of the picture, and what is thought of the ways to them.
func (a *audience) describe() string {
	var b strings.Builder
	for i, r := range a.received(transport.Video) {
		to := a.by[i].Party()
		l := a.of.link(to)
		what, because := l.Sends()
		fmt.Fprintf(&b, "%s: %d pixels, %d frames, lost %d; it is sent %s: %s", a.by[i].name, r.Width, r.Frames, r.Lost, what, because)
		if l.Stats != nil {
			s := &l.Stats.Sending
			fmt.Fprintf(&b, ", its way carries %d (%s), of that proven %d, queue %v, held %d", s.Estimate, s.Reason, s.Confirmed, s.Queued, s.Held)
		}
		b.WriteString("\n")
	}
	return b.String() + describe(append(a.by, a.of)...)
}

// waited is for how long 95 of 100 packets waited at the most.
func waited(entries []discrete.Entry) time.Duration {
	var waits []time.Duration
	for _, e := range entries {
		if e.Fate == discrete.Delivered {
			waits = append(waits, e.Left.Sub(e.Entered))
		}
	}
	slices.Sort(waits)
	return waits[len(waits)*95/100].Round(time.Millisecond)
}

// threeSizes are files of one picture, and of sound.
func threeSizes(t *testing.T) []string {
	dir := t.TempDir()
	sound := filepath.Join(dir, "sound.ogg")
	if err := os.WriteFile(sound, testcard.Audio, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{sound, moving(t, dir, 160, 90, 450), moving(t, dir, 320, 180, 2660), moving(t, dir, 640, 360, 6660)}
}

// moving makes a file of VP8 with frames of so many bytes, 15 in a second, one of which is
// a key frame of twice the size, as long as the sound of the card. What is in them nobody
// decodes.
func moving(t *testing.T, dir string, width, height uint16, size int) string {
	t.Helper()
	const rate, length = 15, 10
	file := binary.LittleEndian.AppendUint16([]byte("DKIF\x00\x00"), 32)
	file = append(file, "VP80"...)
	file = binary.LittleEndian.AppendUint16(file, width)
	file = binary.LittleEndian.AppendUint16(file, height)
	file = binary.LittleEndian.AppendUint32(file, rate)
	file = binary.LittleEndian.AppendUint32(file, 1)
	file = append(file, make([]byte, 8)...)
	for i := range rate * length {
		frame := make([]byte, size)
		frame[0] = 0x11 // a frame that refers to the one before
		if i%rate == 0 {
			frame = append(frame, frame...)
			copy(frame, []byte{0x10, 2, 0, 0x9d, 1, 0x2a, byte(width), byte(width >> 8), byte(height), byte(height >> 8)})
		}
		file = binary.LittleEndian.AppendUint32(file, uint32(len(frame)))
		file = binary.LittleEndian.AppendUint64(file, uint64(i))
		file = append(file, frame...)
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.ivf", width))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
