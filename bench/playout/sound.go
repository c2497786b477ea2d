package playout

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// SoundClock is ticks of Opus' timestamps in a second (RFC 7587 section 4.1).
	SoundClock = 48_000
	// heardInTime and heardAfter are what NetEq of libwebrtc aims at: a delay that 97
	// packets of a hundred keep, and a packet's time at least
	// (modules/audio_coding/neteq/delay_manager.cc).
	heardInTime = 0.97
	heardAfter  = 20 * time.Millisecond
	// back is how many numbers are looked at for packets that came twice.
	back = 512
)

// Sound is one stream of sound as its receiver hears it.
type Sound struct {
	delay   *Delay
	begun   bool
	first   int64
	highest int64
	came    [back]int64 // numbers, and 1
	heard   uint64
}

// Hearing is what came of a sound, in packets. Both only grow.
type Hearing struct {
	Expected uint64 // by the numbers that came
	Heard    uint64 // that were there when it was their turn
}

// NewSound makes one that nothing has arrived of.
func NewSound() *Sound { return &Sound{delay: NewDelay(SoundClock, heardInTime, heardAfter)} }

// Put takes a packet in. What comes after its turn is not heard: a receiver has made
// something up by then.
func (s *Sound) Put(sequence uint16, timestamp uint32, at unit.Instant) {
	if !s.begun {
		s.begun, s.first, s.highest = true, 1<<16+int64(sequence), 1<<16+int64(sequence)
	}
	number := s.highest + int64(int16(sequence-uint16(s.highest)))
	s.highest = max(s.highest, number)
	if number < s.first || number <= s.highest-back || s.came[number%back] == number+1 {
		return
	}
	s.came[number%back] = number + 1
	if !s.delay.Due(timestamp, at).Before(at) {
		s.heard++
	}
}

// Hearing gives what was heard until now.
func (s *Sound) Hearing() Hearing {
	if !s.begun {
		return Hearing{}
	}
	return Hearing{uint64(s.highest-s.first) + 1, s.heard}
}

// Since gives what was heard after an earlier look.
func (h Hearing) Since(earlier Hearing) Hearing {
	return Hearing{h.Expected - earlier.Expected, h.Heard - earlier.Heard}
}

// Concealed is the part, 0 to 1, that a receiver had to make up.
func (h Hearing) Concealed() float64 {
	if h.Expected == 0 {
		return 0
	}
	return 1 - float64(h.Heard)/float64(h.Expected)
}
