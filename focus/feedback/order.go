package feedback

// How far a sequence number may jump and still belong to the stream
// (RFC 3550 A.1, whose hundred late ones are few at today's rates).
const (
	aheadMost  = 3000
	behindMost = 1000
)

// place is where a number lies among those that came before.
type place uint8

const (
	placeNew     place = iota // above all others
	placeLate                 // below the highest, or the highest again
	placeStrange              // far away: not of this stream unless the next follows it
	placeRestart              // the second in a row that is far away: counting begins anew
)

// order unwraps 16-bit numbers: the low 16 bits of an unwrapped one are the
// number. A stream that begins, or begins anew, does so below 65536.
type order struct {
	started bool
	strange uint16
	highest int64
}

func (o *order) put(number uint16) (int64, place) {
	if !o.started {
		o.started, o.highest, o.strange = true, int64(number), number-1
		return o.highest, placeRestart
	}
	ahead := number - uint16(o.highest)
	switch {
	case ahead == 0:
		return o.highest, placeLate
	case ahead < aheadMost:
		o.highest += int64(ahead)
		return o.highest, placeNew
	case ahead >= 1<<16-behindMost:
		return o.highest - int64(-ahead), placeLate
	case number == o.strange:
		o.highest = int64(number)
		return o.highest, placeRestart
	}
	o.strange = number + 1
	return 0, placeStrange
}

// number finds the unwrapped number nearest to the highest.
func (o *order) number(n uint16) int64 {
	return o.highest + int64(int16(n-uint16(o.highest)))
}
