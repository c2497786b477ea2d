package srtp

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestEstimate_TakesTheNearestIndex(t *testing.T) {
	for _, v := range []struct {
		name     string
		highest  uint64
		sequence uint16
		want     uint64
	}{
		{"next", 0x1_0005, 0x0006, 0x1_0006},
		{"same", 0x1_0005, 0x0005, 0x1_0005},
		{"wrap forward", 0x1_ffff, 0x0000, 0x2_0000},
		{"late from before the wrap", 0x2_0003, 0xfff0, 0x1_fff0},
		{"half ahead", 0x1_0000, 0x8000, 0x1_8000},
		{"more than half ahead is behind", 0x1_0000, 0x8001, 0x0_8001},
		{"half behind", 0x1_8000, 0x0000, 0x1_0000},
		{"more than half behind is ahead", 0x1_8001, 0x0000, 0x2_0000},
		{"nothing lies before the first rollover", 0x0_0003, 0xfff0, 0x0_fff0},
		{"first rollover", 0x0_fffe, 0x0001, 0x1_0001},
		{"last rollover", 0xffff_ffff_ffff, 0x0000, 1 << 48},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := estimate(v.highest, v.sequence); got != v.want {
				t.Errorf("%#x, want %#x", got, v.want)
			}
		})
	}
}

// model remembers of one stream everything.
type model struct {
	used    map[uint64]bool
	highest uint64
	// floor is the highest index when the stream last got its window back:
	// everything up to it counts as used.
	floor uint64
}

// want says what check should answer for an index.
func (m *model) want(index uint64, hasWindow bool) error {
	switch {
	case index > m.highest:
		return nil
	case !hasWindow || m.highest-index >= windowSize:
		return ErrOld
	case m.used[index] || index <= m.floor && m.floor > 0:
		return ErrReplayed
	}
	return nil
}

// An index is used at most once, and refused only if it was used or is too
// old; also while other streams come and take the windows.
func TestStreams_LetNoIndexBeUsedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newStreams()
		models := map[uint32]*model{}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			if rapid.IntRange(0, 100).Draw(t, "crowd") == 0 {
				crowd(&table)
			}
			ssrc := rapid.Uint32Range(0, 3).Draw(t, "ssrc")
			s, m := table.find(ssrc), models[ssrc]
			if s == nil {
				index := rapid.Uint64Range(0, 3000).Draw(t, "first")
				table.begin(ssrc, index)
				models[ssrc] = &model{used: map[uint64]bool{index: true}, highest: index}
				continue
			}
			back := min(m.highest, rapid.SampledFrom([]uint64{3, 100, 2 * windowSize}).Draw(t, "back"))
			ahead := rapid.SampledFrom([]uint64{1, 5, 1500}).Draw(t, "ahead")
			index := rapid.Uint64Range(m.highest-back, m.highest+ahead).Draw(t, "index")
			hasWindow := table.windows[s.window].ssrc == ssrc
			err := table.check(s, index, rtpIndices)
			if want := m.want(index, hasWindow); !errors.Is(err, want) {
				t.Fatalf("%d after %d: %v, want %v", index, m.highest, err, want)
			}
			if err != nil {
				continue
			}
			if !hasWindow {
				m.floor = m.highest
			}
			table.use(s, index)
			m.used[index], m.highest = true, max(m.highest, index)
		}
	})
}

// crowd begins as many streams as there are windows.
func crowd(table *streams) {
	first := uint32(table.count) + 1000
	for i := range uint32(maxWindows) {
		if !table.full() {
			table.begin(first+i, 0)
		}
	}
}

func TestStreams_KeepAllOfMany(t *testing.T) {
	table := newStreams()
	for i := range uint32(maxStreams) {
		if table.full() {
			t.Fatalf("full after %d", i)
		}
		table.begin(i*64, uint64(i)) // as alike as can be
	}
	if !table.full() {
		t.Error("takes more than its bound")
	}
	for i := range uint32(maxStreams) {
		if s := table.find(i * 64); s == nil || s.next != uint64(i)+1 {
			t.Fatalf("stream %d: %+v", i, s)
		}
	}
	if table.find(1) != nil {
		t.Error("found a stream that was not there")
	}
	if len(table.windows) != maxWindows || len(table.slots) > 2*maxStreams {
		t.Errorf("%d windows and %d slots, more than the bounds", len(table.windows), len(table.slots))
	}
}

// However many streams come, the ones that are in use keep their windows.
func TestStreams_NewOnesTakeTheWindowsOfTheIdle(t *testing.T) {
	table := newStreams()
	table.begin(1, 100)
	for i := range uint32(1000) {
		if i%100 == 0 {
			table.use(table.find(1), uint64(102+i))
		}
		table.begin(1000+i, 0)
	}
	s := table.find(1)
	if err := table.check(s, 101, rtpIndices); err != nil {
		t.Errorf("late packet of a stream in use: %v", err)
	}
	if err := table.check(s, 102, rtpIndices); !errors.Is(err, ErrReplayed) {
		t.Errorf("repeated packet of a stream in use: %v, want ErrReplayed", err)
	}
	idle := table.find(1000)
	if err := table.check(idle, 0, rtpIndices); !errors.Is(err, ErrOld) {
		t.Errorf("repeated packet of an idle stream: %v, want ErrOld", err)
	}
	if err := table.check(idle, 1, rtpIndices); err != nil {
		t.Errorf("next packet of an idle stream: %v", err)
	}
}
