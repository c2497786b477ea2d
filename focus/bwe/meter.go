package bwe

import "time"

const (
	// slot is the grain of a meter. 10 ms is a packet at 1 Mbit/s: finer would count
	// the same packets.
	slot = 10 * time.Millisecond
	// slots cover 2.56 s: the longest round trip and queue together that a rate is
	// asked across.
	slots = 256
)

// meter counts bytes by time, so that any recent window can be asked. Times are of
// one clock, and may come a little out of order.
type meter struct {
	bytes  [slots]int64
	newest int64 // slot
	begun  bool
}

func slotOf(at time.Duration) int64 {
	if at < 0 {
		return int64((at - slot + 1) / slot)
	}
	return int64(at / slot)
}

// add counts bytes at a time. What is older than the meter reaches is left out.
func (m *meter) add(bytes int, at time.Duration) {
	s := slotOf(at)
	switch {
	case !m.begun:
		m.begun, m.newest = true, s
	case s > m.newest:
		for empty := max(m.newest+1, s-slots+1); empty <= s; empty++ {
			m.bytes[empty&(slots-1)] = 0
		}
		m.newest = s
	case s <= m.newest-slots:
		return
	}
	m.bytes[s&(slots-1)] += int64(bytes)
}

// again forgets all, for times that begin anew.
func (m *meter) again() { m.begun, m.bytes = false, [slots]int64{} }

// between sums what was counted from one time to another, to the slot.
func (m *meter) between(from, to time.Duration) int64 {
	if !m.begun {
		return 0
	}
	first, last := max(slotOf(from), m.newest-slots+1), min(slotOf(to), m.newest+1)
	var sum int64
	for s := first; s < last; s++ {
		sum += m.bytes[s&(slots-1)]
	}
	return sum
}

// after sums what was counted later than the slot of a time.
func (m *meter) after(from time.Duration) int64 {
	return m.between(from+slot, time.Duration(m.newest+1)*slot)
}
