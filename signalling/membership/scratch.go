package membership

import (
	"sync"

	"meshfocus/signalling/message"
)

// scratch is the memory that a computation needs beside its answer. It is
// lent, since it is larger than the answer; nothing of it outlives the
// computation.
type scratch struct {
	claims   []claim // those that no rule has refused so far
	best     map[place]*claim
	order    []*claim
	stickies []stickyEntry
	places   map[stickyPlace]int
	content  message.MemberContent // of the event that is read
}

// place is where one claim of a device counts.
type place struct {
	confID string
	party  message.Party
}

var scratches = sync.Pool{New: func() any {
	return &scratch{best: map[place]*claim{}, places: map[stickyPlace]int{}}
}}

func borrow() *scratch { return scratches.Get().(*scratch) }

// giveBack forgets what was computed, but for the answer.
func (r *room) giveBack() {
	s := r.scratch
	r.scratch = nil
	clear(s.claims)
	clear(s.best)
	clear(s.order)
	clear(s.stickies)
	clear(s.places)
	*s = scratch{claims: s.claims[:0], best: s.best, order: s.order[:0], stickies: s.stickies[:0], places: s.places}
	scratches.Put(s)
}
