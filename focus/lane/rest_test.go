package lane

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// load is packets that come evenly to a send loop, and what a turn costs there.
type load struct {
	every time.Duration // between packets
	turn  time.Duration // whatever it sends
	each  time.Duration // for each packet, to all its subscribers
}

// served is what a rest makes of a load.
type served struct {
	longest time.Duration // that a packet waited for its turn to begin
	turns   int
	packets int
}

// serve has a send loop serve a load for a second.
func (l load) serve(r rest) (s served) {
	began := unit.Never.Add(time.Hour)
	now, next := began, began // next is when the next packet comes
	for next < began.Add(time.Second) {
		now = max(now, next)
		if left := r.left(now); left > 0 {
			now = now.Add(left)
		}
		from, cost := now, l.turn
		for ; next <= from; next = next.Add(l.every) {
			s.longest = max(s.longest, from.Sub(next))
			s.packets++
			cost += l.each
		}
		now = now.Add(cost)
		r.worked(from, now)
		s.turns++
	}
	return s
}

func TestRest_NothingWaitsForALoopWithLittleToDo(t *testing.T) {
	for name, l := range map[string]load{
		"50 subscribers, 250 packets in a second": {4 * time.Millisecond, 50 * time.Microsecond, 300 * time.Microsecond},
		"a call of four": {1600 * time.Microsecond, 20 * time.Microsecond, 12 * time.Microsecond},
		"a call of five": {800 * time.Microsecond, 20 * time.Microsecond, 25 * time.Microsecond},
	} {
		if s := l.serve(newRest(0)); s.longest > 0 || s.turns != s.packets {
			t.Errorf("%s: waits %v, %d packets in %d turns", name, s.longest, s.packets, s.turns)
		}
	}
}

func TestRest_ABusyLoopGathersForATickAtMost(t *testing.T) {
	busy := load{500 * time.Microsecond, 30 * time.Microsecond, 80 * time.Microsecond}
	s := busy.serve(newRest(0))
	if s.longest > defaultTick {
		t.Errorf("waits %v", s.longest)
	}
	if each := s.packets / s.turns; each < 4 {
		t.Errorf("%d packets a turn", each)
	}
}

// A loop that gathers has less to do: it rests as much as it takes to do no more than is spared.
func TestRest_IsShortForALoopThatIsBusyNowAndThen(t *testing.T) {
	l := load{500 * time.Microsecond, 30 * time.Microsecond, 15 * time.Microsecond}
	s := l.serve(newRest(0))
	if each := float64(s.packets) / float64(s.turns); s.longest == 0 || s.longest > defaultTick || each > 3 {
		t.Errorf("waits %v, %.1f packets a turn", s.longest, each)
	}
}

// Pictures that come all together, ten packets of each of three, to two each.
func TestRest_NothingWaitsInASmallCall(t *testing.T) {
	r, began := newRest(0), unit.Never.Add(time.Hour)
	for frame := range 90 {
		now := began.Add(time.Duration(frame) * time.Second / 30)
		for range 30 {
			if left := r.left(now); left > 0 {
				t.Fatalf("picture %d: a packet waits %v", frame, left)
			}
			to := now.Add(60 * time.Microsecond)
			r.worked(now, to)
			now = to
		}
	}
}

func TestRest_ThereIsNoneForALoopThatDoesNotKeepUp(t *testing.T) {
	r := newRest(0)
	from := unit.Never.Add(time.Hour)
	to := from.Add(2 * defaultTick)
	r.worked(from, to)
	if left := r.left(to); left > 0 {
		t.Errorf("it rests %v", left)
	}
}

func TestRest_BelowZeroEverythingLeavesAtOnce(t *testing.T) {
	busy := load{500 * time.Microsecond, 30 * time.Microsecond, 80 * time.Microsecond}
	if s := busy.serve(newRest(-1)); s.longest > 0 || s.turns != s.packets {
		t.Errorf("waits %v, %d packets in %d turns", s.longest, s.packets, s.turns)
	}
}
