package lane

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// astray is by how much a source's timestamps and the instants at which it
	// writes may differ: whoever has a processor for itself writes more evenly.
	astray = 100 * time.Millisecond
	// delayed is for how long a source may be late: one that was held up is on time
	// again by then, or never will be.
	delayed = 2 * time.Second
)

// lateness tells a local source that is late for a while, and makes good for it,
// from one whose timestamps have another place in time: what it writes late was
// taken on time. Nobody writes before its time.
type lateness struct {
	since unit.Instant // of being late, Never if it is not
	least time.Duration
}

// note takes by how much something was written later than its timestamp says, and
// reports whether the timestamps are to be tied anew, and how much later than they
// say what was written was taken.
func (l *lateness) note(late time.Duration, now unit.Instant) (time.Duration, bool) {
	switch {
	case late > -astray && late < astray:
		*l = lateness{}
		return 0, false
	case late <= -astray || late >= delayed: // it begins anew
		*l = lateness{}
		return late, true
	case l.since == unit.Never:
		*l = lateness{since: now, least: late}
	}
	if l.least = min(l.least, late); now.Sub(l.since) < delayed {
		return 0, false
	}
	late = l.least
	*l = lateness{}
	return late, true
}
