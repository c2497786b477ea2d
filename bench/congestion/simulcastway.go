package congestion

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/egress"
	"meshfocus/focus/pacer"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// What package lane has of the same (way.go, allot.go).
const (
	leastStart, mostStart = 300 * unit.Kilobit, 3 * unit.Megabit
	tooLong, eased        = 400 * time.Millisecond, 50 * time.Millisecond
	superseded            = 100 * time.Millisecond
	// paddingMost is a packet of 255 bytes of padding.
	paddingMost = 28 + 40 + 255
)

// permitted is what may be selected of a track.
type permitted struct {
	layer simulcast.Layer
	shed  int8
}

// first is what is sent before the first report: the smallest layer.
var first = permitted{simulcast.Layer{Temporal: allocate.Everything}, allocate.Everything}

// permit says what may be selected, or nothing where what waited was left out.
func (t *forwarded) permit(p permitted) {
	if t.emptied {
		p = permitted{layer: simulcast.None}
	}
	t.permitted = p
	t.output.Selector.Aim(p.layer)
	t.output.Selector.Shed(p.shed)
}

// pave begins to estimate, with the first report.
func (f *focus) pave(now unit.Instant) {
	start := unit.Rate(f.bytes, now.Sub(discrete.Start))
	f.path = egress.New[int](egress.Config{
		Estimator: bwe.Config{Start: min(max(start, leastStart), mostStart)}, Limits: patient, Padding: paddingMost, Left: f.left,
	})
}

// put has something leave when it may; at once, before the first report.
func (f *focus) put(id, size int, class pacer.Class, frame egress.Frame, now unit.Instant) {
	if f.path != nil {
		f.path.Put(id, size, class, frame, now)
		return
	}
	f.bytes += int64(size)
	f.leave(id, egress.Departure{Number: f.left.Leave(size, 0, now), Class: class}, now)
}

// copies is how often a packet of a picture is sent again.
func (f *focus) copies(p *picture) int {
	if f.path == nil {
		return 1
	}
	return f.path.Copies(p.temporal == 0)
}

// look asks the allocator who gets what, and has it so.
func (f *focus) look(now unit.Instant) {
	f.looked = now
	if f.path == nil {
		return
	}
	for i, t := range f.tracks {
		t.price(now)
		f.demands[i].Current = t.output.Selector.Current(t.source)
	}
	e := f.path.Estimate()
	answers := f.allocator.Allocate(allocate.Budget{
		Estimate: e.Rate, Confirmed: e.Confirmed, Sound: layeredSound, Loss: e.Loss,
	}, f.demands, now)
	for i, t := range f.tracks {
		stayed := t.permitted.shed == allocate.Everything
		t.permit(permitted{answers[i].Layer, answers[i].Shed})
		if stayed && t.permitted.shed != allocate.Everything {
			f.path.Cancel(func(id int) bool { return f.needless(t, id) })
		}
		f.want(t, now)
	}
	f.path.Demand(f.allocator.Want().Most)
	f.samples = append(f.samples, focusSample{now, e.Rate, f.allocator.Want().Now})
}

// price has the ladder be what the layers cost.
func (t *forwarded) price(now unit.Instant) {
	var offers allocate.Offers
	for s := range t.meters {
		t.meters[s].Offers(&offers[s], now)
	}
	t.ladder.Build(&offers)
}

// needless reports whether what is sent again is of a layer that was left, or of what does
// not go on of one that is about to be.
func (f *focus) needless(t *forwarded, id int) bool {
	i, shed := &f.stage.items[id], t.permitted.shed
	return i.track == t.index && (i.epoch < t.epoch || shed < 0 || shed != allocate.Everything && i.picture.temporal > 0)
}

// enter makes way for the key frame of another layer.
func (f *focus) enter(t *forwarded) {
	if f.path != nil {
		f.path.Cancel(func(id int) bool { return f.needless(t, id) })
		if f.discard(); f.path.Waits() > superseded {
			f.clear(t)
		}
	}
	t.skipping = false
}

// clear leaves out what waits of a track, and what comes behind that up to a key frame.
// A picture that was cut off shows by a number that is missing.
func (f *focus) clear(t *forwarded) {
	f.discard()
	f.path.Drop(uint32(t.index))
	if f.discard() == 0 {
		return
	}
	if t.skipping = true; !t.ended {
		t.sequence++
	}
	t.ended = true
}

// discard lets go of what was left out, and says how much that was.
func (f *focus) discard() (count int) {
	for _, ok := f.path.Discarded(); ok; _, ok = f.path.Discarded() {
		count++
	}
	return count
}

// relieve empties the track of which most waits, if it is too much, and lets those have
// pictures again that were emptied once little waits.
func (f *focus) relieve() {
	switch waits := f.path.Waits(); {
	case waits > tooLong:
		if id, ok := f.path.Heaviest(); ok {
			t := f.tracks[id]
			f.clear(t)
			t.emptied = true
			t.permit(permitted{})
			f.path.Cancel(func(id int) bool { return f.needless(t, id) })
		}
	case waits < eased:
		for _, t := range f.tracks {
			if t.output.Selector.Current(t.source).Spatial < 0 {
				t.emptied = false
			}
		}
	}
}

// send lets everything leave that may, and sleeps until something is due.
func (f *focus) send(now unit.Instant) {
	if f.path != nil {
		for id, d, ok := f.path.Take(now); ok; id, d, ok = f.path.Take(now) {
			f.leave(id, d, now)
		}
		f.discard()
		f.relieve()
	}
	f.sleep(now)
}
