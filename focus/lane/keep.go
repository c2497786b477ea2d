package lane

import (
	"slices"

	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/trace"
)

// keeping is the trace of a way, while traces are wanted (Config.Traces). It belongs to
// the send loop; files are written elsewhere.
type keeping struct {
	tape     *trace.Tape // nil: nothing is kept
	path     uint64      // the number of the way in traces, 0 if there was none yet
	recorder bwe.Recorder
	chosen   []bwe.Choice // as they were noted last
	choices  []bwe.Choice // of the moment
}

// keep passes on what was noted of a way, and begins or ends its trace.
func (s *sender) keep(e *End) {
	w := e.out.way
	k := &w.keeping
	if k.tape != nil && !k.tape.Write(k.recorder.Take()) {
		k.end(w)
	}
	if k.tape != nil {
		return
	}
	if k.tape = s.lane.config.Traces.Begin(k.path); k.tape == nil {
		return
	}
	k.path = k.tape.Path
	w.path.Record(&k.recorder)
	s.lane.log.Info("a path is traced", "conn", e.config.Name, "file", k.tape.Name())
}

// end ends the trace of a way, if there is one.
func (k *keeping) end(w *way) {
	if k.tape == nil {
		return
	}
	w.path.Record(nil)
	k.tape.Write(k.recorder.Take())
	k.tape.Close()
	k.tape, k.chosen = nil, k.chosen[:0]
}

// note notes what subscriptions get, if it is something else than before.
func (k *keeping) note(s *sender, shares []allocate.Share) {
	if k.tape == nil {
		return
	}
	k.choices = k.choices[:0]
	changed := len(shares) != len(k.chosen)
	for i := range shares {
		c := &shares[i]
		k.choices = append(k.choices, bwe.Choice{
			Key: uint32(c.Key), Spatial: c.Layer.Spatial, Temporal: c.Layer.Temporal, Rate: c.Rate, Reason: c.Reason.String(),
		})
		changed = changed || !sameChoice(k.choices[i], k.chosen[i])
	}
	if changed {
		k.recorder.Chose(k.choices, s.now)
		k.chosen = append(slices.Grow(k.chosen[:0], len(k.choices)), k.choices...)
	}
}

// sameChoice: what a layer takes is another number each time.
func sameChoice(a, b bwe.Choice) bool {
	a.Rate = b.Rate
	return a == b
}
