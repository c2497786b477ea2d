package allocate

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// A Meter keeps slots of slotTime: five seconds of them for the peak, of which
	// the last meanSlots are for the mean. A peak is over a second, peakSlots.
	slotTime  = 250 * time.Millisecond
	slots     = 20
	meanSlots = 8
	peakSlots = 4
	// warm is how long something has to arrive until its rate is believed.
	warm = 200 * time.Millisecond
	// Silent after is how long nothing may arrive until a layer is taken for silent.
	silentAfter = 500 * time.Millisecond
	// quiet is how long nothing came of a layer that was asked to rest when it does:
	// more than two of the slowest frames, and before it is silent.
	quiet = 200 * time.Millisecond
)

// Arrived is one packet of a layer.
type Arrived struct {
	Bytes    int  // of the IP packet
	Temporal int8 // temporal layer
	Begins   bool // the first of its frame
	Key      bool // of a key frame
}

// Meter measures what a layer of a track arrives with, by temporal layer. The zero
// Meter has seen nothing. It belongs to the loop that receives the track.
type Meter struct {
	begun, resting bool
	since, last    unit.Instant
	number         int64 // of the newest slot
	slots          [slots]slot
	kept           [Temporals]Offer // while it rests, and until it is warm again
}

// slot is what arrived within a slotTime.
type slot struct {
	bytes    [Temporals]int64 // all
	frames   [Temporals]int32
	keyBytes int64 // of key frames, which are of the lowest temporal layer
	keys     int32
}

// Count notes a packet.
func (m *Meter) Count(p Arrived, now unit.Instant) {
	number := int64(now) / int64(slotTime)
	if !m.begun || m.resting || now.Sub(m.last) > silentAfter {
		kept := m.kept
		if !m.resting {
			kept = [Temporals]Offer{}
		}
		*m = Meter{begun: true, since: now, number: number, kept: kept}
	}
	m.advance(number)
	m.last = now
	s := &m.slots[number%slots]
	t := min(max(int(p.Temporal), 0), Temporals-1)
	s.bytes[t] += int64(p.Bytes)
	if p.Begins {
		s.frames[t]++
	}
	if p.Key {
		s.keyBytes += int64(p.Bytes)
		if p.Begins {
			s.keys++
		}
	}
}

// advance empties the slots between the newest and now.
func (m *Meter) advance(number int64) {
	for range min(number-m.number, slots) {
		m.number++
		m.slots[m.number%slots] = slot{}
	}
	m.number = max(m.number, number)
}

// Rest says that the publisher was asked to send nothing of the layer: what it cost
// is what it will cost. It may be said again and again: what still comes is measured,
// and the rest ends with the next packet.
func (m *Meter) Rest(now unit.Instant) {
	if m.begun && !m.resting && now.Sub(m.last) >= quiet {
		m.Offers(&m.kept, now)
		m.resting = true
	}
}

// Offers tells what the layer costs, by temporal layers; all are zero while nothing
// arrives, or too little to tell.
func (m *Meter) Offers(row *[Temporals]Offer, now unit.Instant) {
	*row = [Temporals]Offer{}
	switch {
	case m.resting:
		*row = m.kept
	case !m.begun || now.Sub(m.last) > silentAfter:
	case m.last.Sub(m.since) < warm: // nothing, unless it has rested
		*row = m.kept
	default:
		m.means(row)
		m.peaks(row)
	}
}

// means fills in what arrives, each key frame counted as a frame like others. Time
// ends with the last packet: what goes silent does not become cheap on the way.
func (m *Meter) means(row *[Temporals]Offer) {
	var sum slot
	for i := range int64(meanSlots) {
		if m.number >= i {
			sum.add(&m.slots[(m.number-i)%slots])
		}
	}
	from := max(m.since, unit.Instant((m.number-meanSlots+1)*int64(slotTime)))
	within := max(m.last.Sub(from), warm)
	if common := sum.frames[0] - sum.keys; common > 0 && sum.keys > 0 {
		lowest := sum.bytes[0] - sum.keyBytes
		sum.bytes[0] = lowest * int64(sum.frames[0]) / int64(common)
	}
	var bytes int64
	for t := range row {
		bytes += sum.bytes[t]
		if sum.bytes[t] > 0 {
			row[t].Mean = unit.Rate(bytes, within)
		}
	}
}

// peaks fills in the most that arrived within a second.
func (m *Meter) peaks(row *[Temporals]Offer) {
	for end := m.number; end > m.number-slots+peakSlots; end-- {
		var sum slot
		for i := range int64(peakSlots) {
			if end >= i {
				sum.add(&m.slots[(end-i)%slots])
			}
		}
		var bytes int64
		for t := range row {
			bytes += sum.bytes[t]
			if row[t].Mean > 0 {
				row[t].Peak = max(row[t].Peak, row[t].Mean, unit.Rate(bytes, peakSlots*slotTime))
			}
		}
	}
}

func (s *slot) add(o *slot) {
	for t := range s.bytes {
		s.bytes[t] += o.bytes[t]
		s.frames[t] += o.frames[t]
	}
	s.keyBytes += o.keyBytes
	s.keys += o.keys
}
