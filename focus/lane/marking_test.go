package lane

import (
	"testing"
	"time"

	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

// road is a path in virtual time: a packet each 10 ms, a report each 100.
type road struct {
	marking
	now             unit.Instant
	came, told      [4]int64
	marked, refused int
}

// run sends for so long; carry says with which ECN field a packet comes, and whether.
func (r *road) run(d time.Duration, carry func(marked bool) (udp.ECN, bool)) {
	for end := r.now.Add(d); r.now < end; r.now = r.now.Add(10 * time.Millisecond) {
		marked := r.next(r.now)
		if marked {
			r.marked++
		}
		if ecn, ok := carry(marked); ok {
			r.came[ecn]++
		}
		if r.came != r.told && r.now%unit.Instant(100*time.Millisecond) == 0 {
			r.told = r.came
			if _, ended := r.judge(r.now, r.told); ended {
				r.refused++
			}
		}
	}
}

func carries(marked bool) (udp.ECN, bool) {
	if marked {
		return udp.ECT1, true
	}
	return udp.NotECT, true
}
func washes(bool) (udp.ECN, bool)       { return udp.NotECT, true }
func drops(marked bool) (udp.ECN, bool) { return udp.NotECT, !marked }
func breaks(bool) (udp.ECN, bool)       { return 0, false }

func TestMarking_FollowsThePath(t *testing.T) {
	r := &road{now: unit.Instant(time.Hour)}
	step := func(what string, d time.Duration, carry func(bool) (udp.ECN, bool), least, most, refused int) {
		t.Helper()
		r.marked = 0
		if r.run(d, carry); r.marked < least || r.marked > most || r.refused != refused {
			t.Errorf("%s: %d of %d marked, want %d to %d; refused %d times, want %d",
				what, r.marked, d/(10*time.Millisecond), least, most, r.refused, refused)
		}
	}
	step("it carries marks", 5*time.Second, carries, 480, 500, 0)
	step("a silence", 5*time.Second, breaks, 100, 160, 0)
	step("the same again", 5*time.Second, carries, 470, 500, 0)
	step("marks are washed off", 10*time.Second, washes, 180, 250, 1)
	step("and later they are not", 5*time.Second, carries, 0, 0, 1)
	r.restart()
	step("another route drops marks", 10*time.Second, drops, 20, 40, 2)
	r.restart()
	step("another carries them", 5*time.Second, carries, 480, 500, 2)
	step("and then drops them", 10*time.Second, drops, 100, 150, 3)
}

func TestMarking_CountsCongestionOnce(t *testing.T) {
	var m marking
	for i, c := range []struct{ told, want int64 }{{0, 0}, {3, 3}, {3, 0}, {4, 1}} {
		if got, _ := m.judge(0, [4]int64{udp.CE: c.told}); int64(got) != c.want {
			t.Errorf("report %d: %d, want %d", i, got, c.want)
		}
	}
}
