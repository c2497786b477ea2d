package lane

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// first is what a subscription gets while nothing is known of its End's way, or of what
// its track costs: the smallest layer, as the key frame of a large one would fill a narrow path before the
// first report. Who takes no retransmissions has no way, and gets everything.
func (s *Subscription) first() allotted {
	e := s.end
	if s.kind == Video && e.config.Adaptive && s.config.RTX != 0 && !e.out.resigned.Load() {
		return allotted{simulcast.Layer{Temporal: everything}, allocate.Everything, allocate.Unproven}
	}
	return unbound
}

// unreported is for how long a peer that gets pictures may report no arrivals until it is
// one that never will: as many reports as others need to be taken for lost.
const unreported = time.Second

// resign gives an End everything as it comes whose peer reports no arrivals. Sound alone
// need not be reported.
func (s *sender) resign(e *End) {
	o := &e.out
	switch {
	case !e.config.Adaptive || o.resigned.Load():
		return
	case o.pictured == unit.Never:
		if o.padding() > 0 {
			o.pictured = s.now
		}
		return
	case s.now.Sub(o.pictured) < unreported:
		return
	}
	o.resigned.Store(true)
	for _, sub := range o.subs {
		sub.permit(unbound)
	}
}
