package egress

import (
	"slices"
	"testing"
	"time"

	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

func TestPath_SendsSoundThenRepairThenPictures(t *testing.T) {
	r := newRig(t, Config{}).fixed(unit.Megabit)
	for range 3 {
		r.put(pacer.Video, 1000, Frame{ID: 1})
	}
	r.put(pacer.Repair, 1000, Frame{})
	r.put(pacer.Repair, 1000, Frame{})
	r.put(pacer.Sound, 200, Frame{})
	r.put(pacer.Sound, 200, Frame{})
	if r.Next() != unit.Never {
		t.Error("sound is not due at once")
	}
	r.run(100 * time.Millisecond)
	if got, want := ids(r.left), []int{6, 7, 4, 5, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("left as %v, want %v", got, want)
	}
	if !slices.IsSorted(r.numbers) || r.numbers[0] != 0 || int(r.numbers[6]) != 6 {
		t.Errorf("with the numbers %v", r.numbers)
	}
	if r.Next() < r.now {
		t.Error("something is due though nothing waits")
	}
}

func TestPath_SaysExactlyWhenTheNextMayLeave(t *testing.T) {
	r := newRig(t, Config{}).fixed(unit.Megabit)
	r.picture(Frame{ID: 1}, 6)
	r.take()
	for range 3 {
		at := r.Next()
		if r.now = at - 1; r.take() != 0 {
			t.Fatal("it left before its time")
		}
		if r.now = at; r.take() != 1 {
			t.Fatal("it did not leave at its time")
		}
	}
}

// Upper layers go first, whole frames, those that need each other together.
func TestPath_LeavesUpperTemporalFramesOutFirst(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit) // soft: 6000 bytes
	pattern := []uint8{0, 2, 1, 2}
	for id := range uint32(8) {
		r.picture(Frame{ID: id, Temporal: pattern[id%4]}, 2)
	}
	for _, i := range r.omitted {
		if i.frame.Temporal == 0 {
			t.Errorf("frame %d of layer 0 was left out", i.frame.ID)
		}
	}
	r.run(time.Second)
	if got, want := frames(r.left), []uint32{0, 4}; !slices.Equal(got, want) {
		t.Errorf("frames %v left, want %v (%v were left out)", got, want, frames(r.omitted))
	}
	whole(t, r)
}

// whole fails if a frame left in part.
func whole(t *testing.T, r *rig) {
	t.Helper()
	left := map[Frame]bool{}
	for _, i := range r.left {
		left[i.frame] = true
	}
	for _, i := range r.omitted {
		if left[i.frame] {
			t.Errorf("a part of frame %d was left out", i.frame.ID)
		}
	}
}

func TestPath_LeavesOutWhatNeededAnOmittedFrame(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit)
	r.picture(Frame{ID: 1}, 6)
	r.picture(Frame{ID: 2, Temporal: 1}, 1) // over the limit: left out
	r.run(200 * time.Millisecond)
	r.picture(Frame{ID: 3, Temporal: 2}, 1) // needs it
	r.picture(Frame{ID: 4, Temporal: 1}, 1) // may need it
	r.picture(Frame{ID: 5}, 1)
	r.picture(Frame{ID: 6, Temporal: 2}, 1)
	r.run(200 * time.Millisecond)
	if got, want := frames(r.left), []uint32{1, 5, 6}; !slices.Equal(got, want) {
		t.Errorf("frames %v left, want %v", got, want)
	}
}

func TestPath_BeginsAnewWithAKeyFrameWhenTooMuchWaits(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit) // hard: 24000 bytes
	for id := range uint32(12) {
		r.picture(Frame{Track: 7, ID: 100 + id}, 2)
		r.take()
	}
	if track, ok := r.Wanted(); !ok || track != 7 {
		t.Fatalf("no key frame is asked for: %d, %v", track, ok)
	}
	if _, ok := r.Wanted(); ok {
		t.Error("it is asked for twice")
	}
	r.run(time.Second)
	before := len(r.left)
	if got := frames(r.left); !slices.Equal(got, []uint32{100}) {
		t.Errorf("frames %v left, want the one that had begun", got)
	}
	r.picture(Frame{Track: 7, ID: 112}, 2)
	if _, ok := r.Wanted(); !ok {
		t.Error("it is not asked for again after a second")
	}
	r.picture(Frame{Track: 7, ID: 113, Key: true}, 3)
	r.picture(Frame{Track: 7, ID: 114}, 1)
	r.run(time.Second)
	if got := frames(r.left[before:]); !slices.Equal(got, []uint32{113, 114}) {
		t.Errorf("it goes on with %v, want the key frame and what follows", got)
	}
	if _, ok := r.Wanted(); ok {
		t.Error("another one is asked for")
	}
	whole(t, r)
}

func TestPath_PutsAKeyFrameInThePlaceOfWhatWaits(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit)
	for id := range uint32(4) {
		r.picture(Frame{Track: 1, ID: id}, 2)
		r.picture(Frame{Track: 2, ID: id}, 1)
	}
	r.take()
	r.picture(Frame{Track: 1, ID: 4, Key: true}, 2)
	r.run(time.Second)
	var one, two []item
	for _, i := range r.left {
		if i.frame.Track == 1 {
			one = append(one, i)
		} else {
			two = append(two, i)
		}
	}
	if got := frames(one); !slices.Equal(got, []uint32{0, 4}) {
		t.Errorf("of its track %v left", got)
	}
	if got := frames(two); !slices.Equal(got, []uint32{0, 1, 2, 3}) {
		t.Errorf("of the other %v left", got)
	}
}

func TestPath_DropsTheTrackThatHasMost(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit)
	for id := range uint32(12) {
		r.picture(Frame{Track: 1, ID: id}, 1)
		r.picture(Frame{Track: 2, ID: id}, 3)
	}
	for _, i := range r.omitted {
		if i.frame.Track == 1 {
			t.Fatal("the smaller track pays")
		}
	}
	if track, _ := r.Wanted(); track != 2 {
		t.Errorf("track %d waits for a key frame", track)
	}
}

func TestPath_LeavesOutWhatIsTooOld(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit)
	r.picture(Frame{ID: 1}, 10)
	r.picture(Frame{ID: 2, Temporal: 0}, 1)
	r.take()
	r.now += second
	r.run(time.Second)
	if got := frames(r.left); !slices.Equal(got, []uint32{1}) {
		t.Errorf("%v left", got)
	}
	if _, ok := r.Wanted(); !ok {
		t.Error("nobody asks for a key frame")
	}
	r.picture(Frame{ID: 3, Key: true}, 1)
	r.now += second // however late, a key frame is of use
	r.take()
	if got := frames(r.left); !slices.Equal(got, []uint32{1, 3}) {
		t.Errorf("%v left", got)
	}
	r.put(pacer.Repair, 1000, Frame{})
	r.now += second
	if r.take(); len(r.omitted) != 2 {
		t.Error("what is to be sent again does not grow old")
	}
}

func TestPath_CutsOffAFrameThatWouldTakeTooLong(t *testing.T) {
	r := newRig(t, Config{}).fixed(20 * unit.Megabit)
	r.picture(Frame{ID: 1}, 80)
	r.take()
	r.fixed(300 * unit.Kilobit) // 70 packets of the frame would take 2.2 s
	r.picture(Frame{ID: 2, Key: true}, 2)
	r.run(time.Second)
	if got := frames(r.left); !slices.Equal(got, []uint32{1, 2}) || len(r.left) > 20 {
		t.Errorf("%v left, %d packets", got, len(r.left))
	}
}

func TestPath_ForgetsATrack(t *testing.T) {
	r := newRig(t, Config{}).fixed(480 * unit.Kilobit)
	r.picture(Frame{Track: 1, ID: 1}, 2)
	r.picture(Frame{Track: 2, ID: 1}, 2)
	r.put(pacer.Repair, 100, Frame{Track: 1})
	r.put(pacer.Repair, 100, Frame{Track: 2})
	r.Drop(1)
	r.Cancel(func(i item) bool { return i.frame.Track == 1 })
	r.takeBack()
	r.run(time.Second)
	if got, want := ids(r.left), []int{6, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("%v left, want %v", got, want)
	}
	if len(r.tracks) != 1 || r.Stats().Omitted != 3 {
		t.Errorf("%d tracks are known, %d packets omitted", len(r.tracks), r.Stats().Omitted)
	}
}

func TestPath_LetsEverythingGoBeforeTheFirstFeedbackIfShy(t *testing.T) {
	r := newRig(t, Config{Shy: true})
	for id := range uint32(50) {
		r.picture(Frame{ID: id, Temporal: uint8(id % 3)}, 20)
		r.take()
	}
	if len(r.left) != 1000 {
		t.Errorf("%d of 1000 left", len(r.left))
	}
}
