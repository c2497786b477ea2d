package party

import (
	"slices"
	"time"

	"meshfocus/internal/unit"
)

const (
	// tripTime is how long a browser that only receives takes an answer to need: nobody
	// tells it a round trip. asks is how often it asks for a packet, wanting for how many at
	// a time, and processing how often it looks whether to ask again (libwebrtc,
	// modules/video_coding/nack_requester.cc: kDefaultRtt, kMaxNackRetries, kMaxNackPackets,
	// kUpdateInterval).
	tripTime   = 100 * time.Millisecond
	asks       = 10
	wanting    = 1000
	processing = 20 * time.Millisecond
)

// requester asks for what is missing of a picture as a browser does, whatever that adds to
// what comes: at once, and each 100 ms again, until it comes, ten requests were in vain,
// or a later frame can be decoded. Servers go by it: LiveKit takes repeats for congestion.
// Unlike libwebrtc's it does not wait longer where packets overtook each other before.
// The zero requester has seen nothing.
type requester struct {
	begun   bool
	highest int64 // number that came, without wrap
	wanted  []request
}

type request struct {
	number int64
	asked  unit.Instant // last; Never: not yet
	times  int
}

// Arrived notes a packet of the stream itself.
func (r *requester) Arrived(sequence uint16, _ int, now unit.Instant) {
	number := r.number(sequence)
	switch {
	case !r.begun:
		r.begun, r.highest = true, number
		return
	case number <= r.highest:
		r.Repaired(sequence, now)
		return
	case number-r.highest-1 > wanting-int64(len(r.wanted)):
		r.wanted = r.wanted[:0] // a key frame has to help
	default:
		for missing := r.highest + 1; missing < number; missing++ {
			r.wanted = append(r.wanted, request{number: missing})
		}
	}
	r.highest = number
}

// Repaired notes a packet that came again, and reports whether it was wanted.
func (r *requester) Repaired(sequence uint16, _ unit.Instant) bool {
	i, found := r.find(r.number(sequence))
	if found {
		r.wanted = slices.Delete(r.wanted, i, i+1)
	}
	return found
}

// Overtaken says that nothing before a number is of use: what follows can be decoded.
func (r *requester) Overtaken(sequence uint16) {
	i, _ := r.find(r.number(sequence))
	r.wanted = slices.Delete(r.wanted, 0, i)
}

// Wanted reports whether a packet is missing.
func (r *requester) Wanted(sequence uint16) bool {
	_, found := r.find(r.number(sequence))
	return found
}

// Due appends the numbers to ask for now.
func (r *requester) Due(dst []uint16, _ time.Duration, now unit.Instant) []uint16 {
	r.wanted = slices.DeleteFunc(r.wanted, func(w request) bool { return w.times >= asks && !now.Before(w.due()) })
	for i := range r.wanted {
		if w := &r.wanted[i]; !now.Before(w.due()) {
			w.asked = now
			w.times++
			dst = append(dst, uint16(w.number))
		}
	}
	return dst
}

// Next says when Due has something to do, unit.Far if it has not.
func (r *requester) Next(time.Duration) unit.Instant {
	next := unit.Far
	for _, w := range r.wanted {
		next = min(next, w.due())
	}
	return next
}

// due is when a packet is asked for: now, or at the first look after an answer's time.
func (w request) due() unit.Instant {
	if w.asked == unit.Never {
		return unit.Never
	}
	const tick = unit.Instant(processing)
	return (w.asked.Add(tripTime) + tick - 1) / tick * tick
}

func (r *requester) number(sequence uint16) int64 {
	if !r.begun {
		return 1<<16 + int64(sequence) // so that none is below 0
	}
	return r.highest + int64(int16(sequence-uint16(r.highest)))
}

func (r *requester) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(r.wanted, number, func(w request, n int64) int { return int(w.number - n) })
}
