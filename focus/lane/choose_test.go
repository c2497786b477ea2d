package lane

import (
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Who looks at another size every two seconds, with room for all of them, never waits
// longer for a picture than a key frame takes.
func TestWay_MeetsWishesWithoutAFreeze(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.capacity = 50 * unit.Megabit
	s.run(5 * time.Second)
	s.screen.frozen = 0

	for i := range 30 {
		wish := int8(i % 3)
		s.sub.Aim(simulcast.Layer{Spatial: wish, Temporal: 3})
		s.run(2 * time.Second)
		if got := s.sub.Current().Spatial; got != wish {
			t.Errorf("after two seconds it has layer %d, wished was %d", got, wish)
		}
	}
	if s.screen.frozen > 0 {
		t.Errorf("%d freezes", s.screen.frozen)
	}
}

// A peer may agree to transport-wide numbers for pictures alone. Sound has none then, and is
// not missing in what it tells.
func TestWay_SoundThatNobodyTellsOfIsNotLost(t *testing.T) {
	s := newStreetWith(t, 11, true)
	defer s.close(false)
	s.expect(3*unit.Megabit, 6*time.Second, 2)
	s.expect(800*unit.Kilobit, 4*time.Second, 1)
	s.expect(3*unit.Megabit, 12*time.Second, 2)
	if stats := s.end.Stats().Sending; stats.Missing > 5 || s.lane.Stats().Paths.Changes[bwe.Lost] > 0 {
		t.Errorf("%d packets are taken for lost: %+v", stats.Missing, s.lane.Stats().Paths.Changes)
	}
}
