package clip

import "encoding/binary"

// StampSize is that of what Stamp writes.
const StampSize = 16

const (
	// mark is what a stamp ends with; the last byte is what units of H.264 and of AV1
	// end with.
	mark = "time\x80"
	// The bytes of an instant, and of a number.
	instantBytes, fromBytes = 9, 2
)

// Stamp writes into the last bytes of a packet whose it is, a number below 16384, and
// an instant of any clock in nanoseconds. No byte of it is 0, so that it can stand in
// a unit of H.264 as it is.
//
//	|1| 7 bits of the instant, nine times |1| 7 bits of the number, twice | mark
func Stamp(packet []byte, from int, at int64) {
	tail := packet[len(packet)-StampSize:]
	sevens(tail[:instantBytes], uint64(at))
	sevens(tail[instantBytes:][:fromBytes], uint64(from))
	copy(tail[instantBytes+fromBytes:], mark)
}

func sevens(dst []byte, value uint64) {
	for i := range dst {
		dst[i] = 0x80 | byte(value>>(7*i))
	}
}

// ReadStamp gives what a packet was stamped with; false if it was not. Behind the stamp
// may be the index of a superframe.
func ReadStamp(packet []byte) (from int, at int64, ok bool) {
	packet = beforeIndex(packet)
	if len(packet) < StampSize {
		return 0, 0, false
	}
	tail := packet[len(packet)-StampSize:]
	if string(tail[instantBytes+fromBytes:]) != mark {
		return 0, 0, false
	}
	for i, b := range tail[:instantBytes] {
		at |= int64(b&0x7f) << (7 * i)
	}
	n := binary.LittleEndian.Uint16(tail[instantBytes:])
	return int(n&0x7f) | int(n>>8&0x7f)<<7, at, true
}
