package lane

import (
	"time"

	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

const (
	// trial: while nothing is known of a path, one packet in so many is marked. A network
	// that drops them costs that part of the packets for as long (RFC 6679 section 7.2.1).
	trial = 8
	// bareMost is how many packets may come without a mark before none that was given one
	// has: eight were given, and of a path that loses 30 % all those are lost once in
	// fifteen thousand times.
	bareMost = 8 * trial
	// judged is after how long there is an answer whatever the round trip is.
	judged = 2 * time.Second
	// unheard is after how long without a report a path is on trial again: one that
	// drops what is marked has nothing to report.
	unheard = time.Second
)

// marking is whether what leaves on a way is marked, by what reports say of it:
//
//	on trial ── one came with its mark ──▶ proven ── no report for a second ──▶ on trial
//	either ── packets come, and none with a mark ──▶ refused ── another route ──▶ on trial
//
// It belongs to the send loop.
type marking struct {
	proven, refused bool
	turn            uint8        // of the packets on trial
	waits           bool         // one was marked since the last that was said to have come
	since           unit.Instant // when that left
	bareThen        int64        // bare at that time
	heard           unit.Instant

	// as reports said last: came with ECT(1) or CE, with CE alone, with neither
	came, congested, bare int64
}

// next says whether the packet that leaves now is to be marked.
func (m *marking) next(now unit.Instant) bool {
	if m.refused {
		return false
	}
	if m.proven && now.Sub(m.heard) > unheard {
		m.restart()
	}
	if !m.proven {
		if m.turn = (m.turn + 1) % trial; m.turn != 0 {
			return false
		}
	}
	if !m.waits {
		m.waits, m.since, m.bareThen = true, now, m.bare
	}
	return true
}

// judge takes what reports have said so far, by ECN field. It gives how many more
// packets met congestion, and whether the way is given up just now.
func (m *marking) judge(now unit.Instant, ecn [4]int64) (congested int, ended bool) {
	before := *m
	m.heard, m.congested = now, ecn[udp.CE]
	m.came, m.bare = ecn[udp.ECT1]+ecn[udp.CE], ecn[udp.NotECT]+ecn[udp.ECT0]
	congested = int(m.congested - before.congested)
	switch {
	case m.refused:
	case m.came > before.came:
		m.proven, m.waits = true, false
	case m.waits && now.Sub(m.since) >= judged && m.bare-m.bareThen >= bareMost:
		m.refused, ended = true, true
	}
	return congested, ended
}

// restart begins the trial: there is another route, or nothing has been heard of this one.
func (m *marking) restart() { m.proven, m.refused, m.waits = false, false, false }

// marks counts what was judged.
func (c *laneCounts) marks(congested int, ended bool) {
	if congested > 0 {
		c.congested.add(congested)
	}
	if ended {
		c.unmarkable.add(1)
	}
}
