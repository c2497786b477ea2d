package lane

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/focus/allocate"
	"meshfocus/focus/egress"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// screen shows a street's pictures as a browser does: each when it has all of it and of
// all before up to the last key frame, and what is missing it asks for at once and every
// 100 ms, ten times.
type screen struct {
	begun   bool
	next    uint16             // the lowest number that has not come
	highest uint16             // the highest that has
	came    map[uint16]*flight // from next on
	missing []missed
	shown   int
	last    unit.Instant  // when a picture was shown
	longest time.Duration // between two
	frozen  int           // times that it was too long
}

// missed is a number that did not come with those around it.
type missed struct {
	number uint16
	again  unit.Instant
	tries  int
}

// freeze is a gap between pictures that the W3C's statistics take for one, at 30 in a
// second.
const freeze = 33*time.Millisecond + 150*time.Millisecond

// arrive takes a packet.
func (w *screen) arrive(f *flight) {
	number := f.sequence
	switch {
	case f.repeat:
		number = f.original
	case f.ssrc != 10:
		return
	}
	if !w.begun {
		w.begun, w.next, w.highest, w.came = true, number, number-1, make(map[uint16]*flight)
	}
	if int16(number-w.next) < 0 {
		return
	}
	came := *f
	w.came[number] = &came
	for ; int16(number-w.highest) > 0; w.highest++ {
		if n := w.highest + 1; n != number {
			w.missing = append(w.missing, missed{number: n, again: f.at})
		}
	}
	w.missing = slices.DeleteFunc(w.missing, func(m missed) bool { return m.number == number })
	w.advance(f.at)
}

// advance shows what is whole: what follows, or else a key frame further on.
func (w *screen) advance(now unit.Instant) {
	for from := w.next; int16(w.highest-from) >= 0; from++ {
		if f := w.came[from]; f == nil || from != w.next && !f.key {
			continue
		}
		end, whole := w.picture(from)
		if !whole {
			continue
		}
		for ; w.next != end; w.next++ {
			delete(w.came, w.next)
		}
		w.missing = slices.DeleteFunc(w.missing, func(m missed) bool { return int16(m.number-end) < 0 })
		w.show(now)
		from = end - 1
	}
}

// picture gives the number behind a picture that begins with one, false if it is not whole.
func (w *screen) picture(from uint16) (end uint16, whole bool) {
	for n := from; w.came[n] != nil; n++ {
		if w.came[n].marker {
			return n + 1, true
		}
	}
	return 0, false
}

func (w *screen) show(now unit.Instant) {
	if w.shown++; w.shown > 1 {
		gap := now.Sub(w.last)
		if w.longest = max(w.longest, gap); gap > freeze {
			w.frozen++
		}
	}
	w.last = now
}

// ask gives the requests that reach the sender now.
func (w *screen) ask(now unit.Instant) (reports [][]byte) {
	for i := range w.missing {
		m := &w.missing[i]
		if now < m.again.Add(streetLink) || m.tries == 10 {
			continue
		}
		m.tries, m.again = m.tries+1, m.again.Add(100*time.Millisecond)
		said, _ := (&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 10, Nacks: []rtcp.NackPair{{PacketID: m.number}}}).Marshal()
		reports = append(reports, said)
	}
	return reports
}

// Case S5 of the dossier: somebody joins on a link that loses 3 % of the packets. The
// largest picture is there within 0.8 s, and from then on none stands still for long: what
// is missing is sent several times, since it may get lost again.
func TestWay_SendsWhatIsMissingSoThatNothingFreezes(t *testing.T) {
	for seed := range uint64(3) {
		s := newStreet(t, 11)
		s.sub.Aim(simulcast.None)
		s.run(4 * time.Second)
		s.loss = rand.New(rand.NewPCG(seed, 5))
		s.sub.Aim(all)
		top := time.Duration(0)
		for began := s.now; s.now.Sub(began) < 60*time.Second; {
			s.run(10 * time.Millisecond)
			if top == 0 && s.sub.Current().Spatial == 2 {
				top = s.now.Sub(began)
			}
			if top > 0 && s.now.Sub(began) < top+500*time.Millisecond { // its key frame is there
				s.screen.frozen = 0
			}
		}
		stats := s.sub.Stats()
		if w := &s.screen; top == 0 || top > 800*time.Millisecond || w.frozen > 0 || w.shown < 59*30 {
			t.Errorf("seed %d: the largest after %v, %d pictures with %d freezes, the longest %v; resent %d of %d asked for",
				seed, top, w.shown, w.frozen, w.longest, stats.Resent, stats.Nacked)
		}
		s.close(false)
	}
}

// What is to be sent again of a layer that is left is not, but for its lowest temporal
// layer where that goes on.
func TestWay_SendsNothingAgainOfALayerThatIsLeft(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.run(5 * time.Second)
	w := s.end.out.way
	wait := func() {
		for _, marks := range []marks{needed, 0} {
			w.path.Put(passage{again: repeat{s.sub, history.Copy[leaving]{Numbers: leaving{marks: marks}}}}, 100, pacer.Repair, egress.Frame{}, s.now)
		}
	}
	count := func() int64 { return w.path.Stats().Waiting[pacer.Repair] }
	for _, c := range []struct {
		shed int8
		left int64
	}{{allocate.Everything, 200}, {0, 100}, {-1, 0}} {
		wait()
		s.sub.permit(allotted{all, c.shed, allocate.Best})
		if w.forsake(s.sub); count() != c.left {
			t.Errorf("shed %d: %d bytes wait, want %d", c.shed, count(), c.left)
		}
		if w.enter(s.sub); count() != 0 {
			t.Errorf("%d bytes wait of a layer that was left", count())
		}
	}
}

// What waits for long before the key frame of another layer does not leave, and the numbers
// close up.
func TestWay_MakesWayForAnotherLayer(t *testing.T) {
	for _, waits := range []time.Duration{superseded / 2, 2 * superseded} {
		s := newStreet(t, 11)
		s.run(5 * time.Second)
		w := s.end.out.way
		s.capacity = 100 * unit.Kilobit
		for range 5000 {
			if s.run(time.Millisecond); w.path.Waits() > waits {
				break
			}
		}
		w.enter(s.sub)
		if left := w.path.Waits(); (left == 0) != (waits > superseded) || s.sub.sent.skip.skipping != (left == 0) || s.sub.sent.emptied {
			t.Errorf("%v waited: %v is left", waits, left)
		}
		s.close(false)
	}
}
