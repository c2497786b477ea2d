package dependency

import "math/bits"

// reader reads a bit stream from its most significant bit. Reading past the end
// gives zeros and sets failed.
type reader struct {
	data   []byte
	at     int // in bits
	failed bool
}

// read takes f(n) of section A.8.2, n at most 32.
func (r *reader) read(n int) uint32 {
	if r.at+n > 8*len(r.data) {
		r.at, r.failed = 8*len(r.data), true
		return 0
	}
	var value uint64 // up to 39 bits: n and the rest of the first byte
	first, last := r.at/8, (r.at+n+7)/8
	for _, b := range r.data[first:last] {
		value = value<<8 | uint64(b)
	}
	r.at += n
	value >>= 8*last - r.at
	return uint32(value & (1<<n - 1))
}

func (r *reader) flag() bool { return r.read(1) == 1 }

// limited takes ns(n) of section A.8.2: a number below n, the smallest of which
// are a bit shorter.
func (r *reader) limited(n uint32) uint32 {
	width := bits.Len32(n)
	short := uint32(1)<<width - n
	value := r.read(width - 1)
	if value < short {
		return value
	}
	return value<<1 - short + r.read(1)
}

// writer appends a bit stream to dst, filled up with zeros to whole bytes.
type writer struct {
	dst  []byte
	free int // bits of the last byte
}

// write appends the lowest n bits of value, n at most 32.
func (w *writer) write(value uint32, n int) {
	for n > 0 {
		if w.free == 0 {
			w.dst = append(w.dst, 0)
			w.free = 8
		}
		take := min(n, w.free)
		part := value >> (n - take) & (1<<take - 1)
		w.free -= take
		w.dst[len(w.dst)-1] |= byte(part << w.free)
		n -= take
	}
}

// limited appends ns(n), as reader.limited takes it.
func (w *writer) limited(value, n uint32) {
	width := bits.Len32(n)
	short := uint32(1)<<width - n
	if value < short {
		w.write(value, width-1)
		return
	}
	w.write(value+short, width)
}

// copy appends the bits of data from one place to another.
func (w *writer) copy(data []byte, from, to int) {
	r := reader{data: data, at: from}
	for r.at < to {
		n := min(32, to-r.at)
		w.write(r.read(n), n)
	}
}
