package simulcast

import (
	"fmt"
	"slices"
)

// receiver is a model of who gets the output: it knows what may not be.
type receiver struct {
	codec   Codec
	svc     svc
	highest int
	slots   map[int]arrival
}

type arrival struct {
	Outgoing
	*origin
}

func (r *receiver) take(out Outgoing, o *origin) error {
	if len(r.slots) == 0 {
		r.highest = int(out.Sequence)
	}
	at := r.highest + int(int16(out.Sequence-uint16(r.highest)))
	if old, ok := r.slots[at]; ok {
		return fmt.Errorf("number %d for %+v and for %+v", out.Sequence, *old.origin, *o)
	}
	r.slots[at] = arrival{out, o}
	r.highest = max(r.highest, at)
	return nil
}

// judge looks at everything in the order of the sequence numbers.
func (r *receiver) judge(all []*origin, clean bool) error {
	numbers := make([]int, 0, len(r.slots))
	for at := range r.slots {
		numbers = append(numbers, at)
	}
	slices.Sort(numbers)
	if len(numbers) == 0 {
		return nil
	}
	lives := map[int][]*origin{}
	for _, o := range all {
		lives[o.life] = append(lives[o.life], o)
	}
	for i := 1; i < len(numbers); i++ {
		a, b := r.slots[numbers[i-1]], r.slots[numbers[i]]
		for _, check := range []func() error{
			func() error { return holes(a, b, numbers[i]-numbers[i-1]-1, lives[a.life], clean) },
			func() error { return times(a, b) },
			func() error { return markers(a, b, numbers[i] == numbers[i-1]+1) },
			func() error { return r.pictures(a, b, lives[a.life]) },
			func() error { return r.references(b, lives[b.life]) },
		} {
			if err := check(); err != nil {
				return fmt.Errorf("%w\n at %d %+v %+v\n by %d %+v %+v", err, numbers[i-1], a.Outgoing, *a.origin, numbers[i], b.Outgoing, *b.origin)
			}
		}
	}
	if err := r.halves(numbers); err != nil {
		return err
	}
	return r.wholes(numbers)
}

// halves: what left of a frame left as it was; an empty packet inside it would
// make it look whole.
func (r *receiver) halves(numbers []int) error {
	type frame struct {
		life, frame int
		spatial     int8
	}
	left := map[frame]bool{}
	for _, at := range numbers {
		if a := r.slots[at]; a.Verdict != Fill {
			left[frame{a.life, a.frame, a.spatial}] = true
		}
	}
	for _, at := range numbers {
		if a := r.slots[at]; a.Verdict == Fill && !a.padding && left[frame{a.life, a.frame, a.spatial}] {
			return fmt.Errorf("an empty packet in place of %+v, whose frame left", *a.origin)
		}
	}
	return nil
}

// holes: nothing is missing between two numbers but what did not come upstream,
// and the one that shows that a frame was cut off.
func holes(a, b arrival, missing int, life []*origin, clean bool) error {
	excused := 0
	for _, o := range life[a.number+1:] {
		if b.Verdict != Switch && o.number >= b.number {
			break
		}
		if !o.out && !o.refused {
			excused++
		}
	}
	if clean {
		excused = 0
	}
	if b.Verdict == Switch && (!a.Marker || a.Verdict == Fill || excused > 0) {
		excused++
	}
	if missing > excused {
		return fmt.Errorf("%d numbers missing where %d were lost", missing, excused)
	}
	return nil
}

// times: never back, and one for each frame.
func times(a, b arrival) error {
	step := int32(b.Timestamp - a.Timestamp)
	same := a.life == b.life && a.frame == b.frame
	if step < 0 || !same && step == 0 && !a.padding && !b.padding || same && step != 0 {
		return fmt.Errorf("time goes on by %d", step)
	}
	return nil
}

// markers: on the last of each frame alone, of those of its spatial layers that
// leave. If the first packet of a key frame is missing, a receiver of the lowest
// layer goes up behind that layer's marker.
func markers(a, b arrival, next bool) error {
	switch {
	case !next || a.Verdict == Fill || b.Verdict == Fill || a.life != b.life:
	case a.frame == b.frame && a.Marker && !a.key:
		return fmt.Errorf("a marker inside a frame")
	case a.frame != b.frame && !a.Marker:
		return fmt.Errorf("no marker at the end of a frame")
	}
	return nil
}

// pictures: IDs of VP8 are gapless but for frames of which nothing came.
func (r *receiver) pictures(a, b arrival, life []*origin) error {
	if r.codec != VP8 || a.PictureID < 0 || b.PictureID < 0 || a.Verdict == Fill || b.Verdict == Fill {
		return nil
	}
	if a.PictureBits > b.PictureBits && b.number > 20 {
		return fmt.Errorf("picture IDs get narrower")
	}
	step := int(b.PictureID-a.PictureID) & (1<<min(a.PictureBits, b.PictureBits) - 1)
	if a.life == b.life && a.frame == b.frame {
		if step != 0 {
			return fmt.Errorf("two picture IDs in one frame")
		}
		return nil
	}
	lost := map[int]bool{}
	for _, o := range life[a.number+1:] {
		if o.frame > a.frame && (b.Verdict == Switch || o.frame < b.frame) && !o.out && !o.refused {
			lost[o.frame] = true
		}
	}
	if step < 1 || step > 1+len(lost) {
		return fmt.Errorf("picture ID goes on by %d where %d frames were lost", step, len(lost))
	}
	return nil
}

// references: what a frame refers to must not have been thinned away. That is the
// newest frame of the lowest temporal layer and, in the pattern's last place, the
// one before; of the same spatial layer, or of the one below in the same frame.
func (r *receiver) references(b arrival, life []*origin) error {
	if b.Verdict == Fill || b.late || !b.start {
		return nil
	}
	base := 0
	for number := b.number - 1; number >= 0; number-- {
		o := life[number]
		if o.padding || o.frame == b.frame && o.spatial != b.spatial-1 {
			continue
		}
		if o.frame == b.frame {
			if (b.key || r.svc == always) && o.thinned {
				return fmt.Errorf("refers to a lower layer that was thinned")
			}
			continue
		}
		if b.key || base != 0 && o.frame != base {
			return nil
		}
		if o.temporal == 0 {
			base = o.frame
		}
		refers := o.temporal == 0 || b.place == 3 && o.place == 2 && o.frame == b.frame-1
		if refers && o.spatial == b.spatial && o.thinned {
			return fmt.Errorf("refers to frame %d, which was thinned", o.frame)
		}
	}
	return nil
}

// wholes: what looks like a whole frame is one.
func (r *receiver) wholes(numbers []int) error {
	var run []arrival
	begun := false
	for i, at := range numbers {
		if i == 0 || numbers[i-1] != at-1 || r.slots[at-1].Marker {
			run, begun = nil, numbers[max(i-1, 0)] == at-1
		}
		run = append(run, r.slots[at])
		if !begun || !r.slots[at].Marker {
			continue
		}
		var count [3]int
		filled := false
		for _, a := range run {
			count[a.spatial]++
			filled = filled || a.Verdict == Fill
		}
		for _, a := range run {
			if !filled && count[a.spatial] != a.packets {
				return fmt.Errorf("a frame of %d packets of layer %d looks whole with %d at %d", a.packets, a.spatial, count[a.spatial], at)
			}
		}
	}
	return nil
}
