package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// movePace is the part of the rate that leaves until the new route's delay is
	// known: what waits in a bottleneck that both routes share would else count as
	// part of the way, for as long as it never empties.
	movePace = 0.6
	// moveLeast is for how long at least.
	moveLeast = 200 * time.Millisecond
)

// move is what follows when the owner of the path says that the route is another one.
// The rate stays: most often nothing but the delay has changed, and what else has
// shows within a round trip.
type move struct {
	on bool
	// from is when the first packet left that takes the new route, until when the
	// last that is held back.
	from, until unit.Instant
}

// begin holds packets back for a round trip.
func (m *move) begin(trip time.Duration, now unit.Instant) {
	*m = move{on: true, from: now, until: now.Add(max(trip, moveLeast))}
}

// old reports whether a packet took the route before.
func (m *move) old(left unit.Instant) bool { return m.on && left < m.from }

// over follows a report: whether packets that found the queue shorter have come.
func (m *move) over(newest unit.Instant) bool { return m.on && newest >= m.until }
