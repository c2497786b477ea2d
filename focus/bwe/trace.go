package bwe

import (
	"fmt"
	"time"

	"meshfocus/internal/unit"
)

// Trace is what a report said and what was decided: one line of a replay.
type Trace struct {
	Now                     unit.Instant
	Received, Missing       int
	Base, Standing, Fresh   time.Duration
	Delivered, Rate, Pace   unit.BitRate
	Share                   unit.BitRate
	Limited, Free, Draining bool
	// Contested says that the competitor's law holds, Held the rate it does not give up.
	Contested bool
	Held      unit.BitRate
	Loss      float64
	Reason    Reason
}

func (t *Trace) note(e *Estimator, now unit.Instant) {
	share, _, _ := e.flow.share()
	*t = Trace{
		Now: now, Received: e.facts.received, Missing: e.facts.missing,
		Base: e.base.value, Standing: e.queue.standing, Fresh: e.queue.fresh,
		Delivered: e.facts.delivered, Rate: e.law.published(), Pace: e.law.pace, Share: unit.BitRate(share),
		Limited: e.limited(), Free: e.trains.free(), Draining: e.law.draining,
		Contested: e.rival.on, Held: unit.BitRate(e.rival.held), Loss: e.loss.share(), Reason: e.law.reason,
	}
}

// String renders a trace in a line.
func (t *Trace) String() string {
	return fmt.Sprintf("%v recv=%d miss=%d base=%v q=%v/%v dlv=%v rate=%v pace=%v share=%v lim=%v free=%v drain=%v contested=%v held=%v loss=%.3f", t.Reason, t.Received, t.Missing,
		t.Base, t.Standing, t.Fresh, t.Delivered, t.Rate, t.Pace, t.Share, t.Limited, t.Free, t.Draining, t.Contested, t.Held, t.Loss)
}
