package egress

import (
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// load is a subscriber in full swing: 250 packets of pictures in a second, 50 of
// sound, feedback every 50 ms.
type load struct {
	path     *Path[*int]
	arrivals *feedback.Arrivals
	now      unit.Instant
	id       uint32
	rtcp     []byte
	thing    int
}

func newLoad() *load {
	l := &load{path: New[*int](Config{}), arrivals: feedback.NewArrivals(), now: second}
	for range 5000 {
		l.step()
	}
	return l
}

// step is 4 ms: a packet of a picture, sound now and then, and all that leaves.
func (l *load) step() (reported bool) {
	l.now += 4 * millisecond
	l.id++
	l.path.Put(&l.thing, 1200, pacer.Video, Frame{ID: l.id / 8, Temporal: uint8(l.id / 8 % 2)}, l.now)
	if l.id%5 == 0 {
		l.path.Put(&l.thing, 120, pacer.Sound, Frame{}, l.now)
	}
	for {
		_, d, ok := l.path.Take(l.now)
		if !ok {
			break
		}
		l.arrivals.Arrived(d.Number, l.now.Add(20*time.Millisecond))
	}
	for {
		if _, ok := l.path.Discarded(); !ok {
			break
		}
	}
	_, _ = l.path.Wanted()
	if l.id%13 == 0 {
		l.feedback()
		return true
	}
	return false
}

func (l *load) feedback() {
	l.rtcp = l.arrivals.Append(l.rtcp[:0], 1, 2, l.now.Add(60*time.Millisecond))
	compound := feedback.Read(l.rtcp)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		l.path.Heard(m, l.now)
	}
}

func TestPath_AllocatesNothing(t *testing.T) {
	l := newLoad()
	if got := testing.AllocsPerRun(200, func() { // whole reports: AllocsPerRun rounds down
		for range 13 {
			l.step()
		}
	}); got != 0 {
		t.Errorf("%v allocations in 52 ms of a call", got)
	}
}

// BenchmarkPath is queue, pacer, what left, estimate and a share of the feedback,
// for one packet.
func BenchmarkPath(b *testing.B) {
	l := newLoad()
	b.ReportAllocs()
	for b.Loop() {
		l.step()
	}
}

// BenchmarkPath_Recorded is a path whose trace is kept.
func BenchmarkPath_Recorded(b *testing.B) {
	l := newLoad()
	var r bwe.Recorder
	l.path.Record(&r)
	bytes := 0
	b.ReportAllocs()
	for b.Loop() {
		l.step()
		if r.Waiting() > 16<<10 {
			bytes += len(r.Take())
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/packet")
}

// BenchmarkPath_Full is a path of which more is wanted than it carries.
func BenchmarkPath_Full(b *testing.B) {
	l := newLoad()
	b.ReportAllocs()
	for b.Loop() {
		l.path.Put(&l.thing, 1200, pacer.Video, Frame{ID: l.id / 8, Temporal: 1}, l.now)
		l.step()
	}
}

// BenchmarkPath_Shy is what the path of a peer costs that gives no feedback.
func BenchmarkPath_Shy(b *testing.B) {
	l := newLoad()
	l.path = New[*int](Config{Shy: true})
	b.ReportAllocs()
	for b.Loop() {
		l.now += 4 * millisecond
		l.id++
		l.path.Put(&l.thing, 1200, pacer.Video, Frame{ID: l.id / 8}, l.now)
		if _, _, ok := l.path.Take(l.now); !ok {
			b.Fatal("it waits")
		}
	}
}

// BenchmarkHeard is one report of 13 packets, with what it takes to make it.
func BenchmarkHeard(b *testing.B) {
	l := newLoad()
	b.ReportAllocs()
	for b.Loop() {
		l.now += 60 * millisecond
		for range 13 {
			l.arrivals.Arrived(l.path.left.Leave(1200, 0, l.now), l.now)
		}
		l.feedback()
	}
}
