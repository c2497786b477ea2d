package clip

import "hash/crc32"

// StampSize is that of what Stamp writes.
const StampSize = 16

const (
	// mark is what a stamp ends with behind its check; the last byte is what units of H.264
	// and of AV1 end with.
	mark = "at\x80"
	// The bytes of an instant, of a number, and of what both are checked by.
	instantBytes, fromBytes, checkBytes = 9, 2, 2
	checked                             = instantBytes + fromBytes
)

// Stamp writes into the last bytes of a packet whose it is, a number below 16384, and
// an instant of any clock in nanoseconds. No byte of it is 0, so that it can stand in
// a unit of H.264 as it is. Its check tells a whole one from the end of one that a server
// has cut in two.
//
//	|1| 7 bits of the instant, nine times |1| 7 bits of the number, twice |1| 7 bits of
//	the CRC-32 of what is before, twice | mark
func Stamp(packet []byte, from int, at int64) {
	tail := packet[len(packet)-StampSize:]
	sevens(tail[:instantBytes], uint64(at))
	sevens(tail[instantBytes:checked], uint64(from))
	sevens(tail[checked:][:checkBytes], check(tail))
	copy(tail[checked+checkBytes:], mark)
}

func check(stamp []byte) uint64 { return uint64(crc32.ChecksumIEEE(stamp[:checked])) }

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
	if string(tail[checked+checkBytes:]) != mark || sevensOf(tail[checked:][:checkBytes]) != check(tail)&0x3fff {
		return 0, 0, false
	}
	return int(sevensOf(tail[instantBytes:checked])), int64(sevensOf(tail[:instantBytes])), true
}

func sevensOf(bytes []byte) (value uint64) {
	for i, b := range bytes {
		value |= uint64(b&0x7f) << (7 * i)
	}
	return value
}
