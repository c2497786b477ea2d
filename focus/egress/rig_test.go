package egress

import (
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

const (
	second      = unit.Instant(time.Second)
	millisecond = unit.Instant(time.Millisecond)
)

// item is what the tests send.
type item struct {
	id    int
	class pacer.Class
	frame Frame
}

// rig is a path, its items, and a receiver behind a link that holds nothing up.
type rig struct {
	testing.TB
	*Path[item]
	now      unit.Instant
	next     int
	left     []item
	numbers  []uint16
	omitted  []item
	padding  []Departure
	arrivals *feedback.Arrivals
}

func newRig(t testing.TB, c Config) *rig {
	return &rig{TB: t, Path: New[item](c), now: 1000 * second, arrivals: feedback.NewArrivals()}
}

// fixed has the path paced at a rate whatever the estimate is.
func (r *rig) fixed(pace unit.BitRate) *rig {
	r.pacer.Pace(pace, r.now)
	r.bind(pace, pace)
	r.shy = true
	return r
}

// put queues an item.
func (r *rig) put(class pacer.Class, size int, f Frame) int {
	r.next++
	r.Put(item{r.next, class, f}, size, class, f, r.now)
	r.takeBack()
	return r.next
}

// picture queues a frame of so many packets of 1200 bytes.
func (r *rig) picture(f Frame, packets int) {
	for range packets {
		r.put(pacer.Video, 1200, f)
	}
}

func (r *rig) takeBack() {
	for {
		omitted, ok := r.Discarded()
		if !ok {
			return
		}
		r.omitted = append(r.omitted, omitted)
	}
}

// take takes what may leave now.
func (r *rig) take() (packets int) {
	for {
		i, d, ok := r.Take(r.now)
		r.takeBack()
		if !ok {
			return packets
		}
		packets++
		r.numbers = append(r.numbers, d.Number)
		if d.Padding > 0 {
			r.padding = append(r.padding, d)
			continue
		}
		r.left = append(r.left, i)
	}
}

// run lets time pass, and takes what may leave every millisecond.
func (r *rig) run(d time.Duration) {
	for end := r.now.Add(d); r.now < end; r.now += millisecond {
		r.take()
	}
}

// ids gives what left, by number of item.
func ids(items []item) (ids []int) {
	for _, i := range items {
		ids = append(ids, i.id)
	}
	return ids
}

// frames gives the frames that left or were omitted, in order.
func frames(items []item) (frames []uint32) {
	for _, i := range items {
		if last := len(frames) - 1; last < 0 || frames[last] != i.frame.ID {
			frames = append(frames, i.frame.ID)
		}
	}
	return frames
}

// hear brings RTCP.
func (r *rig) hear(rtcp []byte) {
	r.Helper()
	compound := feedback.Read(rtcp)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		r.Heard(m, r.now)
	}
	if compound.Faults > 0 {
		r.Fatal("the report cannot be read")
	}
}
