package transport

import "time"

// splice renumbers packets so that one source after another goes on where the
// last ended. The zero value passes the first source through unchanged.
//
// It is a value without locks; times are arguments.
type splice struct {
	started   bool
	cutting   bool // the next packet is of another source
	sequence  uint16
	timestamp uint32
	lastSeq   uint16 // highest sent
	lastTime  uint32 // with it
	lastAt    time.Time
}

// cut says that the next packet comes from another source.
func (s *splice) cut() { s.cutting = s.started }

// next gives the numbers to send for those of a packet. After a cut the
// sequence goes on by one and the timestamp by the time that has passed.
func (s *splice) next(sequence uint16, timestamp, clock uint32, now time.Time) (uint16, uint32) {
	if s.cutting {
		s.cutting = false
		passed := max(now.Sub(s.lastAt), time.Millisecond)
		s.sequence = s.lastSeq + 1 - sequence
		s.timestamp = s.lastTime + uint32(passed.Seconds()*float64(clock)) - timestamp
	}
	sequence += s.sequence
	timestamp += s.timestamp
	if !s.started || int16(sequence-s.lastSeq) > 0 {
		s.started = true
		s.lastSeq, s.lastTime, s.lastAt = sequence, timestamp, now
	}
	return sequence, timestamp
}
