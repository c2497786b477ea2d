package focus

import (
	"slices"
	"testing"

	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
)

func TestPriorities(t *testing.T) {
	shown := func(owner string, width, height int) *share {
		return &share{wish: Wish{Width: width, Height: height}, of: &publication{Track: Track{Kind: lane.Video, Owner: owner}}}
	}
	screen, sound, away := shown("a", 1280, 720), shown("b", 0, 0), shown("c", 1920, 1080)
	screen.of.Screen, sound.of.Kind, away.wish.Paused = true, lane.Audio, true
	const visible, pinned, speaker, top = allocate.Visible, allocate.Pinned, allocate.Speaker, allocate.Screen
	for _, c := range []struct {
		name    string
		shares  []*share
		speaker string
		want    []allocate.Priority
	}{
		{"a grid", []*share{shown("a", 320, 180), shown("b", 320, 180), shown("c", 320, 180)}, "", []allocate.Priority{visible, visible, visible}},
		{"one of them speaks", []*share{shown("a", 320, 180), shown("b", 320, 180)}, "b", []allocate.Priority{visible, speaker}},
		{"a large one beside a strip", []*share{shown("a", 320, 180), shown("b", 1280, 720), shown("c", 320, 180)}, "a", []allocate.Priority{speaker, pinned, visible}},
		{"the large one speaks", []*share{shown("a", 320, 180), shown("b", 1280, 720)}, "b", []allocate.Priority{visible, speaker}},
		{"somewhat larger", []*share{shown("a", 320, 180), shown("b", 480, 270)}, "", []allocate.Priority{visible, visible}},
		{"alone", []*share{shown("a", 1280, 720)}, "", []allocate.Priority{visible}},
		{"beside sound, and what is not shown", []*share{sound, shown("a", 1280, 720), away}, "", []allocate.Priority{visible, visible, visible}},
		{"a screen, whoever speaks", []*share{screen, shown("a", 320, 180), shown("b", 320, 180)}, "a", []allocate.Priority{top, speaker, visible}},
		{"sizes that nobody told", []*share{shown("a", 0, 0), shown("b", 0, 0)}, "", []allocate.Priority{visible, visible}},
		{"nothing", nil, "a", nil},
	} {
		if got := priorities(nil, c.shares, c.speaker); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A session looks at everybody's shares ten times a second.
func TestPriorities_AllocateNothing(t *testing.T) {
	r, key := newRoster(), Key{"a", "camera"}
	for _, party := range []string{"a", "b"} {
		if _, err := r.join(party); err != nil {
			t.Fatal(err)
		}
	}
	r.tracks[key] = &publication{Track: Track{Key: key, Owner: "a"}}
	if _, err := r.subscribe("b", key, Wish{}); err != nil {
		t.Fatal(err)
	}
	matter := make([]allocate.Priority, 0, 1)
	if n := testing.AllocsPerRun(100, func() { matter = priorities(matter[:0], r.shares("b"), "a") }); n > 0 || len(matter) != 1 {
		t.Errorf("%v allocations for %v", n, matter)
	}
}
