package matrix

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/signalling/message"
)

// clerk drives a queue by hand.
type clerk struct {
	t     *testing.T
	queue *queue
	start time.Time
	now   time.Time
}

func newClerk(t *testing.T, most int) *clerk {
	start := time.Unix(1_800_000_000, 0)
	return &clerk{t: t, queue: newQueue(most), start: start, now: start}
}

func (c *clerk) push(to string, names ...string) {
	for _, name := range names {
		c.queue.push(&parcel{to: message.Party{UserID: to}, transaction: name, deadline: c.now.Add(time.Minute)})
	}
}

// starts checks what goes now, and gives it.
func (c *clerk) starts(want ...string) []*parcel {
	c.t.Helper()
	ready, _, _ := c.queue.start(c.now)
	var names []string
	for _, p := range ready {
		names = append(names, p.transaction)
	}
	if !slices.Equal(names, want) {
		c.t.Fatalf("after %s %q go, want %q", c.now.Sub(c.start), names, want)
	}
	return ready
}

func (c *clerk) finish(p *parcel, how outcome, after time.Duration) bool {
	return c.queue.finish(p, how, after, c.now, middle)
}

// waits moves time on to the next start and checks how long that is.
func (c *clerk) waits(want time.Duration) {
	c.t.Helper()
	_, _, wake := c.queue.start(c.now)
	if wake.Sub(c.now) != want {
		c.t.Fatalf("after %s: wakes in %s, want %s", c.now.Sub(c.start), wake.Sub(c.now), want)
	}
	c.now = wake
}

func TestQueue_KeepsTheOrderOfADestination(t *testing.T) {
	c := newClerk(t, 4)
	c.push("a", "a1", "a2", "a3")
	first := c.starts("a1")
	c.starts() // a2 waits for a1
	c.finish(first[0], outcomeRetry, 0)
	c.starts() // and while a1 waits for its retry
	c.waits(250 * time.Millisecond)
	again := c.starts("a1")
	c.finish(again[0], outcomeSent, 0)
	second := c.starts("a2")
	c.finish(second[0], outcomeDrop, 0)
	c.starts("a3")
}

func TestQueue_LetsNoDestinationWaitForAnother(t *testing.T) {
	c := newClerk(t, 4)
	c.push("a", "a1")
	c.finish(c.starts("a1")[0], outcomeRetry, time.Minute)
	c.push("b", "b1", "b2")
	c.finish(c.starts("b1")[0], outcomeSent, 0)
	c.starts("b2")
}

func TestQueue_BoundsWhatIsInFlight_AndTakesTurns(t *testing.T) {
	c := newClerk(t, 2)
	c.push("a", "a1", "a2")
	c.push("b", "b1")
	c.push("c", "c1")
	flying := c.starts("a1", "b1")
	c.starts()
	c.finish(flying[0], outcomeSent, 0)
	c.starts("c1") // a had its turn
	c.finish(flying[1], outcomeSent, 0)
	c.starts("a2")
}

func TestQueue_PausesForAllWhileTheRateIsLimited(t *testing.T) {
	c := newClerk(t, 4)
	c.push("a", "a1")
	c.finish(c.starts("a1")[0], outcomeLimited, 3*time.Second)
	c.push("b", "b1")
	c.starts()
	c.waits(3 * time.Second)
	c.starts("b1")
	c.waits(125 * time.Millisecond) // spread
	c.starts("a1")
}

func TestQueue_BacksOffExponentiallyUpToALimit(t *testing.T) {
	c := newClerk(t, 1)
	c.push("a", "a1")
	for _, want := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 8000} {
		c.finish(c.starts("a1")[0], outcomeRetry, 0)
		c.waits(want * time.Millisecond)
	}
}

func TestQueue_GivesUpWhatIsOverdue_ButNothingInFlight(t *testing.T) {
	c := newClerk(t, 4)
	c.push("a", "a1", "a2")
	c.push("b", "b1")
	flying := c.starts("a1", "b1")
	c.finish(flying[1], outcomeRetry, time.Hour)
	c.waits(time.Minute) // the deadline of b1
	ready, expired, _ := c.queue.start(c.now)
	if len(ready) != 0 || len(expired) != 1 || expired[0].transaction != "b1" {
		t.Fatalf("%d ready, %d expired; want b1 to expire and nothing to go", len(ready), len(expired))
	}
	c.finish(flying[0], outcomeRetry, 0)
	if _, expired, _ = c.queue.start(c.now); len(expired) != 2 {
		t.Fatalf("%d expired after the flight, want a1 and a2", len(expired))
	}
	if len(c.queue.lines) != 0 {
		t.Fatalf("%d lines are left over", len(c.queue.lines))
	}
}

// Whatever the homeserver does, every parcel comes out once, in order among
// those for its destination, and never two of one destination fly together.
func TestQueue_LosesAndRepeatsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClerk(nil, rapid.IntRange(1, 5).Draw(t, "most"))
		pushed, next := 0, map[string]int{}
		var flying []*parcel
		ended := map[string][]int{}
		end := func(p *parcel) { ended[p.to.UserID] = append(ended[p.to.UserID], p.attemptOrder()) }
		step := func() {
			ready, expired, wake := c.queue.start(c.now)
			for _, p := range expired {
				end(p)
			}
			for _, p := range ready {
				if slices.ContainsFunc(flying, func(o *parcel) bool { return o.to == p.to }) {
					t.Fatalf("two parcels to %s fly", p.to)
				}
				flying = append(flying, p)
			}
			if len(flying) > c.queue.most {
				t.Fatalf("%d fly, at most %d may", len(flying), c.queue.most)
			}
			if len(flying) == 0 && len(c.queue.lines) > 0 && wake.IsZero() {
				t.Fatalf("parcels wait and nothing will wake the queue")
			}
			if len(flying) > 0 {
				at := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				p := flying[at]
				flying = slices.Delete(flying, at, at+1)
				how := outcome(rapid.IntRange(0, int(outcomeDrop)).Draw(t, "how"))
				if c.queue.finish(p, how, 0, c.now, rapid.Float64Range(0, 0.999).Draw(t, "random")) {
					end(p)
				}
			} else if !wake.IsZero() {
				c.now = wake
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "pushes") {
			to := fmt.Sprint("user", rapid.IntRange(0, 3).Draw(t, "to"))
			c.push(to, fmt.Sprint(next[to]))
			next[to]++
			pushed++
			step()
		}
		for range 10_000 {
			if len(c.queue.lines) == 0 {
				break
			}
			step()
		}
		total := 0
		for to, order := range ended {
			total += len(order)
			if !slices.IsSorted(order) {
				t.Fatalf("%s got %v", to, order)
			}
		}
		if total != pushed {
			t.Fatalf("%d of %d parcels came out", total, pushed)
		}
	})
}

// attemptOrder reads the number a test parcel was given.
func (p *parcel) attemptOrder() (n int) {
	_, _ = fmt.Sscan(p.transaction, &n)
	return n
}
