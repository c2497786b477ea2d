package frame

// bits reads a bit stream from its most significant bit. Reading past the end
// gives zeros and sets failed.
type bits struct {
	data   []byte
	offset int // in bits
	// escaped: emulation prevention bytes are read over (ITU-T H.264
	// section 7.4.1.1).
	escaped bool
	failed  bool
}

// read takes up to 32 bits.
func (b *bits) read(count int) uint32 {
	var value uint32
	for range count {
		value <<= 1
		if b.escaped && b.offset%8 == 0 && b.atEscape() {
			b.offset += 8
		}
		if b.offset/8 >= len(b.data) {
			b.failed = true
			continue
		}
		value |= uint32(b.data[b.offset/8]>>(7-b.offset%8)) & 1
		b.offset++
	}
	return value
}

// atEscape reports whether the next byte only breaks up a run of zeros.
func (b *bits) atEscape() bool {
	i := b.offset / 8
	return i >= 2 && i < len(b.data) && b.data[i] == 3 && b.data[i-1] == 0 && b.data[i-2] == 0
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
