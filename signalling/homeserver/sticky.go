package homeserver

import (
	"time"

	"meshfocus/signalling/message"
)

// Sticky events (MSC4354) are message events that /sync keeps showing to
// newcomers until they run out.
const (
	// queryStickyStable is what message.QuerySticky will be called.
	queryStickyStable = "sticky_duration_ms"

	// stickyMost is the longest duration; longer ones are cut.
	stickyMost = time.Hour
	// stickyBatch is how many are shown in one /sync.
	stickyBatch = 100
)

// stickyMark is the member of an event that says it is sticky.
type stickyMark struct {
	Duration int64 `json:"duration_ms"`
}

// stickyDuration reads the query parameter, in milliseconds.
func stickyDuration(r *request) (int64, error) {
	for _, name := range []string{message.QuerySticky, queryStickyStable} {
		if !r.URL.Query().Has(name) {
			continue
		}
		duration, err := r.duration(name)
		return min(duration, stickyMost).Milliseconds(), err
	}
	return 0, nil
}

// stickyLeft is how long the event remains sticky.
func (e *event) stickyLeft(now time.Time) time.Duration {
	until := e.SentAt + e.StickyFor
	return max(time.Duration(until-millis(now))*time.Millisecond, 0)
}

// stickyAfter lists the sticky events behind a position that have not run out,
// and drops those that have.
func (r *room) stickyAfter(position int64, now time.Time) []*event {
	var fresh []*event
	kept := r.sticky[:0]
	for _, e := range r.sticky {
		if e.stickyLeft(now) <= 0 {
			continue
		}
		kept = append(kept, e)
		if e.At > position {
			fresh = append(fresh, e)
		}
	}
	clear(r.sticky[len(kept):])
	r.sticky = kept
	return fresh
}
