package history

import (
	"math"
	"time"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

const (
	// againMost is how often one packet is sent again.
	againMost = 3
	// tripUnknown stands for a round trip nobody has measured yet.
	tripUnknown = 100 * time.Millisecond
)

// Outcome says what becomes of one number that a subscriber asks for again.
type Outcome uint8

// The outcomes; Outcomes is how many there are.
const (
	// Resend: the copy is to be sent.
	Resend Outcome = iota
	// Foreign: nothing was sent under the number, or too long ago to know. A
	// packet that is missing upstream too has been asked for there.
	Foreign
	// Left: it is of what was sent before the last border, and nobody needs it.
	Left
	// Soon: it was sent again less than a round trip ago.
	Soon
	// Often: it was sent again as often as is sensible.
	Often
	// Gone: nobody holds the packet any more.
	Gone

	Outcomes
)

var outcomeNames = [Outcomes]string{"resend", "foreign", "left", "soon", "often", "gone"}

// String names the outcome in a word.
func (o Outcome) String() string {
	if o < Outcomes {
		return outcomeNames[o]
	}
	return "unknown"
}

// Copy is a packet to send again.
type Copy[N any] struct {
	// Packet has a reference for the caller, who releases it. It is nil for what
	// was sent without a payload.
	Packet *packet.Packet
	// Numbers are what it left with the first time.
	Numbers N
	// Sequence is the number it had then, which goes before the payload.
	Sequence uint16
}

// Sent is what one subscription was sent: by output number the packet and the
// numbers it left with, N, so that a copy says the same. It belongs to the send
// loop of the subscriber's lane.
type Sent[N any] struct {
	cells   []sent[N] // a power of two, by number
	numbers packet.Unwrapper[uint16]
	border  int64 // nothing below is sent again
	counts  [Outcomes]uint64
}

// sent is one packet that left: 64 bytes, a line of the cache, if N takes 24.
type sent[N any] struct {
	handle packet.Handle
	number int64
	again  unit.Instant // when it was sent again last, Never if not
	with   N
	used   bool
	empty  bool // there is no packet, its number was only filled
	times  uint8
}

// NewSent makes room for so many packets, rounded up to a power of two, at most
// 32768: the time that a Ring holds them × the rate. 64 are a second of audio,
// 512 of video at 4 Mbit/s.
func NewSent[N any](room int) *Sent[N] {
	return &Sent[N]{cells: make([]sent[N], min(powerOfTwo(room), 1<<15)), border: math.MinInt64}
}

// Add remembers what left with a number: the packet's handle, or the zero Handle
// for what has no payload. Late packets may come after those with higher numbers.
func (s *Sent[N]) Add(sequence uint16, handle packet.Handle, with N) {
	number := s.numbers.Unwrap(sequence)
	cell := s.cell(number)
	if cell.used && cell.number > number {
		return // so late that its place is taken
	}
	cell.handle, cell.number, cell.with = handle, number, with
	cell.again, cell.times = unit.Never, 0
	cell.used, cell.empty = true, handle == packet.Handle{}
}

// Border says that nothing sent before the number is of use any more: with it a
// key frame of another layer began, or the stream after a pause.
func (s *Sent[N]) Border(sequence uint16) {
	s.border = s.numbers.Unwrap(sequence)
}

// Again says what to do about a number that the subscriber asks for. Anything
// else than Resend means nothing, and is counted. A packet that was not sent again
// yet may be at once: the question itself took its time. The round trip is 0 if it
// is not known.
func (s *Sent[N]) Again(sequence uint16, roundTrip time.Duration, now unit.Instant) (Copy[N], Outcome) {
	found, outcome := s.again(sequence, roundTrip, now)
	s.counts[outcome]++
	return found, outcome
}

// With gives the numbers that a packet left with, false if nothing was sent under
// its own, or too long ago to know.
func (s *Sent[N]) With(sequence uint16) (with N, ok bool) {
	newest, begun := s.numbers.Newest()
	number := newest - int64(uint16(newest)-sequence) // what is spoken of lies behind
	if cell := s.cell(number); begun && cell.used && cell.number == number {
		return cell.with, true
	}
	return with, false
}

func (s *Sent[N]) again(sequence uint16, roundTrip time.Duration, now unit.Instant) (Copy[N], Outcome) {
	newest, begun := s.numbers.Newest()
	number := newest - int64(uint16(newest)-sequence) // what is asked for lies behind
	cell := s.cell(number)
	switch {
	case !begun || !cell.used || cell.number != number:
		return Copy[N]{}, Foreign
	case number < s.border:
		return Copy[N]{}, Left
	case cell.times >= againMost:
		return Copy[N]{}, Often
	case cell.times > 0 && now.Sub(cell.again) < tripOr(roundTrip):
		return Copy[N]{}, Soon
	}
	found := Copy[N]{Numbers: cell.with, Sequence: sequence}
	if !cell.empty {
		if found.Packet = cell.handle.Retain(); found.Packet == nil {
			return Copy[N]{}, Gone
		}
	}
	cell.times, cell.again = cell.times+1, now
	return found, Resend
}

func tripOr(roundTrip time.Duration) time.Duration {
	if roundTrip <= 0 {
		return tripUnknown
	}
	return roundTrip
}

func (s *Sent[N]) cell(number int64) *sent[N] { return &s.cells[number&int64(len(s.cells)-1)] }

// Count tells how many questions had the outcome so far.
func (s *Sent[N]) Count(o Outcome) uint64 { return s.counts[o] }
