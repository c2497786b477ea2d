package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// Delay that leaps and stays is another route, but not where a queue had begun to grow
// before: on a path that has become slow each packet makes it leap, and a queue that is full
// stays as it is, too.
func TestRoute_IsNotBegunInAQueue(t *testing.T) {
	for _, c := range []struct {
		waits time.Duration
		want  bool
	}{{0, true}, {20 * time.Millisecond, true}, {60 * time.Millisecond, false}, {200 * time.Millisecond, false}} {
		e := New(Config{Start: unit.Megabit})
		e.queue.fresh, e.queue.standing = c.waits, c.waits
		delay, left := 50*time.Millisecond+c.waits, unit.Instant(time.Hour)
		proved := false
		for i := range 60 {
			if i == 10 {
				delay += 100 * time.Millisecond
			}
			left = left.Add(10 * time.Millisecond)
			at := time.Duration(left) + delay
			e.route.observe(e, delay, at, left)
			e.queue.observe(delay, at)
			e.facts.left, e.facts.at = left, at
			proved = proved || e.route.judge(e)
		}
		if proved != c.want {
			t.Errorf("%v wait before: proved %v", c.waits, proved)
		}
	}
}
