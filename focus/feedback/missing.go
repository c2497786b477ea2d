package feedback

import (
	"slices"
	"time"

	"meshfocus/internal/unit"
)

// How lost packets are asked for again. A repeat that does not wait for the
// round trip asks for what is under way already; and after a fall of capacity
// everything that is asked for makes the queue longer that lost it. So repeats
// wait, there are few of them, and all of them together have a budget.
const (
	// reorderTime and reorderCount are by how much a packet may be overtaken
	// before it is asked for: whichever comes first.
	reorderTime  = 10 * time.Millisecond
	reorderCount = 3
	// tryMost is how often one packet is asked for.
	tryMost = 10
	// tripUnknown stands for a round trip nobody has measured, tripLeast is
	// for those of one house, where timers are coarser than the network.
	tripUnknown = 100 * time.Millisecond
	tripLeast   = 20 * time.Millisecond
	// missingMost is how many are wanted at a time, gapMost how many may be
	// missing in a row: beyond, a key frame is cheaper.
	missingMost = 256
	gapMost     = missingMost
)

// Limits is how much repair a stream is worth.
type Limits struct {
	// Patience is for how long a packet is of use after it was missed.
	Patience time.Duration
	// Share is how much of what arrives may be asked for again, in hundredths.
	Share int
	// Burst is how many bytes may be asked for at once after a time without
	// loss.
	Burst int
}

// VideoLimits are for video: a third pays for a fifth lost both ways (0.25
// missing for each that came, asked for 1/0.64 times, would be 0.39; repeats
// that find no budget wait), and 40 packets for a burst.
func VideoLimits() Limits { return Limits{Patience: time.Second, Share: 33, Burst: 48_000} }

// AudioLimits are for audio, which is played soon or never.
func AudioLimits() Limits { return Limits{Patience: 250 * time.Millisecond, Share: 50, Burst: 2_000} }

// Missing knows which packets of an incoming stream are missing and when to
// ask the publisher for which (RFC 4585 section 6.2.1). It alone asks: NACKs of
// subscribers never go upstream, so a packet that many of them miss is fetched
// once. It is owned by the read loop.
//
//	missed ──overtaken by 3, or 10 ms── asked ── after 1¼ round trips again
//	   │                                  │
//	   └── Arrived, Repaired, Overtaken: forgotten    patience or tries at an end: given up
//
// Asking costs the mean size of a packet, and every byte that arrives earns
// its Share: when the link carries little, little is asked for. What is older is
// asked for first.
type Missing struct {
	limits Limits
	order  order
	wanted []wanted // by number
	useful int64    // no number below is of use

	credit int64         // in hundredths of bytes
	size   int64         // mean packet, in 1/16 bytes
	trip   time.Duration // measured, 0 if nothing was
	answer time.Duration // how long we held an answer to take when we asked last

	lost  bool
	stats MissingStats
}

// wanted is one missing packet.
type wanted struct {
	number      int64
	missed      unit.Instant
	first, last unit.Instant // asked for
	tries       uint8
}

// MissingStats counts packets.
type MissingStats struct {
	Missed    int64 // gaps seen
	Asked     int64 // requests, repeats as well
	Repaired  int64 // came again
	Reordered int64 // came late by themselves, asked for or not
	GivenUp   int64 // asked for in vain, or too many at a time
}

// NewMissing begins with a stream.
func NewMissing(limits Limits) *Missing {
	return &Missing{
		limits: limits,
		wanted: make([]wanted, 0, missingMost),
		credit: int64(limits.Burst) * 100,
	}
}

// Arrived notes a packet of the stream itself, of size bytes.
func (m *Missing) Arrived(sequence uint16, size int, now unit.Instant) {
	before := m.order.highest
	number, where := m.order.put(sequence)
	switch where {
	case placeNew:
		m.earn(size)
		if number > before+1 {
			m.miss(before+1, number, now)
		}
	case placeLate:
		if m.forget(number) {
			m.stats.Reordered++ // earns nothing: it may be what was asked for
		}
	case placeRestart:
		m.wanted, m.useful = m.wanted[:0], number
		m.size = int64(size) * 16
	}
}

// earn turns what arrives into leave to ask.
func (m *Missing) earn(size int) {
	m.size += int64(size) - m.size>>4
	m.credit = min(m.credit+int64(size)*int64(m.limits.Share), int64(m.limits.Burst)*100)
}

// miss notes the numbers from first up to below end.
func (m *Missing) miss(first, end int64, now unit.Instant) {
	gap := end - first
	m.stats.Missed += gap
	if gap > gapMost {
		m.giveUp(len(m.wanted))
		m.stats.GivenUp += gap
		return
	}
	if over := len(m.wanted) + int(gap) - missingMost; over > 0 {
		m.giveUp(over)
	}
	for number := max(first, m.useful); number < end; number++ {
		m.wanted = append(m.wanted, wanted{number: number, missed: now})
	}
}

// giveUp forgets the oldest for good.
func (m *Missing) giveUp(count int) {
	m.lost = true
	m.stats.GivenUp += int64(count)
	m.wanted = slices.Delete(m.wanted, 0, count)
}

// Repaired notes that a packet came as retransmission (RFC 4588), by its
// original number. It is false if the packet was not wanted: then it is a
// probe, or too late, or has come already.
func (m *Missing) Repaired(sequence uint16, now unit.Instant) bool {
	if !m.order.started {
		return false
	}
	i, found := m.find(m.order.number(sequence))
	if !found {
		return false
	}
	m.measure(m.wanted[i], now)
	m.wanted = slices.Delete(m.wanted, i, i+1)
	m.stats.Repaired++
	return true
}

// measure takes the time from request to packet: it has the queue in it that
// the packet stood in, which a ping of before has not. A packet that was asked
// for several times answers the last request if it can, else the first. The
// measure rises fast, for a repeat too soon fills the very queue it stands in.
func (m *Missing) measure(w wanted, now unit.Instant) {
	if w.tries == 0 {
		return // came unasked
	}
	trip := now.Sub(w.last)
	if trip < m.answer*3/4 {
		trip = now.Sub(w.first)
	}
	if trip > m.trip {
		m.trip += (trip - m.trip) / 2
	} else {
		m.trip -= (m.trip - trip) / 8
	}
}

// Overtaken says that nothing before the number is of use: a key frame begins
// with it, or nobody watches.
func (m *Missing) Overtaken(sequence uint16) {
	if !m.order.started {
		return
	}
	m.useful = max(m.useful, m.order.number(sequence))
	i, _ := m.find(m.useful)
	m.wanted = slices.Delete(m.wanted, 0, i)
}

// Wanted reports whether a packet is on its way to be repaired: who asks for
// it downstream will get it when it comes.
func (m *Missing) Wanted(sequence uint16) bool {
	_, found := m.find(m.order.number(sequence))
	return found
}

// Due appends the numbers to ask for now, in order. roundTrip is to the
// publisher and back, 0 if it is not known; what Missing measured itself
// counts if it is longer.
func (m *Missing) Due(dst []uint16, roundTrip time.Duration, now unit.Instant) []uint16 {
	if len(m.wanted) == 0 {
		return dst
	}
	m.answer = m.trips(roundTrip)
	wait := m.wait(roundTrip)
	keep := m.wanted[:0]
	for _, w := range m.wanted {
		if m.spent(w, wait, now) {
			m.lost = true
			m.stats.GivenUp++
			continue
		}
		if !now.Before(m.due(w, wait)) && m.pay() {
			if w.tries == 0 {
				w.first = now
			}
			w.tries, w.last = w.tries+1, now
			m.stats.Asked++
			dst = append(dst, uint16(w.number))
		}
		keep = append(keep, w)
	}
	m.wanted = keep
	return dst
}

// Next says when Due has something to do, unit.Far if it has not. Want of
// budget is no reason to call: only arrivals bring more.
func (m *Missing) Next(roundTrip time.Duration) unit.Instant {
	next := unit.Far
	wait, broke := m.wait(roundTrip), m.credit < m.cost()
	for _, w := range m.wanted {
		next = min(next, w.missed.Add(m.limits.Patience))
		if !broke {
			next = min(next, m.due(w, wait))
		}
	}
	return next
}

// TakeLost reports whether packets were given up since the last call: it takes
// a key frame to go on.
func (m *Missing) TakeLost() bool {
	lost := m.lost
	m.lost = false
	return lost
}

// Stats gives the counts.
func (m *Missing) Stats() MissingStats { return m.stats }

// wait is how long an answer may take: the round trip and a quarter for the
// way through the publisher.
func (m *Missing) wait(roundTrip time.Duration) time.Duration {
	return max(m.trips(roundTrip)*5/4, tripLeast)
}

// trips is the longest round trip anyone has measured.
func (m *Missing) trips(roundTrip time.Duration) time.Duration {
	if trip := max(roundTrip, m.trip); trip > 0 {
		return trip
	}
	return tripUnknown
}

// due says when a packet may be asked for: the first time after reordering
// was ruled out, then after an answer's time, which doubles with every second
// request.
func (m *Missing) due(w wanted, wait time.Duration) unit.Instant {
	switch {
	case w.tries > 0:
		return w.last.Add(wait << ((w.tries - 1) / 2))
	case m.order.highest-w.number >= reorderCount:
		return w.missed
	}
	return w.missed.Add(reorderTime)
}

// spent reports whether a packet is of no use any more, or beyond help.
func (m *Missing) spent(w wanted, wait time.Duration, now unit.Instant) bool {
	return now.Sub(w.missed) >= m.limits.Patience ||
		w.tries >= tryMost && !now.Before(m.due(w, wait))
}

func (m *Missing) cost() int64 { return m.size * 100 / 16 }

// pay takes one request out of the budget if that suffices.
func (m *Missing) pay() bool {
	if m.credit < m.cost() {
		return false
	}
	m.credit -= m.cost()
	return true
}

func (m *Missing) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(m.wanted, number, func(w wanted, n int64) int {
		return int(w.number - n)
	})
}

// forget takes a number off the list, if it is there.
func (m *Missing) forget(number int64) bool {
	i, found := m.find(number)
	if found {
		m.wanted = slices.Delete(m.wanted, i, i+1)
	}
	return found
}
