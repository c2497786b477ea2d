package frame

// bits reads a bit stream from its most significant bit. Reading past the end
// gives zeros and sets failed.
type bits struct {
	data   []byte
	offset int // in bits
	failed bool
}

// read takes up to 32 bits.
func (b *bits) read(count int) uint32 {
	var value uint32
	for range count {
		value <<= 1
		if b.offset/8 >= len(b.data) {
			b.failed = true
			continue
		}
		value |= uint32(b.data[b.offset/8]>>(7-b.offset%8)) & 1
		b.offset++
	}
	return value
}

// golomb takes an unsigned Exp-Golomb code (ITU-T H.264 section 9.1).
func (b *bits) golomb() uint32 {
	zeros := 0
	for b.read(1) == 0 {
		zeros++
		if zeros > 31 || b.failed {
			b.failed = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.read(zeros)
}
