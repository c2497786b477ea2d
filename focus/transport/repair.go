package transport

import (
	"slices"
	"time"
)

// How lost packets are asked for again (RFC 4585 section 6.2.1). Pion does not
// see what comes back as retransmission (RFC 4588), and would ask for every
// packet ten times; this does.
const (
	// reorderTime is how long a packet may be overtaken before it is asked
	// for.
	reorderTime = 10 * time.Millisecond
	// askTimes is how often: with a tenth lost both ways, one packet in ten
	// million stays lost.
	askTimes = 8
	// askLeast is the least time between two requests for one packet.
	askLeast = 20 * time.Millisecond
	// askMost bounds what is missing at a time: beyond, a key frame is cheaper.
	askMost = 128
)

// repair knows which packets of a stream are missing. It is owned by the read
// loop of a track; times are arguments.
type repair struct {
	started bool
	highest uint16
	missing []wanted // by sequence number, oldest first
}

// wanted is one missing packet.
type wanted struct {
	sequence uint16
	since    time.Time
	asked    time.Time
	times    int
}

// came notes that a packet arrived.
func (r *repair) came(sequence uint16, now time.Time) {
	if !r.started {
		r.started, r.highest = true, sequence
		return
	}
	ahead := int16(sequence - r.highest)
	if ahead <= 0 {
		r.missing = slices.DeleteFunc(r.missing, func(w wanted) bool { return w.sequence == sequence })
		return
	}
	if ahead > askMost {
		r.missing = nil // another stream, or nothing that can be repaired
	} else {
		for gap := r.highest + 1; gap != sequence; gap++ {
			r.missing = append(r.missing, wanted{sequence: gap, since: now})
		}
	}
	r.highest = sequence
}

// ask gives the packets to ask for now, if asking takes a round trip.
func (r *repair) ask(now time.Time, roundTrip time.Duration) []uint16 {
	r.missing = slices.DeleteFunc(r.missing, func(w wanted) bool {
		return w.times >= askTimes || now.Sub(w.since) >= videoPatience
	})
	if extra := len(r.missing) - askMost; extra > 0 {
		r.missing = r.missing[extra:]
	}
	again := max(roundTrip*5/4, askLeast) // a quarter for the way through the sender
	var due []uint16
	for i := range r.missing {
		w := &r.missing[i]
		if w.times == 0 && now.Sub(w.since) < reorderTime || w.times > 0 && now.Sub(w.asked) < again {
			continue
		}
		w.times++
		w.asked = now
		due = append(due, w.sequence)
	}
	return due
}
