package lane

import (
	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// bounded takes what a peer says it can take (REMB, draft-alvestrand-rmcat-remb). From
// who reports arrivals it says nothing new. From who does not it is all there is:
// layers are chosen by it, and leave as they come, since it tells nothing of queues.
func (s *sender) bounded(e *End, most unit.BitRate) {
	w := e.out.way
	switch {
	case most <= 0, w != nil && w.bound == 0:
		return
	case w == nil && !(e.config.Adaptive && e.out.shows()):
		return
	case w == nil:
		s.pave(e, feedback.MaximumRate)
	}
	e.out.way.bound = most
	s.allot(e)
	s.activate(e)
}

// shows reports whether the peer gets pictures.
func (o *outlet) shows() bool {
	for _, sub := range o.subs {
		if sub.kind == Video {
			return true
		}
	}
	return false
}
